"""JSON Schemas of the classes on the wire."""

import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from ktrlplane.domain import ids
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity
from ktrlplane.domain.naming import MAX_NAME_LENGTH, is_a_name, is_no_name_or_a_name
from ktrlplane.domain.paging import MAX_LIMIT, MAX_OFFSET
from ktrlplane.entrypoints.http.wire import shown_fields

Schema = dict[str, Any]

_SCALARS: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    Document: {"type": "object"},
    dict: {"type": "object"},
    Any: {},
}
_RANGES: Final[dict[str, Schema]] = {
    "limit": {"minimum": 1, "maximum": MAX_LIMIT},
    "offset": {"minimum": 0, "maximum": MAX_OFFSET},
}
_PATH: Final[dict[str, type[Identity]]] = {
    "org_id": ids.OrganizationId,
    "project_id": ids.ProjectId,
    "resource_id": ids.ResourceId,
    "assignment_id": ids.AssignmentId,
    "role_id": ids.RoleId,
}
_NAMES: Final = (is_a_name, is_no_name_or_a_name)


class Components:
    """Collects the named schemas that a document refers to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def path_parameter(self, name: str) -> Schema:
        kind = _PATH.get(name)
        return {"type": "string"} if kind is None else self._identity(kind)

    def parameter(self, name: str, kind: Any) -> Schema:
        return self.schema(kind) | _RANGES.get(name, {})

    def answer(self, kind: Any) -> Schema:
        return self.schema(kind)

    def page(self, item: Schema) -> Schema:
        return {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": item},
                "next_cursor": {"type": ["string", "null"]},
                "total": {"type": "integer", "minimum": 0},
            },
        }

    def schema(self, kind: Any) -> Schema:
        if kind in _SCALARS:
            return dict(_SCALARS[kind])
        origin = typing.get_origin(kind)
        if origin is not None:
            return self._generic(kind, origin)
        if isinstance(kind, str):
            return {"$ref": f"#/components/schemas/{kind}"}
        if issubclass(kind, Identity):
            return self._identity(kind)
        if issubclass(kind, enum.Enum):
            return {"type": "string", "enum": [member.value for member in kind]}
        return self._named(kind)

    def _generic(self, kind: Any, origin: Any) -> Schema:
        arguments = typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            some = [self.schema(one) for one in arguments if one is not types.NoneType]
            if types.NoneType in arguments:
                some.append({"type": "null"})
            return {"anyOf": some}
        if origin is typing.Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin is Mapping:
            return {"type": "object"}
        if origin in (tuple, Sequence):
            return {"type": "array", "items": self.schema(arguments[0])}
        raise TypeError(f"no schema for {kind}")

    def _identity(self, kind: type[Identity]) -> Schema:
        return {"type": "string", "pattern": f"^{kind.pattern.pattern}$", "maxLength": 255}

    def _named(self, kind: type) -> Schema:
        name = kind.__name__
        if name not in self.schemas:
            self.schemas[name] = {}  # stands in, should the class speak of itself
            self.schemas[name] = self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: type) -> Schema:
        attrs.resolve_types(kind)
        shown = set(shown_fields(kind))
        fields = [field for field in attrs.fields(kind) if field.name in shown]
        is_input = kind.__module__.startswith("ktrlplane.domain.services")
        described: Schema = {"type": "object"}
        if kind.__doc__ and not kind.__doc__.startswith("Method generated"):
            described["description"] = " ".join(inspect.cleandoc(kind.__doc__).split())
        described["properties"] = {field.name: self._property(field) for field in fields}
        required = [
            field.name for field in fields if not is_input or field.default is attrs.NOTHING
        ]
        if required:
            described["required"] = required
        if is_input:
            described["additionalProperties"] = False
        return described

    def _property(self, field: "attrs.Attribute[Any]") -> Schema:
        schema = self.schema(field.type)
        if field.validator in _NAMES:
            text = next(one for one in schema.get("anyOf", [schema]) if one["type"] == "string")
            text |= {"minLength": 1, "maxLength": MAX_NAME_LENGTH}
        return schema
