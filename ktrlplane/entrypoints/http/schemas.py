"""JSON Schemas of the classes on the wire."""

import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity, Label
from ktrlplane.domain.naming import (
    MAX_NAME_LENGTH,
    MAX_URL_LENGTH,
    NAME_RULE,
    WEB_ADDRESS,
    is_a_name,
    is_no_name_or_a_name,
)
from ktrlplane.domain.services.access import MAX_CHECKS, CheckPermissions
from ktrlplane.domain.services.reports import (
    MAX_CONDITIONS,
    MAX_WORD,
    ReportedCondition,
    ReportStatus,
)
from ktrlplane.domain.services.webhook_views import CreateWebhook, UpdateWebhook
from ktrlplane.domain.webhooks import MAX_PATTERNS
from ktrlplane.entrypoints.http.cursors import Place
from ktrlplane.entrypoints.http.rendering import shown_fields

Schema = dict[str, Any]

_SCALARS: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    Document: {"type": "object"},
    dict: {"type": "object"},
    Place: {"type": "string"},
    Any: {},
}
_NAMES: Final = (is_a_name, is_no_name_or_a_name)
_NAME: Final[Schema] = {
    "minLength": 1,
    "maxLength": MAX_NAME_LENGTH,
    "pattern": r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
    "description": NAME_RULE,
}
_BOUNDS: Final[dict[tuple[type, str], Schema]] = {
    (CheckPermissions, "checks"): {"minItems": 1, "maxItems": MAX_CHECKS},
    (ReportStatus, "observed_generation"): {"minimum": 0},
    (ReportStatus, "conditions"): {"maxItems": MAX_CONDITIONS},
    (ReportStatus, "access_url"): {
        "maxLength": MAX_URL_LENGTH,
        "pattern": f"^({WEB_ADDRESS})?$",
    },
    **{(kind, "url"): {"maxLength": MAX_URL_LENGTH} for kind in (CreateWebhook, UpdateWebhook)},
    **{
        (kind, "event_types"): {"minItems": 1, "maxItems": MAX_PATTERNS}
        for kind in (CreateWebhook, UpdateWebhook)
    },
    **{
        (ReportedCondition, name): {"maxLength": MAX_WORD} for name in ("type", "status", "reason")
    },
}
_LABEL_LENGTH: Final = 63
_IDENTITY_LENGTH: Final = 255


class Components:
    """Collects the named schemas that a document refers to, with an ``example`` each where
    there is one."""

    def __init__(self, examples: Mapping[Any, Any]) -> None:
        self.schemas: dict[str, Schema] = {}
        self._examples = examples

    def page(self, kind: Any) -> Schema:
        """Of a list whose items are of ``kind``."""
        item = self.schema(kind)
        name = f"{kind.__name__}Page"
        self.schemas[name] = {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": item},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": (
                        "Send it as cursor for the next page; null on the last, "
                        "and on no other, however few items a page holds."
                    ),
                },
                "total": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Of the whole list, where include_total=true asked for it.",
                },
            },
        }
        return {"$ref": f"#/components/schemas/{name}"}

    def body(self, kind: type, *, may_be_null: bool) -> Schema:
        """``may_be_null`` is whether null says as much as leaving a member out."""
        schema = self.schema(kind)
        if may_be_null:
            return schema
        described = self.schemas[kind.__name__]
        for name, member in described["properties"].items():
            if name not in described.get("required", ()):
                described["properties"][name] = _without_null(member)
        return schema

    def schema(self, kind: Any) -> Schema:
        if kind in _SCALARS:
            return dict(_SCALARS[kind])
        origin = typing.get_origin(kind)
        if origin is not None:
            return self._generic(kind, origin)
        if issubclass(kind, Identity):
            return _identity(kind)
        if issubclass(kind, enum.Enum):
            return {"type": "string", "enum": [member.value for member in kind]}
        return self._named(kind)

    def _generic(self, kind: Any, origin: Any) -> Schema:
        arguments = typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            return _any_of([self.schema(one) for one in arguments if one is not types.NoneType],
                           or_null=types.NoneType in arguments)  # fmt: skip
        if origin is typing.Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin is Mapping:
            return {"type": "object"}
        if origin in (tuple, Sequence):
            return {"type": "array", "items": self.schema(arguments[0])}
        raise TypeError(f"no schema for {kind}")

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
            described["description"] = " ".join(
                inspect.cleandoc(kind.__doc__).replace("``", "`").split()
            )
        described["properties"] = {field.name: self._property(kind, field) for field in fields}
        required = [field.name for field in fields if _is_required(field, is_input=is_input)]
        if required:
            described["required"] = required
        if is_input:
            described["additionalProperties"] = False
        if kind in self._examples:
            described["examples"] = [self._examples[kind]]
        return described

    def _property(self, kind: type, field: "attrs.Attribute[Any]") -> Schema:
        schema = self.schema(field.type) | _BOUNDS.get((kind, field.name), {})
        if field.validator in _NAMES:
            schema |= _NAME
        return schema


def _is_required(field: "attrs.Attribute[Any]", *, is_input: bool) -> bool:
    """Answers have every field, but for those marked as ``left_out`` where they say nothing."""
    if is_input:
        return field.default is attrs.NOTHING
    return not field.metadata.get("left_out", False)


def _any_of(some: list[Schema], *, or_null: bool) -> Schema:
    if not or_null:
        return {"anyOf": some}
    only = some[0]
    if len(some) == 1 and "type" in only:
        nullable = only | {"type": [only["type"], "null"]}
        return nullable | ({"enum": [*only["enum"], None]} if "enum" in only else {})
    return {"anyOf": [*some, {"type": "null"}]}


def _without_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), list):
        (kind,) = (one for one in schema["type"] if one != "null")
        schema = schema | {"type": kind}
    if "enum" in schema:
        schema = schema | {"enum": [one for one in schema["enum"] if one is not None]}
    return schema


def _identity(kind: type[Identity]) -> Schema:
    longest = _LABEL_LENGTH if issubclass(kind, Label) else _IDENTITY_LENGTH
    return {"type": "string", "pattern": f"^{kind.pattern.pattern}$", "maxLength": longest}
