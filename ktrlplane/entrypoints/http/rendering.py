"""Objects as JSON that goes out: attrs classes by their fields, written by orjson."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from types import NoneType
from typing import Any, Final, get_args, get_origin

import attrs
import orjson

from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity
from ktrlplane.entrypoints.http.shapes import HIDDEN

Writer = Callable[[Any], Any]

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_writers: dict[type, Writer] = {}


def dump(value: Any) -> bytes:
    return orjson.dumps(_with_plain_items(value), _plain, _OPTIONS)


def joined(one: bytes, other: bytes) -> bytes:
    """One object with the members of two, the first of which may be empty."""
    return one[:-1] + b"," + other[1:] if one else other


def shown_fields(kind: type) -> tuple[str, ...]:
    """The fields of an attrs class that go over the wire, in order."""
    hidden = HIDDEN.get(kind, frozenset())
    return tuple(f.name for f in attrs.fields(kind) if f.name not in hidden)


def is_identity(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Identity)


def _with_plain_items(value: Any) -> Any:
    if type(value) is not dict or not value.get("items"):
        return value
    return {**value, "items": _all_plain(value["items"])}


def _all_plain(items: Sequence[Any]) -> Sequence[Any]:
    """orjson asks back for each object that it does not know, which costs more than writing
    it: those of a kind that was written before are made plain before it sees them. What is
    there many times, as the answers to a batch of checks, is made plain once."""
    if not items:
        return items
    kind = type(items[0])
    writer = _writers.get(kind)
    if writer is None:
        return items
    different = {id(one): one for one in items}
    plain = {at: writer(one) if type(one) is kind else one for at, one in different.items()}
    return [plain[id(one)] for one in items]


def _plain(value: Any) -> Any:
    kind = type(value)
    writer = _writers.get(kind)
    if writer is None:
        writer = _writers[kind] = _writer(kind)
    return writer(value)


def _writer(kind: type) -> Writer:
    """Raises: TypeError for what has no form on the wire."""
    if issubclass(kind, Identity):
        return attrgetter("value")
    if kind is Document:
        return _fragment
    if not attrs.has(kind):
        raise TypeError(f"{kind.__name__} has no form on the wire")
    return _object_writer(kind)


def _object_writer(kind: type) -> Writer:
    attrs.resolve_types(kind)
    types = {field.name: field.type for field in attrs.fields(kind)}
    names = shown_fields(kind)
    get = _getter(tuple(f"{name}.value" if is_identity(types[name]) else name for name in names))
    inner = [(name, writer) for name in names if (writer := _inner_writer(types[name]))]

    def write(value: Any) -> dict[str, Any]:
        written = dict(zip(names, get(value), strict=True))
        for name, writer in inner:
            written[name] = writer(written[name])
        return written

    return write


def _inner_writer(kind: Any) -> Writer | None:
    """For the values of a field that can be made plain without being looked at."""
    if kind is Document:
        return _fragment
    members = get_args(kind)
    if get_origin(kind) is tuple and attrs.has(members[0]):
        return _all_plain
    if NoneType in members and any(is_identity(member) for member in members):
        return _optional
    return None


def _fragment(document: Document) -> orjson.Fragment:
    return orjson.Fragment(document.text)


def _optional(identity: Identity | None) -> str | None:
    return None if identity is None else identity.value


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:  # attrgetter of one name gives the value itself
        get = attrgetter(*names)
        return lambda value: (get(value),)
    return attrgetter(*names)
