"""Reading query parameters: all that is wrong with them at once."""

import enum
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, Final

import attrs
import falcon
from attrs import frozen

from ktrlplane.domain.documents import pointer
from ktrlplane.domain.errors import MAX_FAULTS, Fault
from ktrlplane.domain.ids import Identity
from ktrlplane.entrypoints.http.cursors import Place, listing, read_cursor
from ktrlplane.entrypoints.http.parameters import (
    PAGING,
    Consistency,
    PageParameters,
    ReadParameters,
    WriteParameters,
)
from ktrlplane.entrypoints.http.wire import Unfit, read_choice, read_time, unknown

UNKNOWN: Final = "unknown_parameter"
REPEATED: Final = "repeated"

Given = Mapping[str, str | list[str]]

_LONGEST_NAME: Final = 80
_DIGITS: Final = 20


@frozen
class ParameterFault(Fault):
    """``pointer`` leads into the query, as though it were an object."""

    parameter: str

    @classmethod
    def of(cls, name: str, code: str, detail: str) -> "ParameterFault":
        return cls(pointer([name]), code, detail, name)


@frozen(kw_only=True)
class Query:
    """``value`` is of the operation's type; with ``faults`` it has what could be read, and is
    None where that is too little. ``listing`` tells which list was asked for, ``fresh`` that
    nothing remembered will do."""

    value: Any
    rehearsed: bool = False
    fresh: bool = False
    listing: bytes = b""
    faults: tuple[ParameterFault, ...] = ()


@frozen(kw_only=True)
class Parameter:
    field: "attrs.Attribute[Any]"
    kind: Any
    read: Callable[[str, Any], Any]

    def value(self, given: str | list[str]) -> Any:
        """Raises: Unfit."""
        if self.field.metadata.get("repeated"):
            texts = [given] if isinstance(given, str) else given
            return tuple(self._one(text) for text in texts)
        if not isinstance(given, str):
            raise Unfit(REPEATED, f"Send the query parameter {parameter_name(self.field)} once.")
        return self._one(given)

    def _one(self, given: str) -> Any:
        if "\0" in given:
            raise Unfit("nul", "Text must not contain the NUL character.")
        value = self.read(given, self.kind)
        if self.field.validator is not None:
            self.field.validator(None, self.field, value)
        return value


def parameter_name(field: "attrs.Attribute[Any]") -> str:
    return str(field.metadata.get("parameter", field.name))


@cache
def parameters_of(*kinds: Any) -> Mapping[str, Parameter]:
    """By name."""
    found = {}
    for field in (field for kind in kinds for field in attrs.fields(kind)):
        kind = _bare(field.type)
        found[parameter_name(field)] = Parameter(field=field, kind=kind, read=_reader(kind))
    return found


@cache
def _required(kind: Any) -> frozenset[str]:
    known = parameters_of(kind).items()
    return frozenset(name for name, one in known if one.field.default is attrs.NOTHING)


def query_of(req: falcon.Request, kind: Any, *, writes: bool) -> Query:
    """What products ask, they ask again and again: the same text is read once."""
    key = (req.query_string, req.path, kind, writes)
    known = _read.get(key)
    if known is None:
        known = read_query(req.params, kind, address=req.path, writes=writes)
        if len(req.query_string) + len(req.path) <= _REMEMBERED_LENGTH:
            if len(_read) >= _REMEMBERED:
                _read.clear()
            _read[key] = known
    return known


_REMEMBERED: Final = 2048
_REMEMBERED_LENGTH: Final = 512
_read: dict[tuple[str, str, Any, bool], Query] = {}


def read_query(given: Given, kind: Any, *, address: str, writes: bool = False) -> Query:
    known = parameters_of(kind, WriteParameters if writes else ReadParameters)
    values, faults = _each(given, known)
    asked_for = _listing(address, given, known) if issubclass(kind, PageParameters) else None
    blurred = any(fault.parameter not in PAGING for fault in faults)
    faults += _faults_together(kind, given, values, None if blurred else asked_for)
    rehearsed = values.pop("validate_only", False)
    fresh = values.pop("consistency", None) is Consistency.FULL
    for fault in faults:
        values.pop(fault.parameter, None)
    return Query(
        value=_made(kind, known, values),
        rehearsed=rehearsed,
        fresh=fresh,
        listing=asked_for or b"",
        faults=tuple(faults),
    )


def _each(
    given: Given, known: Mapping[str, Parameter]
) -> tuple[dict[str, Any], list[ParameterFault]]:
    values: dict[str, Any] = {}
    faults: list[ParameterFault] = []
    for name in islice(given, MAX_FAULTS + len(known)):
        if name not in known:
            faults.append(_unknown(name, known))
            continue
        try:
            values[name] = known[name].value(given[name])
        except Unfit as exc:
            faults.append(ParameterFault.of(name, exc.code, str(exc)))
    return values, faults


def _faults_together(
    kind: Any,
    given: Given,
    values: Mapping[str, Any],
    asked_for: bytes | None,
) -> Iterator[ParameterFault]:
    for name in sorted(_required(kind) - given.keys()):
        yield ParameterFault.of(name, "required", "This query parameter is required.")
    for fault in kind.clashes(values, asked_for):
        name = fault.pointer.removeprefix("/")
        if name in values or name not in given:
            yield ParameterFault.of(name, fault.code, fault.detail)


def _made(kind: Any, known: Mapping[str, Parameter], values: Mapping[str, Any]) -> Any:
    """None where a required one is missing."""
    if not _required(kind) <= values.keys():
        return None
    return kind(**{known[name].field.name: value for name, value in values.items()})


def _listing(address: str, given: Given, known: Collection[str]) -> bytes:
    beside = PAGING | parameters_of(ReadParameters).keys()
    filters = {n: str(text) for n, text in given.items() if n in known and n not in beside}
    return listing(address, filters)


def _unknown(name: str, known: Collection[str]) -> ParameterFault:
    short = name[:_LONGEST_NAME]
    detail = f"{short!r}: {unknown(short, known, 'query parameter')}"
    return ParameterFault.of(short, UNKNOWN, detail)


# -- values ------------------------------------------------------------------------------------


def _whole_number(text: str, _: object) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise Unfit("type", "This must be a whole number.")
    # Beyond any range with so many digits, and Python refuses to read thousands of them.
    number = int(digits.lstrip("0")[:_DIGITS] or "0")
    return number if text == digits else -number


def _flag(text: str, _: object) -> bool:
    if text not in ("true", "false"):
        raise Unfit("type", "This must be true or false.")
    return text == "true"


def _text(text: str, _: object) -> str:
    return text


def _time(text: str, _: object) -> datetime:
    if " " in text:  # the plus sign of a zone, as it stands in a query
        raise Unfit("time", "Write the zone of a time as Z, or its plus sign as %2B.")
    return read_time(text)


def _identity(text: str, kind: type[Identity]) -> Identity:
    try:
        return kind(text)
    except ValueError as exc:
        raise Unfit("pattern", str(exc)) from exc


_READERS: Final[Mapping[Any, Callable[[str, Any], Any]]] = {
    bool: _flag,
    int: _whole_number,
    str: _text,
    datetime: _time,
    Place: read_cursor,
}


def _reader(kind: Any) -> Callable[[str, Any], Any]:
    if kind in _READERS:
        return _READERS[kind]
    return read_choice if issubclass(kind, enum.Enum) else _identity


def _bare(kind: Any) -> Any:
    """``X`` of ``X | None`` and of ``tuple[X, ...]``."""
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0]
    if isinstance(kind, types.UnionType):
        return next(one for one in typing.get_args(kind) if one is not types.NoneType)
    return kind
