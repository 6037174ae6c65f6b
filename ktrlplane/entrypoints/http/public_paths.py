"""What the API document says of the addresses that are no operations."""

from typing import Any, Final

from ktrlplane.entrypoints.http.bodies import JSON
from ktrlplane.entrypoints.http.problems import DEFINITIONS
from ktrlplane.entrypoints.http.responses import Responses

_HTML: Final = "text/html"
_UP: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string", "enum": ["UP"]}},
}
_DOWN: Final = {
    "type": "object",
    "required": ["status", "reason"],
    "properties": {
        "status": {"type": "string", "enum": ["DOWN"]},
        "reason": {"type": "string"},
    },
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["code", "status", "title", "advice"],
    "properties": {
        "code": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "advice": {"type": "string"},
    },
}
_KEYS: Final = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
}


def public_paths(responses: Responses) -> dict[str, Any]:
    health = {"200": _answer("It can.", {JSON: _UP}), "503": _answer("It cannot.", {JSON: _DOWN})}
    not_found = {"404": responses.problem([DEFINITIONS["not_found"]])}
    document = _answer("An OpenAPI 3.1 document.", {JSON: {"type": "object"}})
    counters = _answer("In Prometheus's text format.", {"text/plain": {"type": "string"}})
    page = _answer("A page.", {_HTML: {"type": "string"}})
    problem = _answer("A page, or JSON.", {_HTML: {"type": "string"}, JSON: _PROBLEM})
    keys = _answer("A JSON Web Key Set.", {JSON: _KEYS})
    code = {
        "name": "code",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(DEFINITIONS)},
    }
    return {
        "/health": _get("getHealth", "Whether it can serve", health),
        "/health/live": _get("getLiveness", "Whether the process answers", {"200": health["200"]}),
        "/health/ready": _get("getReadiness", "Whether it can serve", health),
        "/metrics": _get("getMetrics", "Counters, for Prometheus", {"200": counters}),
        "/openapi.json": _get("getApiDocument", "This document", {"200": document}),
        "/docs": _get("getDocs", "This document as a page", {"200": page}),
        "/problems/{code}": _get(
            "getProblem", "What a problem code means", {"200": problem, **not_found}, code
        ),
        "/invitations/{invitation_id}": _get(
            "getInvitationPage",
            "What somebody who was invited has to do; the same for every link",
            {"200": page},
            {
                "name": "invitation_id",
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
            },
        ),
        "/.well-known/jwks.json": _get(
            "getKeys", "The local development issuer's keys", {"200": keys, **not_found}
        ),
    }


def _answer(description: str, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"description": description, "content": content}


def _get(
    name: str, summary: str, responses: dict[str, Any], *parameters: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": name, "summary": summary, "tags": ["Public"]}
    if parameters:
        described["parameters"] = list(parameters)
    return {"get": described | {"security": [], "responses": responses}}
