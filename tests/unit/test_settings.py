import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.errors import MAX_FAULTS, Fault
from ktrlplane.domain.settings import (
    AtMost,
    References,
    SettingsSchema,
    Unique,
    rule_of,
    secret_places,
)

PUMPS = {
    "type": "object",
    "properties": {
        "litres": {"type": "integer", "default": 200},
        "moisture": {
            "type": "object",
            "default": {},
            "properties": {"low": {"default": 25}, "high": {"default": 40}},
        },
        "pumps": {"type": "array", "items": {"$ref": "#/$defs/Pump"}},
        "main": {"$ref": "#/$defs/Pump", "description": "No default, so none is made."},
        "spare": {"$ref": "#/$defs/Pump", "default": {"name": "spare"}},
        "byName": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Pump"}},
    },
    "$defs": {
        "Pump": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "power": {"type": "string", "default": "mains"},
                "pin": {"$ref": "#/$defs/SecretRef", "title": "PIN"},
            },
        },
        "SecretRef": {"type": "object", "format": "secret-ref"},
    },
}


def test_what_is_left_open_is_filled_in() -> None:
    assert SettingsSchema(PUMPS).with_defaults({}) == {
        "litres": 200,
        "moisture": {"low": 25, "high": 40},
        "spare": {"name": "spare", "power": "mains"},
    }


def test_defaults_reach_into_what_is_given() -> None:
    given = {
        "moisture": {"low": 3},
        "pumps": [{}, {"power": "solar"}],
        "main": {},
        "byName": {"well": {}},
    }
    filled = SettingsSchema(PUMPS).with_defaults(given)
    assert filled["moisture"] == {"low": 3, "high": 40}
    assert filled["pumps"] == [{"power": "mains"}, {"power": "solar"}]
    assert filled["main"] == {"power": "mains"}
    assert filled["byName"] == {"well": {"power": "mains"}}


def test_filling_in_leaves_what_was_given_as_it_was() -> None:
    given = {"moisture": {}}
    SettingsSchema(PUMPS).with_defaults(given)
    assert given == {"moisture": {}}


@pytest.mark.parametrize("wrong", [[], "text", 3, None, {"moisture": [], "pumps": {"a": 1}}])
def test_settings_of_a_wrong_shape_are_left_for_the_schema_to_refuse(wrong: object) -> None:
    filled = SettingsSchema(PUMPS).with_defaults(wrong)
    assert filled == wrong or filled.items() >= wrong.items()


def test_a_tier_has_defaults_of_its_own() -> None:
    overlay = {
        "properties": {"litres": {"default": 50}},
        "$defs": {"Pump": {"properties": {"power": {"default": "solar"}}}},
    }
    filled = SettingsSchema(PUMPS, overlay).with_defaults({"pumps": [{}]})
    assert filled["litres"] == 50
    assert filled["pumps"] == [{"power": "solar"}]
    assert filled["moisture"] == {"low": 25, "high": 40}


def test_an_overlay_leaves_the_type_as_it_was() -> None:
    schema = SettingsSchema({"properties": {"a": {"maximum": 5}}}, {"properties": {"a": {}}})
    assert schema.effective == {"properties": {"a": {"maximum": 5}}}
    assert SettingsSchema(schema.base, {"properties": {"a": {"maximum": 3}}}).effective == {
        "properties": {"a": {"maximum": 3}}
    }
    assert schema.base == {"properties": {"a": {"maximum": 5}}}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*PUMPS["properties"], "low", "name", "power", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
_SETTINGS = st.dictionaries(st.sampled_from([*PUMPS["properties"], "x"]), _JSON, max_size=5)


def _kept(given: object, filled: object) -> bool:
    """Whether ``filled`` says all that ``given`` says, and no more where that is no object."""
    if isinstance(given, dict):
        return isinstance(filled, dict) and all(
            key in filled and _kept(value, filled[key]) for key, value in given.items()
        )
    if isinstance(given, list):
        return (
            isinstance(filled, list)
            and len(given) == len(filled)
            and all(_kept(a, b) for a, b in zip(given, filled, strict=True))
        )
    return json.dumps(given) == json.dumps(filled)


@given(_SETTINGS)
def test_filling_in_never_changes_what_was_given(settings: dict) -> None:
    assert _kept(settings, SettingsSchema(PUMPS).with_defaults(settings))


@given(_SETTINGS)
def test_filling_in_twice_is_filling_in_once(settings: dict) -> None:
    schema = SettingsSchema(PUMPS)
    once = schema.with_defaults(settings)
    assert schema.with_defaults(once) == once


def test_references_must_name_what_is_there() -> None:
    rule = References(source="/zones/*/pump", target="/pumps/*/name", code="c", detail="d")
    settings = {
        "pumps": [{"name": "well"}, {}, 7],
        "zones": [{"pump": "well"}, {"pump": "sea"}, {}, {"pump": ["well"]}, {"pump": "well "}],
    }
    assert list(rule.faults(settings)) == [
        Fault("/zones/1/pump", "c", "d"),
        Fault("/zones/4/pump", "c", "d"),
    ]
    assert list(rule.faults({"zones": [{"pump": "well"}]})) == [Fault("/zones/0/pump", "c", "d")]


def test_values_that_must_be_unique_are_told_from_the_second_on() -> None:
    rule = Unique(at="/zones/*/name", code="c", detail="d")
    zones = [{"name": "a"}, {"name": "b"}, {"name": "a"}, {"name": "a"}, {}, 3]
    assert [fault.pointer for fault in rule.faults({"zones": zones})] == [
        "/zones/2/name",
        "/zones/3/name",
    ]


def test_what_json_keeps_apart_is_unique() -> None:
    apart = [1, True, "1", None, "null", [1], ["1"], {"a": 1, "b": 2}, {"a": 1}, 0, False]
    rule = Unique(at="/*", code="c", detail="d")
    assert list(rule.faults(apart)) == []
    alike = [1, 1.0, {"a": 1, "b": [2]}, {"b": [2], "a": 1}]
    assert [fault.pointer for fault in rule.faults(alike)] == ["/1", "/3"]


@pytest.mark.parametrize(
    ("low", "high", "refused"),
    [
        (1, 2, False),
        (2, 2, False),
        (3, 2, True),
        (2.5, 2, True),
        ("3", 2, False),
        (True, 0, False),
    ],
)
def test_a_number_may_be_at_most_another(low: object, high: object, *, refused: bool) -> None:
    rule = AtMost(lesser="/low", greater="/high", code="c", detail="d")
    found = list(rule.faults({"low": low, "high": high}))
    assert found == ([Fault("/low", "c", "d")] if refused else [])


def test_numbers_are_compared_within_the_same_member() -> None:
    rule = AtMost(lesser="/runs/*/step", greater="/runs/*/length", code="c", detail="d")
    runs = [{"length": 5}, {"step": 9, "length": 10}, {"step": 6}, {"step": 3, "length": 2}]
    assert [fault.pointer for fault in rule.faults({"runs": runs})] == ["/runs/3/step"]


def test_a_number_may_be_bounded_by_one_of_its_parent() -> None:
    rule = AtMost(lesser="/runs/*/step", greater="/longest", code="c", detail="d")
    settings = {"longest": 4, "runs": [{"step": 4}, {"step": 5}]}
    assert [fault.pointer for fault in rule.faults(settings)] == ["/runs/1/step"]


def test_a_manifest_writes_down_each_kind_of_rule() -> None:
    words = {"code": "c", "detail": "d"}
    assert rule_of({"rule": "references", "from": "/a", "to": "/b", **words}) == References(
        source="/a", target="/b", **words
    )
    assert rule_of({"rule": "unique", "at": "/a", **words}) == Unique(at="/a", **words)
    assert rule_of({"rule": "at_most", "lesser": "/a", "greater": "/b", **words}) == AtMost(
        lesser="/a", greater="/b", **words
    )


def test_hostile_settings_break_rules_a_bounded_number_of_times() -> None:
    # Pairwise comparison of these would take minutes.
    many = [{"name": "a", "pump": f"p{number}"} for number in range(40_000)]
    schema = SettingsSchema(
        {},
        rules=(
            References(source="/zones/*/pump", target="/zones/*/name", code="r", detail="d"),
            Unique(at="/zones/*/name", code="u", detail="d"),
        ),
    )
    assert len(schema.broken_rules({"zones": many})) == MAX_FAULTS


def test_the_places_of_secrets_are_found_through_references() -> None:
    assert secret_places(PUMPS) == {"/pumps/*/pin", "/main/pin", "/spare/pin", "/byName/*/pin"}
    assert secret_places({"type": "object"}) == set()


def test_what_is_too_long_is_left_as_it_is() -> None:
    # Filled in, a megabyte of empty objects would be a hundred.
    bounded = {
        "properties": {
            "list": {"maxItems": 1, "items": {"properties": {"a": {"default": 1}}}},
            "map": {"maxProperties": 1, "additionalProperties": {"$ref": "#/$defs/One"}},
        },
        "$defs": {"One": {"properties": {"a": {"default": 1}}}},
    }
    schema = SettingsSchema(bounded)
    assert schema.with_defaults({"list": [{}], "map": {"x": {}}}) == {
        "list": [{"a": 1}],
        "map": {"x": {"a": 1}},
    }
    too_long = {"list": [{}, {}], "map": {"x": {}, "y": {}}}
    assert schema.with_defaults(too_long) == too_long
