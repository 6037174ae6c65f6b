import re
from typing import Any

import pytest

from ktrlplane.domain.patterns import compiled
from ktrlplane.domain.schema_faults import (
    names_something,
    nulls,
    schema_faults,
    strangers,
    subschemas,
)

LEAF: dict[str, Any] = {"type": "object", "additionalProperties": False}


def whole(**parts: Any) -> dict[str, Any]:
    return {**LEAF, **parts}


def found(schema: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in schema_faults(schema)]


def test_schemas_are_told_from_what_only_looks_like_one() -> None:
    schema = {
        "properties": {"default": {"items": {}}, "a/b": {}, "no": False},
        "default": {"properties": {"x": {}}},
        "enum": [{"items": {}}],
        "anyOf": [{}, True],
        "patternProperties": {"^x": {}},
    }
    assert [at for at, _ in subschemas(schema)] == [
        "",
        "/properties/default",
        "/properties/default/items",
        "/properties/a~1b",
        "/anyOf/0",
        "/patternProperties/^x",
    ]


def test_properties_may_be_called_as_keywords_are() -> None:
    names = ("$id", "pattern", "format", "$ref", "if", "unheard")
    assert found(whole(properties={name: {"type": "string"} for name in names})) == []


def test_words_of_ones_own_begin_with_x() -> None:
    assert found(whole(**{"x-order": 3, "order": 3})) == [("/order", "unknown_keyword")]


def test_a_part_of_a_condition_need_not_be_closed() -> None:
    part = {"type": "object", "properties": {"a": {"const": 1}}}
    assert found(whole(**{"if": part, "then": part, "allOf": [part], "not": part})) == []
    assert found(whole(anyOf=[part])) == [("/anyOf/0", "open_object")]
    assert found(whole(properties={"if": part})) == [("/properties/if", "open_object")]


def test_settings_are_an_object() -> None:
    assert found({"type": "array"}) == [("", "not_an_object")]
    assert found({"$ref": "#/$defs/Whole", "$defs": {"Whole": LEAF}}) == []


@pytest.mark.parametrize(
    ("definitions", "at"),
    [
        ({"A": {"$ref": "#/$defs/A"}}, ["/$defs/A/$ref"]),
        ({"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"items": {"$ref": "#/$defs/A"}}},
         ["/$defs/A/items/$ref", "/$defs/B/items/$ref"]),
        ({"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"items": {"$ref": "#/$defs/C"}}, "C": {}},
         []),
        ({"A": {"items": {"$ref": "#/$defs/AB"}}, "AB": {}}, []),
        ({"A": {"items": {"$ref": "#/$defs/A/properties/x"}, "properties": {"x": {}}}}, []),
    ],
)  # fmt: skip
def test_only_references_that_come_back_are_recursive(
    definitions: dict[str, Any], at: list[str]
) -> None:
    assert found({**LEAF, "$defs": definitions}) == [(place, "recursive_ref") for place in at]


def test_a_secret_reference_may_say_its_type_elsewhere() -> None:
    secret = {"$ref": "#/$defs/Object", "format": "secret-ref"}
    schema = {**LEAF, "$defs": {"Object": LEAF, "Secret": secret}}
    assert found(schema) == []


PLACES = {
    "properties": {
        "sinks": {"properties": {"kafka": {"items": {"$ref": "#/$defs/Sink"}}}},
        "env": {"additionalProperties": {"properties": {"value": {}}}},
        "pair": {"prefixItems": [{"properties": {"left": {}}}]},
        "either": {"anyOf": [{"properties": {"one": {}}}, {"properties": {"two": {}}}]},
        "gone": False,
        "a/b": {},
    },
    "patternProperties": {"^x-": {}},
    "$defs": {"Sink": {"properties": {"name": {}}}},
}


@pytest.mark.parametrize(
    "place",
    ["", "/sinks", "/sinks/*/*/name", "/sinks/kafka/0/name", "/*", "/env/*/value", "/env/X/value",
     "/pair/0/left", "/either/two", "/a~1b", "/x-mine"],
)  # fmt: skip
def test_places_that_settings_can_have(place: str) -> None:
    assert names_something(PLACES, place)


@pytest.mark.parametrize(
    "place", ["/sinks/name", "/sinks/*/*/nome", "/sinks/kafka/first/name", "/env/X/other"]
)
def test_places_that_settings_cannot_have(place: str) -> None:
    assert not names_something({**PLACES, "patternProperties": {}}, place)
    assert not names_something({**PLACES, "patternProperties": {}}, "/gone")


def test_an_overlay_narrows_through_references() -> None:
    overlay = {
        "properties": {
            "sinks": {"properties": {"kafka": {"items": {"properties": {"name": {}}}}}},
            "env": {"additionalProperties": {"properties": {"value": {}}}},
            "either": {"properties": {"two": {}}},
        },
        "$defs": {"Sink": {"properties": {"name": {}}}},
    }
    assert list(strangers(overlay, [PLACES], PLACES)) == []


def test_an_overlay_that_narrows_nothing_is_told_where() -> None:
    overlay = {
        "properties": {
            "sinks": {"properties": {"kafka": {"items": {"properties": {"nome": {}}}}}},
            "env": {"additionalProperties": {"properties": {"valeu": {}}}},
        },
        "$defs": {"Sink": {"properties": {"a/b": {}}}, "Sank": {}},
    }
    assert [fault.pointer for fault in strangers(overlay, [PLACES], PLACES)] == [
        "/properties/sinks/properties/kafka/items/properties/nome",
        "/properties/env/additionalProperties/properties/valeu",
        "/$defs/Sink/properties/a~1b",
        "/$defs/Sank",
    ]


def test_null_in_a_list_takes_nothing_away() -> None:
    overlay = {"properties": {"a": {"enum": [None, 1], "default": None}}}
    assert [fault.pointer for fault in nulls(overlay)] == ["/properties/a/default"]


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^a$", "a\n", False),
        (r"^a\$$", "a$", True),
        (r"^[$]$", "$", True),
        (r"^[\]$]+$", "]$", True),
        (r"^\d$", "٣", False),
        (r"^[\d-]+$", "2026-01", True),
        (r"^\w+$", "é", False),
        (r"^\\d$", r"\d", True),
        (r"^\S", "\N{NO-BREAK SPACE}x", False),
        ("^.{3}$", "né!", True),
    ],
)
def test_patterns_are_those_of_ecmascript(pattern: str, text: str, *, fits: bool) -> None:
    assert (compiled(pattern).search(text) is not None) is fits


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "(?<name>a)", "*", "\\"])
def test_patterns_that_do_not_compile_say_why(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape("does not compile: ")):
        compiled(pattern)
