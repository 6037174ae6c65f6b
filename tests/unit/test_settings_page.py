"""docs/settings.md says of every setting what the code does."""

import re
from pathlib import Path
from typing import Final

from attrs import fields

from ktrlplane.entrypoints.setting_values import written
from ktrlplane.entrypoints.settings import Settings, variable

REPOSITORY: Final = Path(__file__).parents[2]
ROW: Final = re.compile(r"^\| `(KTRLPLANE_\w+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", re.MULTILINE)
ROWS: Final = ROW.findall((REPOSITORY / "docs" / "settings.md").read_text())
SOURCE: Final = "\n".join(
    path.read_text() for path in sorted((REPOSITORY / "ktrlplane").rglob("*.py"))
)


def test_every_setting_is_on_the_page_once() -> None:
    assert sorted(name for name, _, _ in ROWS) == sorted(
        variable(setting.name) for setting in fields(Settings)
    )


def test_every_default_is_what_it_says() -> None:
    settings = Settings()
    defaults = {
        variable(setting.name): written(getattr(settings, setting.name))
        for setting in fields(Settings)
    }
    defaults[variable("data_dir")] = "./.ktrlplane"
    assert {name: default for name, default, _ in ROWS} == defaults


def test_what_nothing_uses_yet_is_said_to_be_so() -> None:
    said = {name for name, _, meaning in ROWS if meaning.startswith("*not used yet*")}
    unused = {
        variable(setting.name)
        for setting in fields(Settings)
        if re.search(rf"\b(settings|provided|self)\.{setting.name}\b", SOURCE) is None
    }
    assert said == unused
