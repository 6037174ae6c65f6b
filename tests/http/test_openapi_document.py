"""The API document: lawful, whole, readable, and the one that is committed."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from openapi_spec_validator import validate

from ktrlplane.domain.catalog import Catalog
from ktrlplane.entrypoints.http import openapi, rendering
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.problems import DEFINITIONS, MEDIA_TYPE
from tests.http.marks import on_both_catalogs

SNAPSHOT: Final = Path(__file__).parents[2] / "docs" / "openapi.json"
READABLE: Final = 440_000


@pytest.fixture
def document(catalog: Catalog) -> Any:
    return json.loads(rendering.dump(openapi.document(OPERATIONS, catalog)))


def _walk(value: object) -> Iterator[Mapping[str, Any]]:
    """Every object in it."""
    if isinstance(value, Mapping):
        yield value
        for member in value.values():
            yield from _walk(member)
    elif isinstance(value, list):
        for member in value:
            yield from _walk(member)


def _resolved(document: Any, value: Any) -> Any:
    if "$ref" not in value:
        return value
    target = document
    for step in value["$ref"].removeprefix("#/").split("/"):
        target = target[step.replace("~1", "/").replace("~0", "~")]
    return target


def _validator(document: Any, schema: Any) -> jsonschema.Draft202012Validator:
    whole = {"components": document["components"], **schema}
    return jsonschema.Draft202012Validator(
        whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def _operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


@on_both_catalogs
def test_it_is_lawful(document: Any) -> None:
    validate(document)


@on_both_catalogs
def test_it_stays_readable(document: Any) -> None:
    assert len(json.dumps(document, separators=(",", ":"))) < READABLE


def test_it_is_the_one_that_is_committed(document: Any) -> None:
    assert json.loads(SNAPSHOT.read_text()) == document, (
        "The API has changed. Look at what changed in it, then write it anew: "
        "ktrlplane openapi > docs/openapi.json"
    )


def test_every_operation_is_in_it_under_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for _, operation in _operations(document)]
    assert len(names) == len(set(names))
    assert {operation.name for operation in OPERATIONS} <= set(names)
    for operation in OPERATIONS:
        described = document["paths"][operation.url][operation.method.lower()]
        assert described["operationId"] == operation.name


def test_every_public_address_of_the_contract_is_in_it(document: Any) -> None:
    assert {
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/problems/{code}",
    } <= set(document["paths"])


@on_both_catalogs
def test_every_reference_leads_somewhere_and_everything_is_referred_to(document: Any) -> None:
    used = {found["$ref"] for found in _walk(document) if "$ref" in found}
    for reference in used:
        assert _resolved(document, {"$ref": reference}) is not None
    made = {
        f"#/components/{section}/{name}"
        for section, members in document["components"].items()
        if section != "securitySchemes"
        for name in members
    }
    assert made == used


@on_both_catalogs
def test_every_example_is_as_its_schema_says(document: Any) -> None:
    schemas = document["components"]["schemas"]
    shown = {name: schema["examples"] for name, schema in schemas.items() if "examples" in schema}
    assert {"CreateOrganization", "CreateProject", "CreateResource", "Resource"} <= set(shown)
    for name, examples in shown.items():
        reference = {"$ref": f"#/components/schemas/{name}"}
        for example in examples:
            _validator(document, reference).validate(example)
    problem = _validator(document, {"$ref": "#/components/schemas/Problem"})
    for code, example in document["components"]["examples"].items():
        problem.validate(example["value"])
        assert example["value"]["code"] == code


def test_the_example_of_a_resource_is_one_that_the_catalog_allows(
    document: Any, catalog: Catalog
) -> None:
    (example,) = document["components"]["schemas"]["CreateResource"]["examples"]
    kind = catalog.resource_type(example["type"])
    assert kind is not None
    assert example["settings_json"]
    schema = kind.schemas[example["sku"]].effective
    jsonschema.Draft202012Validator(schema).validate(example["settings_json"])


def _codes(document: Any, operation: Any) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for status, response in operation["responses"].items():
        content = _resolved(document, response).get("content", {})
        if MEDIA_TYPE in content:
            found[int(status)] = set(content[MEDIA_TYPE]["examples"])
    return found


def test_every_refusal_of_an_operation_is_listed_under_its_status(document: Any) -> None:
    for operation in OPERATIONS:
        described = document["paths"][operation.url][operation.method.lower()]
        codes = _codes(document, described)
        for status, listed in codes.items():
            assert {DEFINITIONS[code].status for code in listed} == {status}
        expected = {refusal.code for refusal in operation.refusals} | {"internal_error"}
        if not operation.public:
            expected |= {"unauthenticated", "rate_limited"}
        assert expected <= set().union(*codes.values()), operation.name


def test_every_operation_says_what_it_answers_and_with_which_headers(document: Any) -> None:
    for name, operation in _operations(document):
        good = {s: r for s, r in operation["responses"].items() if s.startswith("2")}
        assert good, name
        assert operation["summary"], name
        assert set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}, name
    created = _resolved(
        document, document["paths"]["/api/v1/projects"]["post"]["responses"]["201"]
    )
    assert {"ETag", "Location", "X-Request-Id"} <= set(created["headers"])


@on_both_catalogs
def test_what_is_public_says_so(document: Any) -> None:
    public = {operation.name for operation in OPERATIONS if operation.public}
    for name, operation in _operations(document):
        is_open = operation.get("security") == []
        expected = operation["operationId"] in public or not name.split()[1].startswith("/api/")
        assert is_open == expected, name


def test_every_path_parameter_is_described(document: Any) -> None:
    for name, operation in _operations(document):
        wanted = set(re.findall(r"{(\w+)}", name))
        parameters = [_resolved(document, one) for one in operation.get("parameters", [])]
        assert {one["name"] for one in parameters if one["in"] == "path"} == wanted


@pytest.mark.parametrize("catalog", ["orchard"], indirect=True)
def test_another_platforms_document_knows_nothing_of_the_first(document: Any) -> None:
    text = json.dumps(document)
    assert "Orchard.Irrigation" in text
    assert set(re.findall(r"Konnektr\.\w+", text)) <= {"Konnektr.KtrlPlane"}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ("CreateProject", {"name": "P", "id": None, "org_id": None}, {"name": None}),
        ("UpdateProject", {}, {"name": None}),
        ("UpdateOrganization", {"purchase_policy": "project_owners"}, {"purchase_policy": None}),
        ("UpdateResource", {"settings_json": {"a": None}}, {"settings_json": None}),
        ("MoveProject", {"org_id": None}, {}),
        ("ChangeAssignment", {"expires_at": None}, {}),
        (
            "CheckPermissions",
            {"checks": [{"scope_type": "global", "action": "x"}]},
            {"checks": []},
        ),
        ("CreateOrganization", {"name": "x" * 255}, {"name": "x" * 256}),
        ("CreateOrganization", {"name": "a b"}, {"name": " a"}),
        ("CreateOrganization", {"name": "é\u3000é"}, {"name": "a\tb"}),
        ("CreateOrganization", {"id": "x" * 63, "name": "X"}, {"id": "x" * 64, "name": "X"}),
        ("CreateOrganization", {"name": "X"}, {"name": "X", "extra": 1}),
    ],
)
def test_bodies_are_described_as_they_are_read(
    document: Any, schema: str, good: Any, bad: Any
) -> None:
    validator = _validator(document, {"$ref": f"#/components/schemas/{schema}"})
    assert validator.is_valid(good)
    assert not validator.is_valid(bad)
