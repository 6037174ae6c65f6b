import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.documents import (
    MAX_DEPTH,
    MAX_KEY,
    Document,
    escape,
    faults_of,
    merge_patch,
    pointer,
    select,
    without,
)
from ktrlplane.domain.errors import MAX_FAULTS

keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | keys
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
)
objects = st.dictionaries(keys, values, max_size=4)


def nested(depth: int) -> Any:
    document: Any = 1
    for _ in range(depth):
        document = {"a": document}
    return document


class TestDocument:
    @given(objects)
    def test_says_what_it_was_made_of(self, value: dict[str, Any]) -> None:
        document = Document.of(value)
        assert json.loads(document.text) == document.value == value
        assert Document(document.text) == document

    @given(objects)
    def test_is_equal_by_content_and_not_by_how_it_is_written(self, value: dict[str, Any]) -> None:
        reversed_keys = dict(reversed(value.items()))
        other = Document(json.dumps(reversed_keys, indent=1))
        assert Document.of(value) == other
        assert hash(Document.of(value)) == hash(other)

    @pytest.mark.parametrize(
        ("one", "other"), [(True, 1), (1, 1.0), (0, False), ("1", 1), ([], {}), (None, 0)]
    )
    def test_tells_values_apart_that_python_does_not(self, one: Any, other: Any) -> None:
        assert Document.of({"a": one}) != Document.of({"a": other})

    def test_is_not_changed_by_who_changes_what_it_says(self) -> None:
        document = Document.of({"a": {"b": 1}})
        document.value["a"]["b"] = 2
        assert document.value == {"a": {"b": 1}}

    def test_is_no_other_thing(self) -> None:
        assert Document.of({}) != {}
        assert Document.of({}) != "{}"

    @pytest.mark.parametrize("number", [float("nan"), float("inf")])
    def test_refuses_what_json_cannot_say(self, number: float) -> None:
        with pytest.raises(ValueError, match="JSON"):
            Document.of({"a": number})


class TestMergePatch:
    @pytest.mark.parametrize(
        ("target", "patch", "result"),
        [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            (["a", "b"], ["c", "d"], ["c", "d"]),
            ({"a": "b"}, ["c"], ["c"]),
            ({"a": "foo"}, None, None),
            ({"a": "foo"}, "bar", "bar"),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_does_what_appendix_a_of_rfc_7396_says(
        self, target: Any, patch: Any, result: Any
    ) -> None:
        assert merge_patch(target, patch) == result

    @given(objects, objects)
    def test_changes_neither_of_them(self, target: dict[str, Any], patch: dict[str, Any]) -> None:
        before = json.dumps([target, patch])
        merge_patch(target, patch)
        assert json.dumps([target, patch]) == before

    @given(objects, objects)
    def test_twice_is_once(self, target: dict[str, Any], patch: dict[str, Any]) -> None:
        once = merge_patch(target, patch)
        assert merge_patch(once, patch) == once

    @given(objects)
    def test_of_nothing_changes_nothing(self, target: dict[str, Any]) -> None:
        assert merge_patch(target, {}) == target


class TestFaults:
    @given(values)
    def test_there_are_none_in_what_json_can_say(self, value: Any) -> None:
        assert faults_of(value) == []

    def test_each_is_told_with_its_place_in_order(self) -> None:
        document = {
            "b": [1, "nul\0", float("inf")],
            "a~/": {"x\0": 1, "y": float("nan")},
            "ok": "fine",
        }
        assert [(fault.pointer, fault.code) for fault in faults_of(document, "/at")] == [
            ("/at/a~0~1", "nul"),
            ("/at/a~0~1/y", "number_range"),
            ("/at/b/1", "nul"),
            ("/at/b/2", "number_range"),
        ]

    def test_of_many_about_the_first_hundred_are_told(self) -> None:
        faults = faults_of({"a": ["\0"] * 10_000, **{f"\0{n}": 1 for n in range(10_000)}})
        assert MAX_FAULTS <= len(faults) < 2 * MAX_FAULTS

    def test_names_have_an_end_and_are_not_repeated(self) -> None:
        assert faults_of({"k" * MAX_KEY: 1}) == []
        (fault,) = faults_of({"a": {"k" * (MAX_KEY + 1): ["\0"] * 1000}})
        assert (fault.pointer, fault.code) == ("/a", "key_too_long")

    def test_a_long_name_is_not_spelled_out_for_all_that_is_below(self) -> None:
        document = {"k" * MAX_KEY: [0] * 10_000}
        tracemalloc.start()
        try:
            assert faults_of(document) == []
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 5_000_000

    def test_nesting_has_an_end(self) -> None:
        assert faults_of(nested(MAX_DEPTH)) == []
        assert [fault.code for fault in faults_of(nested(MAX_DEPTH + 1))] == ["too_deep"]

    def test_no_depth_exhausts_the_stack(self) -> None:
        (fault,) = faults_of(nested(100_000), "/settings_json")
        assert (fault.pointer, fault.code) == ("/settings_json", "too_deep")


def all_places(value: Any, at: tuple[str | int, ...] = ()) -> dict[str, Any]:
    """Every value in ``value`` by its pointer, told by recursion."""
    found = {pointer(at): value}
    if isinstance(value, dict):
        for key, member in value.items():
            found |= all_places(member, (*at, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found |= all_places(member, (*at, index))
    return found


DOCUMENT = {"a": [{"b": 1}, {"b": 2}, 3], "a/b": {"~": 4}, "*": 5}


class TestSelecting:
    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("", [("", DOCUMENT)]),
            ("/a/*/b", [("/a/0/b", 1), ("/a/1/b", 2)]),
            ("/a/1/b", [("/a/1/b", 2)]),
            ("/a/2", [("/a/2", 3)]),
            ("/a~1b/~0", [("/a~1b/~0", 4)]),
            ("/nosuch/*", []),
            ("/a/2/*", []),
            ("/a/9", []),
        ],
    )
    def test_finds_every_value_at_a_pattern(
        self, pattern: str, found: list[tuple[str, Any]]
    ) -> None:
        assert list(select(DOCUMENT, pattern)) == found

    @given(values)
    def test_a_pointer_finds_its_value(self, document: Any) -> None:
        for at, value in all_places(document).items():
            if "*" not in at:
                assert list(select(document, at)) == [(at, value)]

    @given(values, st.integers(0, 3))
    def test_stars_find_all_at_their_depth(self, document: Any, depth: int) -> None:
        places = all_places(document)
        found = dict(select(document, "/*" * depth))
        assert found == {at: value for at, value in places.items() if at.count("/") == depth}


@given(st.text())
def test_a_step_never_holds_a_slash(key: str) -> None:
    assert "/" not in escape(key)
    assert escape(key).replace("~1", "/").replace("~0", "~") == key


def filled(document: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """``document`` with what it leaves open, and nothing else said of what is in both."""
    both = {**defaults, **document}
    for key in document.keys() & defaults.keys():
        one, other = document[key], defaults[key]
        if isinstance(one, dict) and isinstance(other, dict):
            both[key] = filled(one, other)
    return both


@given(objects, objects)
def test_what_is_as_by_default_comes_back_with_the_defaults(
    document: dict[str, Any], defaults: dict[str, Any]
) -> None:
    chosen = without(filled(document, defaults), defaults)
    assert Document.of(filled(chosen, defaults)) == Document.of(filled(document, defaults))
    assert without(document, document) == {}


def test_only_what_is_as_by_default_is_left_out() -> None:
    defaults = {"a": 1, "b": {"c": True, "d": [1]}, "e": {}}
    document = {"a": True, "b": {"c": True, "d": [1, 2]}, "e": {}, "f": {}}
    assert without(document, defaults) == {"a": True, "b": {"d": [1, 2]}, "f": {}}
