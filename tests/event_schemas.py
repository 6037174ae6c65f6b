"""Events held to the schemas that are published for them, and to nothing beyond these."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

from ktrlplane.domain.chains import Entry

FOLDER: Final = Path(__file__).parent.parent / "schemas" / "events"


def faults_of(entry: Entry) -> Sequence[str]:
    """What is wrong with an event as the audit log shows it."""
    validator = _validator(entry.event.type.value, entry.event.version)
    told = json.loads(entry.text)
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(told)]


@cache
def _validator(kind: str, version: int) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"v{version}" / f"{kind}.json").read_text())
    return Draft202012Validator(_closed(schema), format_checker=FormatChecker())


def _closed(schema: Any) -> Any:
    """Readers must take members that they do not know; here nothing is told that no schema
    knows."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in schema:
        closed["additionalProperties"] = False
    return closed
