"""The page about access tells what every operation needs."""

import re
from pathlib import Path
from typing import Final

import pytest

from ktrlplane.domain.access import Action
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.operations import Needs, anybody, needs, signed_in
from ktrlplane.entrypoints.http.permission_table import SCOPES, main, table, told, written_into

PAGE: Final = Path(__file__).parents[2] / "docs" / "access.md"
ROW: Final = re.compile(r"^\| (`.+`) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_the_page_has_the_table_of_today() -> None:
    page = PAGE.read_text()
    assert page == written_into(page), (
        "What operations need has changed. Look at what changed, then write it anew: "
        f"python -m ktrlplane.entrypoints.http.permission_table docs/{PAGE.name}"
    )


def test_a_page_is_written_anew_between_its_marks(tmp_path: Path) -> None:
    page = PAGE.read_text()
    copy = tmp_path / "access.md"
    copy.write_text(page.replace("| `GET /users/me` |", "| `GET /users/you` |"))
    main(copy)
    assert copy.read_text() == page
    with pytest.raises(ValueError, match="marks"):
        written_into("# A page without them")


def test_every_operation_is_in_the_table_once() -> None:
    shown = [
        request.replace("{scope}", scope)
        for requests, _, _ in ROW.findall(table(OPERATIONS))
        for request in re.findall(r"`([^`]+)`", requests)
        for scope in (SCOPES.values() if "{scope}" in request else ("",))
    ]
    assert sorted(shown) == sorted(f"{one.method} {one.path}" for one in OPERATIONS)


@pytest.mark.parametrize(
    ("declared", "phrase"),
    [
        (anybody(), "no token"),
        (signed_in(), "a token"),
        (signed_in("lists what one may read"), "a token; lists what one may read"),
        (needs(Action.READ, on="project"), "`read` on the project"),
        (
            needs(Action.DELETE, on="project", note="and write on the organization"),
            "`delete` on the project; and `write` on the organization",
        ),
        (
            needs(Action.MANAGE_ACCESS, on="each scope that is listed", note="or escalate"),
            "`manage_access` on each scope that is listed; or `escalate`",
        ),
    ],
)
def test_what_is_needed_is_told_as_a_phrase(declared: Needs, phrase: str) -> None:
    assert told(declared) == phrase


def test_every_operation_says_what_it_needs() -> None:
    for operation in OPERATIONS:
        declared = operation.needs
        assert bool(declared.actions) == bool(declared.scope), operation.name
        assert operation.public == (declared == anybody()), operation.name
        below = ("{org_id}", "{project_id}", "{resource_id}", "{group_id}")
        if any(parameter in operation.path for parameter in below):
            assert declared.scope in SCOPES, operation.name
