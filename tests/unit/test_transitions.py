from typing import Any

import pytest

from ktrlplane.domain.documents import Difference, Document, size_of
from ktrlplane.domain.transitions import MAX_CHANGES, between
from tests.builders import ALICE, NOW, a_resource


def changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[Difference, ...]:
    was = a_resource(settings_json=Document.of(before))
    now = was.changed(name=was.name, sku="gold", settings=Document.of(after), now=NOW)
    told = between(was, now, actor=ALICE, at=NOW)
    assert told is not None
    return told.changes


def test_what_fits_is_told_whole() -> None:
    most = "x" * (MAX_CHANGES // 2)
    assert changes({"a": 1, "b": most}, {"a": 2, "b": "y"}) == (
        Difference("/sku", "free", "gold"),
        Difference("/settings_json/a", 1, 2),
        Difference("/settings_json/b", most, "y"),
    )


@pytest.mark.parametrize("letter", ["x", "\N{FOUR LEAF CLOVER}", '"'])
def test_values_that_are_too_long_are_left_out_and_said_to_be(letter: str) -> None:
    long = letter * MAX_CHANGES
    assert changes({"a": 1, "b": long, "c": 1}, {"a": 2, "b": "y", "c": 2}) == (
        Difference("/sku", "free", "gold"),
        Difference("/settings_json/a", 1, 2),
        Difference("/settings_json/b", None, None, omitted=True),
        Difference("/settings_json/c", 1, 2),
    )


def many(count: int) -> tuple[Difference, ...]:
    after = {f"{number:0100}": "x" * 1_000 for number in range(count)}
    found = changes({}, after)
    assert size_of([one.kept() for one in found]) <= MAX_CHANGES * 1.1
    return found[1:]


def test_what_changed_is_named_where_the_values_have_no_room() -> None:
    found = many(300)
    assert len({one.pointer for one in found}) == 300
    omitted = [one.omitted for one in found]
    assert omitted == sorted(omitted)
    assert any(omitted)
    assert not omitted[0]
    assert found[0].after == "x" * 1_000


def test_changes_without_number_have_an_end_too() -> None:
    found = many(5_000)
    assert all(one.omitted for one in found)
    assert found[-1].pointer == "/settings_json"
    assert 300 < len({one.pointer for one in found}) < 500
