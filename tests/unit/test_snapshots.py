"""What events tell of things, and what they keep to themselves."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.canonical_json import MAX_INTEGER
from ktrlplane.domain.documents import escape, select
from ktrlplane.domain.snapshots import REDACTED, changes_of, redacted, snapshot
from tests.builders import ALICE, NOW, VIEWER, a_resource, an_assignment

KEYS = st.sampled_from(["a", "b", "a/b", "~", "size", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
OBJECTS = st.dictionaries(KEYS, DOCUMENTS, max_size=4)
PLACES = st.lists(st.sampled_from(["*", "a", "b", "a/b", "~"]), min_size=1, max_size=3)


def as_place(steps: list[str]) -> str:
    return "".join(f"/{step if step == '*' else escape(step)}" for step in steps)


@given(OBJECTS, st.lists(PLACES, max_size=3))
def test_nothing_is_told_of_what_is_at_a_place_for_secrets(
    document: dict[str, Any], places: list[list[str]]
) -> None:
    patterns = [as_place(steps) for steps in places]
    told = redacted(document, patterns)
    for pattern in patterns:
        for _, value in select(told, pattern):
            assert value in (REDACTED, None)


@given(OBJECTS)
def test_what_is_no_secret_is_told_as_it_is_but_for_numbers_that_few_read(
    document: dict[str, Any],
) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
            return str(value)
        return value

    assert json.dumps(redacted(document)) == json.dumps(plain(document))


@pytest.mark.parametrize(
    "name",
    ["password", "adminPasswd", "client_secret", "apiKey", "API_KEY", "private-key", "authToken"],
)
def test_what_goes_by_the_name_of_a_secret_is_not_told(name: str) -> None:
    hidden = name.replace("-", "_")
    told = redacted({"deep": [{hidden: "s3cr3t"}], hidden: {"value": "s3cr3t"}})
    assert "s3cr3t" not in json.dumps(told)
    assert told["deep"][0] == {hidden: REDACTED}


def test_a_number_is_no_secret_by_its_name() -> None:
    settings = {"max_tokens": 4096, "use_secret": True, "password": None, "temperature": 0.5}
    assert redacted(settings) == settings


@given(OBJECTS, OBJECTS)
def test_changes_are_what_differs_and_all_of_it(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    told = changes_of(before, after)
    was, is_now = told["before"], told["after"]
    assert was.keys() == is_now.keys()
    for key in {*before, *after}:
        same = json.dumps(before.get(key), sort_keys=True) == json.dumps(
            after.get(key), sort_keys=True
        )
        # 1 and 1.0 are the same number to whoever reads JSON, and may be told or not.
        if not same and before.get(key) != after.get(key):
            assert key in was
        if same:
            assert key not in was


def test_only_the_members_that_changed_are_told_however_deep() -> None:
    before = {"a": {"b": 1, "c": {"d": [1], "e": 2}}, "same": {"x": 1}}
    after = {"a": {"b": True, "c": {"d": [1, 2], "e": 2}}, "same": {"x": 1}, "new": None}
    assert changes_of(before, after) == {
        "before": {"a": {"b": 1, "c": {"d": [1]}}},
        "after": {"a": {"b": True, "c": {"d": [1, 2]}}},
    }


def test_a_thing_is_told_by_its_fields_as_json() -> None:
    told = snapshot(a_resource())
    assert told is not None
    assert json.loads(json.dumps(told)) == told
    assert told["resource_id"] == "kettle"
    assert "created_at" not in told
    assert snapshot(None) is None


def test_a_scope_is_told_by_its_type_and_id() -> None:
    told = snapshot(an_assignment(ALICE, VIEWER, "organization acme", expires_at=NOW))
    assert told is not None
    assert (told["scope_type"], told["scope_id"]) == ("organization", "acme")
    assert told["expires_at"] == "2026-01-01T00:00:00.000000Z"
