"""The API document (OpenAPI 3.1), derived from the operations and the classes they speak of."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any, Final

import attrs

from ktrlplane.domain import ids
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.ids import Identity
from ktrlplane.entrypoints.http.bodies import JSON, MERGE_PATCH
from ktrlplane.entrypoints.http.examples import examples_of
from ktrlplane.entrypoints.http.forms import FORM
from ktrlplane.entrypoints.http.operations import Operation
from ktrlplane.entrypoints.http.parameters import Consistency
from ktrlplane.entrypoints.http.public_paths import public_paths
from ktrlplane.entrypoints.http.queries import parameters_of
from ktrlplane.entrypoints.http.responses import HEADERS, Responses
from ktrlplane.entrypoints.http.schemas import Components, Schema

_DESCRIPTION: Final = (
    "The control plane: who the users are, which organizations, projects and resources exist, "
    "and who may do what to them. Times are RFC 3339 in UTC, money is in integer minor units. "
    "Errors are problem details (RFC 9457) with a stable `code`. What one may not read looks "
    "the same as what is not there: 404."
)
_PATH: Final[dict[str, type[Identity]]] = {
    "org_id": ids.OrganizationId,
    "project_id": ids.ProjectId,
    "resource_id": ids.ResourceId,
    "assignment_id": ids.AssignmentId,
    "invitation_id": ids.InvitationId,
    "group_id": ids.GroupId,
    "user_id": ids.PrincipalId,
}
_TAGS: Final = {
    "Users": "People and machines that sign in.",
    "Organizations": "The tenants.",
    "Projects": "Workspaces, in an organization or standing alone.",
    "Resources": "Managed instances of products.",
    "Limits": "What a tier allows, and what the operator allows in its place.",
    "Access": "Roles, who has them where, and what that allows.",
    "Billing": "Who pays for what, and how.",
    "Observability": "Logs and metrics of resources, as one asks Loki and Prometheus for them.",
    "Events": "What happened, who did it, and that the log of it is whole.",
    "Webhooks": "Who is sent what happens, and whether it has arrived.",
    "Notifications": "What one is told of what happened, and how.",
    "Groups": "People who are granted roles together.",
    "Roles of organizations": "Roles that an organization makes for itself.",
    "Service accounts": "Machines that an organization works with.",
    "Catalog": "What the platform offers.",
    "Public": "What needs no token.",
}


class _Document:
    def __init__(self, catalog: Catalog) -> None:
        self._components = Components(examples_of(catalog))
        self._responses = Responses(self._components)
        self._parameters: dict[str, Any] = {}
        self._paths: dict[str, dict[str, Any]] = {}

    def add(self, operation: Operation) -> None:
        described: dict[str, Any] = {
            "operationId": operation.name,
            "summary": operation.summary,
            "tags": [operation.tag],
        }
        if operation.public:
            described["security"] = []
        parameters = [self._shared(parameter) for parameter in self._parameters_of(operation)]
        if parameters:
            described["parameters"] = parameters
        if operation.takes_form and operation.method == "POST":
            described["requestBody"] = self._form(operation)
        if operation.body is not None:
            described["requestBody"] = self._body(operation, operation.body)
        described["responses"] = self._responses.of(operation)
        self._paths.setdefault(operation.url, {})[operation.method.lower()] = described

    def finished(self) -> dict[str, Any]:
        paths = self._paths | public_paths(self._responses)
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
            "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
            "paths": paths,
            "components": {
                "schemas": self._components.schemas,
                "parameters": self._parameters,
                "responses": self._responses.responses,
                "headers": HEADERS,
                "examples": self._responses.examples,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
                },
            },
        }

    def _body(self, operation: Operation, kind: type) -> Schema:
        content = {"schema": self._components.body(kind, may_be_null=operation.method == "POST")}
        media_types = (JSON, MERGE_PATCH) if operation.method == "PATCH" else (JSON,)
        needed = not operation.body_may_be_left_out
        return {"required": needed, "content": dict.fromkeys(media_types, content)}

    def _form(self, operation: Operation) -> Schema:
        query: Any = operation.query
        fields = [
            self._query(name, one.kind, one.field) for name, one in parameters_of(query).items()
        ]
        schema = {
            "type": "object",
            "properties": {one["name"]: _in_form(one) for one in fields},
            "additionalProperties": False,
        }
        return {"required": False, "content": {FORM: {"schema": schema}}}

    def _shared(self, parameter: Schema) -> Schema:
        """A reference, where others of this name are the same."""
        name = f"{parameter['in']}.{parameter['name'].removesuffix('[]')}"
        if self._parameters.setdefault(name, parameter) != parameter:
            return parameter
        return {"$ref": f"#/components/parameters/{name}"}

    def _parameters_of(self, operation: Operation) -> Iterator[Schema]:
        for name in re.findall(r"{(\w+)}", operation.path):
            yield {"name": name, "in": "path", "required": True, "schema": self._path(name)}
        query: Any = operation.query
        # Where they may be posted, nobody sends them both ways.
        if not (operation.takes_form and operation.method == "POST"):
            for name, known in parameters_of(query).items():
                yield self._query(name, known.kind, known.field)
        yield from _of_every(operation)

    def _path(self, name: str) -> Schema:
        kind = _PATH.get(name)
        if kind is None:
            return {"type": "string", "minLength": 1, "maxLength": 255}
        return self._components.schema(kind)

    def _query(self, name: str, kind: Any, field: "attrs.Attribute[Any]") -> Schema:
        schema = self._components.schema(kind) | field.metadata.get("schema", {})
        if field.metadata.get("repeated"):
            schema = {"type": "array", "items": schema}
        required = field.default is attrs.NOTHING
        if not required and field.default not in (None, "", ()):
            schema["default"] = field.default
        described = {"name": name, "in": "query", "required": required, "schema": schema}
        if "description" in field.metadata:
            described["description"] = field.metadata["description"]
        return described


def _in_form(described: Schema) -> Schema:
    return {**described["schema"], "description": described["description"]}


def _of_every(operation: Operation) -> Iterator[Schema]:
    """What operations take by their nature."""
    if not operation.writes:
        yield {
            "name": "consistency",
            "in": "query",
            "description": "Who may do what is as of a second ago at the earliest, with full as "
            "of now. The header Cache-Control: no-cache asks for full too.",
            "schema": {"type": "string", "enum": list(Consistency), "default": "bounded"},
        }
    if operation.writes:
        yield {
            "name": "validate_only",
            "in": "query",
            "description": "Run every check and change nothing.",
            "schema": {"type": "boolean", "default": False},
        }
    if operation.writes and operation.method == "POST":
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key with the same request within 24 hours gives the "
            "first answer again.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": "^[ -~]+$",
            },
        }
    if operation.conditional:
        yield _etags("If-Match")
        yield _etags("If-None-Match")


def _etags(name: str) -> Schema:
    return {
        "name": name,
        "in": "header",
        "description": "Entity tags, separated by commas, or *.",
        "schema": {
            "type": "string",
            "pattern": r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$',
        },
    }


def document(operations: Iterable[Operation], catalog: Catalog) -> dict[str, Any]:
    made = _Document(catalog)
    for operation in operations:
        made.add(operation)
    return made.finished()
