"""The API document (OpenAPI 3.1), derived from the operations and the classes they speak of."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import attrs

from ktrlplane.domain import errors
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.errors import DomainError
from ktrlplane.entrypoints.http import problems
from ktrlplane.entrypoints.http.examples import example_of
from ktrlplane.entrypoints.http.operations import Operation
from ktrlplane.entrypoints.http.parameters import readers
from ktrlplane.entrypoints.http.schemas import Components
from ktrlplane.entrypoints.http.shapes import Problem

_JSON: Final = "application/json"
_DESCRIPTION: Final = (
    "The control plane: who the users are, which organizations, projects and resources exist, "
    "and who may do what to them. Times are RFC 3339 in UTC, money is in integer minor units. "
    "Errors are problem details (RFC 9457) with a stable `code`."
)


def document(operations: Iterable[Operation], catalog: Catalog) -> dict[str, Any]:
    components = Components()
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _operation(operation, components, catalog)
        paths.setdefault(operation.url, {})[operation.method.lower()] = described
    paths |= _public_paths()
    components.schema(Problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "KtrlPlane",
            "version": version("ktrlplane"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(operation: Operation, components: Components, catalog: Catalog) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation, components),
        "responses": _responses(operation, components, catalog),
    }
    if operation.public:
        described["security"] = []
    if operation.body is not None:
        content = {"schema": components.schema(operation.body)}
        example = example_of(operation.body, catalog)
        if example is not None:
            content["example"] = example
        media = {_JSON: content}
        if operation.method == "PATCH":
            media["application/merge-patch+json"] = content
        described["requestBody"] = {"required": True, "content": media}
    return described


def _parameters(operation: Operation, components: Components) -> list[dict[str, Any]]:
    found = [
        {
            "name": part[1:-1],
            "in": "path",
            "required": True,
            "schema": components.path_parameter(part[1:-1]),
        }
        for part in operation.path.split("/")
        if part.startswith("{")
    ]
    for name, (field, kind, _) in readers(operation.query).items():
        its = getattr(attrs.fields(operation.query), field)
        schema = dict(components.parameter(name, kind))
        if its.default is not attrs.NOTHING and its.default not in (None, ""):
            schema["default"] = its.default
        found.append(
            {
                "name": name,
                "in": "query",
                "required": its.default is attrs.NOTHING,
                "schema": schema,
            }
        )
    return found + _headers(operation)


def _headers(operation: Operation) -> list[dict[str, Any]]:
    headers: list[dict[str, Any]] = []
    if operation.writes:
        headers.append(
            {
                "name": "validate_only",
                "in": "query",
                "description": "Run every check and change nothing.",
                "schema": {"type": "boolean", "default": False},
            }
        )
    if operation.writes and operation.method == "POST":
        headers.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key with the same request within 24 hours gives the "
                "first answer again.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    if operation.tagged and operation.method != "POST":
        name = "If-Match" if operation.writes else "If-None-Match"
        headers.append({"name": name, "in": "header", "schema": {"type": "string"}})
    return headers


def _responses(operation: Operation, components: Components, catalog: Catalog) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    success: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        schema = components.answer(operation.answer)
        content: dict[str, Any] = {
            "schema": components.page(schema) if operation.listed else schema
        }
        example = None if operation.listed else example_of(operation.answer, catalog)
        if example is not None:
            content["example"] = example
        success["content"] = {_JSON: content}
    if operation.tagged and operation.answer is not None:
        success["headers"] = {"ETag": {"schema": {"type": "string"}}}
    responses[str(operation.status)] = success
    if operation.writes and operation.status != 200:  # noqa: PLR2004
        responses.setdefault("200", success | {"description": "With validate_only: all is well"})
    if operation.tagged and not operation.writes:
        responses["304"] = {"description": "It is as If-None-Match says"}
    for code in _codes(operation):
        definition = problems.DEFINITIONS[code]
        _add_problem(responses, definition, components)
    return responses


def _codes(operation: Operation) -> Iterable[str]:
    yield "malformed_request"
    yield "unknown_parameter"
    if not operation.public:
        yield "unauthenticated"
        yield "rate_limited"
    if operation.tagged:
        yield "precondition_failed"
    if operation.body is not None:
        yield "payload_too_large"
        yield "unsupported_media_type"
    if operation.writes and operation.method == "POST":
        yield "idempotency_in_progress"
        yield "idempotency_key_reused"
    yield "validation_failed"
    always: tuple[type[DomainError], ...] = (errors.Interrupted, errors.UpstreamError)
    for refusal in (*operation.refusals, *always):
        yield refusal.code
    yield "internal_error"


def _add_problem(
    responses: dict[str, Any], definition: problems.Definition, components: Components
) -> None:
    known = responses.setdefault(
        str(definition.status),
        {
            "description": "",
            "content": {
                problems.MEDIA_TYPE: {"schema": components.schema(Problem), "examples": {}}
            },
        },
    )
    examples = known["content"].get(problems.MEDIA_TYPE, {}).get("examples", {})
    if definition.code in examples:
        return
    examples[definition.code] = {"summary": definition.title, "value": _problem(definition)}
    known["description"] = ", ".join(f"`{code}`" for code in examples)


def _problem(definition: problems.Definition) -> Mapping[str, Any]:
    problem: dict[str, Any] = {
        "type": f"/problems/{definition.code}",
        "title": definition.title,
        "status": definition.status,
        "detail": definition.advice,
        "code": definition.code,
        "request_id": "5f2b1c9e7d3a4f60",
    }
    if definition.code == "validation_failed":
        problem["errors"] = [
            {
                "pointer": "/settings_json/instances",
                "code": "maximum",
                "detail": "This must be at most 1 in this tier.",
            }
        ]
    return problem


def _public_paths() -> dict[str, Any]:
    up = {"description": "It is up", "content": {_JSON: {"schema": {"type": "object"}}}}
    down = {"description": "It is not", "content": {_JSON: {"schema": {"type": "object"}}}}

    def simple(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
        described = {"operationId": name, "summary": summary, "tags": ["Public"]}
        return {"get": described | {"security": [], "responses": responses}}

    return {
        "/health": simple("getHealth", "Whether it can serve", {"200": up, "503": down}),
        "/health/live": simple("getLiveness", "Whether the process answers", {"200": up}),
        "/health/ready": simple("getReadiness", "Whether it can serve", {"200": up, "503": down}),
        "/openapi.json": simple("getApiDocument", "This document", {"200": up}),
    }
