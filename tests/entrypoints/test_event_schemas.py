import json
from pathlib import Path
from typing import Final

from jsonschema import Draft202012Validator

from ktrlplane.domain.events import EventType
from ktrlplane.entrypoints.event_schemas import files, write
from tests.event_schemas import FOLDER

WRITTEN: Final = {
    path.relative_to(FOLDER).as_posix(): path.read_text() for path in FOLDER.rglob("*.json")
}


def test_the_schemas_are_those_of_the_code() -> None:
    assert dict(files()) == WRITTEN
    assert set(WRITTEN) == {f"v1/{kind}.json" for kind in EventType}


def test_they_are_schemas() -> None:
    for text in WRITTEN.values():
        Draft202012Validator.check_schema(json.loads(text))


def test_they_are_written_where_one_wants_them(tmp_path: Path) -> None:
    write(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.json")} == {f"{one}.json" for one in EventType}
