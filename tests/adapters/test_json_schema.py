import gc
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.catalog import Catalog, ResourceType
from ktrlplane.domain.errors import MAX_FAULTS, Fault
from ktrlplane.domain.settings import SettingsSchema

VALIDATOR = JsonSchemaValidator()
REPOSITORY = Path(__file__).parents[2]


def found(
    schema: dict[str, Any], settings: Any, overlay: dict[str, Any] | None = None
) -> list[tuple[str, str, str]]:
    faults = VALIDATOR.violations(SettingsSchema(schema, overlay or {}), settings)
    return [(fault.pointer, fault.code, fault.detail) for fault in faults]


def a(subschema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"a": subschema}}


@pytest.mark.parametrize(
    ("subschema", "value", "code", "detail"),
    [
        ({"type": "integer"}, "3", "type", "a must be a whole number, not text."),
        ({"type": "integer"}, 3.5, "type", "a must be a whole number, not a number."),
        ({"type": "integer"}, True, "type", "a must be a whole number, not true or false."),
        ({"type": "string"}, {}, "type", "a must be text, not an object."),
        ({"type": ["string", "null"]}, [], "type", "a must be text or null, not a list."),
        ({"type": "object"}, None, "type", "a must be an object, not null."),
        ({"minimum": 2}, 1, "minimum", "a must be at least 2."),
        ({"maximum": 6}, 7, "maximum", "a must be at most 6."),
        ({"exclusiveMinimum": 0}, 0, "exclusive_minimum", "a must be over 0."),
        ({"exclusiveMaximum": 1}, 1, "exclusive_maximum", "a must be under 1."),
        ({"multipleOf": 0.1}, 0.35, "multiple_of", "a must be a multiple of 0.1."),
        ({"enum": ["1Gi", "2Gi"]}, "3Gi", "enum", "a must be one of 1Gi, 2Gi."),
        ({"enum": ["", 1, None]}, "x", "enum", 'a must be one of "", 1, null.'),
        ({"enum": [1]}, True, "enum", "a must be 1."),
        ({"const": False}, 0, "const", "a must be false."),
        ({"minLength": 1}, "", "min_length", "a must not be empty."),
        ({"minLength": 2}, "x", "min_length", "a must have at least 2 characters."),
        ({"maxLength": 1}, "xy", "max_length", "a must have at most 1 character."),
        ({"minItems": 2}, [1], "min_items", "a must have at least 2 items."),
        ({"maxItems": 0}, [1], "max_items", "a must be empty."),
        ({"minProperties": 1}, {}, "min_properties", "a must not be empty."),
        ({"maxProperties": 1}, {"b": 1, "c": 2}, "max_properties",
         "a must have at most 1 member."),
        ({"format": "ipv4"}, "1.2.3", "format", "a must be an IPv4 address."),
        ({"format": "date"}, "31.1.26", "format", "a must be a date such as 2026-01-31."),
        ({"pattern": "^[a-z]+$"}, "A", "pattern",
         "a does not have the form that it must have. The pattern is ^[a-z]+$."),
        ({"pattern": "^[a-z]+$", "examples": ["bus"]}, "A", "pattern",
         ("a does not have the form that it must have. "
         "Write it like bus; the pattern is ^[a-z]+$.")),
        ({"contains": {"const": 1}}, [2], "contains",
         "a must contain at least 1 of the kind asked for."),
        ({"contains": {"const": 1}, "maxContains": 1}, [1, 1], "max_contains",
         "a must contain at most 1 of the kind asked for."),
        ({"contains": {"const": 1}, "minContains": 2}, [1], "min_contains",
         "a must contain at least 2 of the kind asked for."),
        ({"not": {"const": 3}}, 3, "not", "a is not allowed as it is."),
    ],
)  # fmt: skip
def test_each_keyword_has_a_code_and_a_sentence(
    subschema: dict[str, Any], value: Any, code: str, detail: str
) -> None:
    assert found(a(subschema), {"a": value}) == [("/a", code, detail)]


@pytest.mark.parametrize(
    ("subschema", "value"),
    [
        ({"type": "integer"}, 3.0),
        ({"multipleOf": 0.1}, 0.3),
        ({"multipleOf": 0.01}, 19.99),
        ({"enum": [1.0]}, 1),
        ({"const": {"b": [1]}}, {"b": [1.0]}),
        ({"format": "uri"}, "no address, but of a format that is not checked"),
        ({"format": "secret-ref"}, {}),
        ({"uniqueItems": True}, [1, True, "1", [1], ["1"], {"b": 1}, {"b": True}]),
        ({"minLength": 3, "maximum": 3, "required": ["b"], "minItems": 1}, None),
    ],
)
def test_what_is_right_is_not_refused(subschema: dict[str, Any], value: Any) -> None:
    assert found(a(subschema), {"a": value}) == []


def test_a_missing_member_is_told_where_it_is_missing() -> None:
    schema = {"properties": {"sinks": {"items": {"required": ["name", "a/b"]}}}}
    assert found(schema, {"sinks": [{"name": "x", "a/b": 1}, {}]}) == [
        ("/sinks/1/name", "required", "sinks[1].name is required."),
        ("/sinks/1/a~1b", "required", "sinks[1].a/b is required."),
    ]


def test_each_unknown_member_is_told_with_what_it_may_have_meant() -> None:
    schema = {
        "properties": {"instances": {}, "memory": {}, "cpu": {}},
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }
    settings = {"instancs": 1, "CPU": 1, "memory": 1, "wheels": 4, "x-mine": 1}
    assert found(schema, settings) == [
        ("/instancs", "unknown_field", "instancs is not known here. Did you mean instances?"),
        ("/CPU", "unknown_field", "CPU is not known here. Did you mean cpu?"),
        ("/wheels", "unknown_field",
         "wheels is not known here. What can still be set here: instances, cpu."),
    ]  # fmt: skip
    assert found({"additionalProperties": False}, {"a": 1}) == [
        ("/a", "unknown_field", "a is not known here. Nothing may stand here."),
    ]


def test_further_members_have_a_schema_of_their_own() -> None:
    schema = {"properties": {"a": {}}, "additionalProperties": {"type": "string"}}
    assert found(schema, {"a": 1, "b": 1, "c": "x"}) == [
        ("/b", "type", "b must be text, not a number.")
    ]


def test_names_of_members_are_told_at_the_member() -> None:
    schema = a({"propertyNames": {"maxLength": 2}})
    assert found(schema, {"a": {"ok": 1, "long": 1}}) == [
        ("/a/long", "property_names",
         "a.long is no name that may stand here: it must have at most 2 characters.")
    ]  # fmt: skip


def test_repeated_items_are_told_one_by_one() -> None:
    assert found(a({"uniqueItems": True}), {"a": [1, {"b": 1}, 1.0, {"b": 1.0}]}) == [
        ("/a/2", "unique_items", "a[2] is in the list already."),
        ("/a/3", "unique_items", "a[3] is in the list already."),
    ]


def test_a_pattern_ends_where_the_text_ends() -> None:
    assert found(a({"pattern": "^[a-z]{3}$"}), {"a": "eur\n"})[0][1] == "pattern"
    assert found(a({"pattern": r"^\d+[$]$"}), {"a": "٣$"})[0][1] == "pattern"
    assert found(a({"pattern": r"^\d+[$\w]$"}), {"a": "3$"}) == []


SINK = {
    "type": "object",
    "properties": {"kind": {"enum": ["http", "none"]}, "auth": {"type": "string"}},
    "if": {"properties": {"kind": {"const": "http"}}, "required": ["kind"]},
    "then": {
        "required": ["url"],
        "if": {"not": {"required": ["token"]}},
        "then": {"required": ["user"]},
    },
    "else": {"not": {"required": ["url"]}},
    "dependentRequired": {"user": ["password"]},
    "dependentSchemas": {"token": {"properties": {"auth": {"const": "bearer"}}}},
}


def test_conditions_are_told_as_reasons() -> None:
    assert found(SINK, {"kind": "http"}) == [
        ("/url", "required", "url is required when kind is http."),
        ("/user", "required", "user is required when kind is http and token is not given."),
    ]
    assert found(SINK, {"kind": "none", "url": "x", "user": "y", "token": "z", "auth": "b"}) == [
        ("/url", "not", "url is not allowed here."),
        ("/password", "dependent_required", "password is required when user is given."),
        ("/auth", "const", "auth must be bearer when token is given."),
    ]


VARIANTS = [
    {
        "type": "object",
        "properties": {"kind": {"const": "file"}, "path": {"type": "string"}},
        "required": ["kind", "path"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"kind": {"const": "http"}, "port": {"maximum": 9}, "tls": {}},
        "required": ["kind", "port"],
        "additionalProperties": False,
    },
    {"type": "string", "maxLength": 3},
]


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_of_alternatives_the_one_that_was_meant_is_told(word: str) -> None:
    schema = a({word: VARIANTS})
    assert found(schema, {"a": {"kind": "file", "path": "/"}}) == []
    assert found(schema, {"a": {"kind": "http", "port": 80, "path": "/"}}) == [
        ("/a/port", "maximum", "a.port must be at most 9."),
        ("/a/path", "unknown_field",
         "a.path is not known here. What can still be set here: tls."),
    ]  # fmt: skip
    assert found(schema, {"a": "long text"}) == [
        ("/a", "max_length", "a must have at most 3 characters.")
    ]
    assert found(schema, {"a": {"kind": "ftp"}}) == [
        ("/a/kind", "enum", "a.kind must be one of file, http.")
    ]
    assert found(schema, {"a": 3}) == [
        ("/a", "type", "a must be an object or text, not a number.")
    ]


def test_members_of_which_some_are_needed_are_told_by_name() -> None:
    needed = [{"required": ["user", "password"]}, {"required": ["token"]}]
    assert found(a({"anyOf": needed}), {"a": {"user": 1}}) == [
        ("/a", "any_of", "a must have at least one of password, token.")
    ]
    assert found(a({"oneOf": needed}), {"a": {}}) == [
        ("/a", "one_of", "a must have one of user and password, token.")
    ]
    assert found(a({"oneOf": needed}), {"a": {"user": 1, "password": 1, "token": 1}}) == [
        ("/a", "one_of", "a must have only one of user, password, token.")
    ]
    assert found(a({"oneOf": [{"minimum": 1}, {"maximum": 5}]}), {"a": 3}) == [
        ("/a", "one_of",
         "a fits more than one of the forms that it may have; keep what belongs to one.")
    ]  # fmt: skip


BASE = {
    "properties": {
        "instances": {"type": "integer", "maximum": 6},
        "sinks": {"items": {"required": ["name"]}},
    },
    "additionalProperties": False,
}
FREE = {"properties": {"instances": {"maximum": 1}, "sinks": {"maxItems": 0}}}


def test_what_only_the_tier_refuses_says_so() -> None:
    assert found(BASE, {"instances": 3, "sinks": [{"name": 1}]}, FREE) == [
        ("/instances", "maximum", "instances must be at most 1 in this tier."),
        ("/sinks", "max_items", "sinks must be empty in this tier."),
    ]


def test_what_the_type_refuses_too_is_told_once() -> None:
    assert found(BASE, {"instances": "3", "sinks": [{}], "x": 1}, FREE) == [
        ("/instances", "type", "instances must be a whole number, not text."),
        ("/sinks/0/name", "required", "sinks[0].name is required."),
        ("/sinks", "max_items", "sinks must be empty in this tier."),
        ("/x", "unknown_field", "x is not known here."),
    ]


def test_the_bound_that_counts_is_the_one_that_is_told() -> None:
    assert found(BASE, {"instances": 9}, FREE) == [
        ("/instances", "maximum", "instances must be at most 1 in this tier.")
    ]


def test_an_overlay_cannot_allow_what_the_type_refuses() -> None:
    generous = {"properties": {"instances": {"maximum": 99}}}
    assert found(BASE, {"instances": 9}, generous) == [
        ("/instances", "maximum", "instances must be at most 6.")
    ]


def test_nothing_that_people_wrote_is_repeated_but_names() -> None:
    secret = "hunter2-" * 500
    schema = {
        "properties": {
            "ref": {"type": "object", "format": "secret-ref", "examples": [{"key": "pin"}]},
            "word": {"enum": ["a"], "pattern": "^a$", "format": "uuid", "const": "b"},
            "many": {"maxItems": 1, "uniqueItems": True, "contains": {"const": 1}},
            "one": {"oneOf": VARIANTS},
        },
        "additionalProperties": False,
    }
    settings = {"ref": secret, "word": secret, "many": [secret, secret], "one": secret}
    told = found(schema, {**settings, secret: secret})
    assert told[0] == (
        "/ref",
        "type",
        (
            "ref must be a reference to a secret, never the secret itself. "
            'Write it like {"key": "pin"}.'
        ),
    )
    assert len(told) == 10
    assert all("hunter2-" not in detail for _, _, detail in told[:-1])
    assert all(len(detail) < 300 for _, _, detail in told)


def test_hostile_settings_are_answered_with_a_bounded_list() -> None:
    # Each of these takes a validator minutes that compares pairwise, or gigabytes that
    # collects every error.
    item = {"anyOf": [{"anyOf": [{"type": "null"}, {"type": "string"}]}, {"const": 1}]}
    schema = a({"items": item, "uniqueItems": True})
    mixed = [value for number in range(60_000) for value in (number + 2, f"t{number}", [number])]
    told = found(schema, {"a": mixed})
    assert len(told) == MAX_FAULTS
    unknown = {f"key{number}": 1 for number in range(50_000)}
    assert len(found({"additionalProperties": False}, unknown)) == MAX_FAULTS
    assert len(found(a({"maxLength": 9, "pattern": "^(a?){20}$"}), {"a": "a" * 10**6})) == 1


def test_of_a_list_that_is_too_long_only_the_beginning_is_followed() -> None:
    schema = a({"maxItems": 2, "items": {"type": "string"}})
    assert [pointer for pointer, _, _ in found(schema, {"a": ["x"] * MAX_FAULTS + [3]})] == ["/a"]
    assert [pointer for pointer, _, _ in found(schema, {"a": ["x", "x", 3]})] == ["/a", "/a/2"]


def test_a_name_as_long_as_the_body_is_shortened() -> None:
    (pointer, _, detail), *_ = found(BASE, {"i" * 100_000: 1})
    assert len(pointer) == 100_001
    assert len(detail) < 200


def test_nesting_to_the_limit_is_followed() -> None:
    schema: dict[str, Any] = {"type": "string"}
    settings: Any = 3
    for _ in range(64):
        schema = {"type": "object", "properties": {"a": schema}}
        settings = {"a": settings}
    assert found(schema, settings)[0][0] == "/a" * 64


def test_nothing_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("somebody wants to connect")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(Exception, match="Unresolvable"):
        found({"$ref": "https://example.com/schema.json"}, {})


def test_a_schema_that_is_gone_leaves_nothing_behind() -> None:
    validator = JsonSchemaValidator()
    for number in range(50):
        schema = SettingsSchema(a({"maximum": number}))
        assert [f.code for f in validator.violations(schema, {"a": 99})] == ["maximum"]
    del schema
    gc.collect()
    assert validator._checks == {}


def test_threads_share_a_validator() -> None:
    validator, told = JsonSchemaValidator(), []
    schemas = [SettingsSchema(a({"maximum": number})) for number in range(8)]

    def ask() -> None:
        for number, schema in enumerate(schemas):
            told.append((number, validator.violations(schema, {"a": 99})[0].detail))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 64
    assert set(told) == {(number, f"a must be at most {number}.") for number in range(8)}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(default_catalog(), VALIDATOR)


def _graph(catalog: Catalog) -> ResourceType:
    graph = catalog.resource_type("Konnektr.DigitalTwins")
    assert graph is not None
    return graph


def _checked(graph: ResourceType, sku: str, settings: dict[str, Any]) -> list[Fault]:
    schema = graph.schemas[sku]
    whole = schema.with_defaults(settings)
    return [*VALIDATOR.violations(schema, whole), *schema.broken_rules(whole)]


@pytest.fixture
def as_customers_write() -> dict[str, Any]:
    example = json.loads((REPOSITORY / "examples" / "graph-standard.json").read_text())
    settings: dict[str, Any] = example["settings_json"]
    return settings


def test_the_shipped_example_is_accepted_where_it_belongs(
    catalog: Catalog, as_customers_write: dict[str, Any]
) -> None:
    assert _checked(_graph(catalog), "standard", as_customers_write) == []


def test_the_free_tier_refuses_the_example_with_a_clear_list(
    catalog: Catalog, as_customers_write: dict[str, Any]
) -> None:
    faults = _checked(_graph(catalog), "free", as_customers_write)
    assert {(fault.pointer, fault.code): fault.detail for fault in faults} == {
        ("/instances", "maximum"): "instances must be at most 1 in this tier.",
        ("/cpu", "enum"): "cpu must be one of 100m, 250m, 500m, 1 in this tier.",
        ("/memory", "enum"): "memory must be one of 256Mi, 512Mi, 1Gi, 2Gi in this tier.",
        ("/storage", "enum"): "storage must be one of 1Gi, 2Gi, 5Gi, 10Gi in this tier.",
        ("/backup/enabled", "const"): "backup.enabled must be false in this tier.",
        ("/eventSinks/kafka", "max_items"): "eventSinks.kafka must be empty in this tier.",
        ("/eventSinks/kusto", "max_items"): "eventSinks.kusto must be empty in this tier.",
        ("/eventSinks/mqtt", "max_items"): "eventSinks.mqtt must be empty in this tier.",
        ("/eventSinks/webhook", "max_items"): "eventSinks.webhook must be empty in this tier.",
        ("/eventRoutes", "max_items"): "eventRoutes must be empty in this tier.",
    }
    assert len(faults) == 10


def test_a_secret_in_the_place_of_a_reference_is_refused_and_not_repeated(
    catalog: Catalog, as_customers_write: dict[str, Any]
) -> None:
    as_customers_write["eventSinks"]["kafka"][0]["saslPassword"] = "hunter2"
    (fault,) = _checked(_graph(catalog), "standard", as_customers_write)
    assert fault.pointer == "/eventSinks/kafka/0/saslPassword"
    assert fault.code == "type"
    assert "never the secret itself" in fault.detail
    assert "secretKeyRef" in fault.detail
    assert "hunter2" not in fault.detail


def test_a_route_to_nowhere_is_refused_by_the_rule_of_its_type(
    catalog: Catalog, as_customers_write: dict[str, Any]
) -> None:
    as_customers_write["eventRoutes"][1]["sinkName"] = "nowhere"
    (fault,) = _checked(_graph(catalog), "standard", as_customers_write)
    assert (fault.pointer, fault.code) == ("/eventRoutes/1/sinkName", "unknown_sink")
