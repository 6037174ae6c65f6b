"""JSON that came in, read into attrs classes by cattrs."""

import difflib
import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, cast

import attrs
import cattrs
from attrs import frozen
from cattrs.gen import make_dict_structure_fn, override

from ktrlplane.domain.documents import pointer
from ktrlplane.domain.errors import MAX_FAULTS, Fault
from ktrlplane.domain.ids import Identity
from ktrlplane.domain.services.commands import APART
from ktrlplane.entrypoints.http.rendering import is_identity, shown_fields

_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII | re.IGNORECASE
)
_SENTENCES: Final = {str: "text", int: "a whole number", bool: "true or false", dict: "an object"}


class Unfit(ValueError):
    """A value that cannot be read, with the code of the fault."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@frozen(kw_only=True)
class Reading:
    """``value`` is of the class that was asked for; with ``faults`` it has no more than what
    the rest can be judged by, and is None where that is too little."""

    value: Any = None
    faults: tuple[Fault, ...] = ()


def read(value: object, kind: type, found: Sequence[Fault] = ()) -> Reading:
    """Names every bad field, with the faults ``found`` before."""
    if not isinstance(value, dict):
        return Reading(faults=(Fault("", "type", "The body must be a JSON object."),))
    faults = list(found)
    structured: Any = None
    try:
        structured = _converter.structure(value, kind)
    except cattrs.BaseValidationError as exc:
        told = {fault.pointer for fault in found}
        faults += [fault for fault in _faults(exc, ()) if fault.pointer not in told]
    if faults:
        structured = _judgeable(value, kind, faults)
    return Reading(value=structured, faults=tuple(faults))


def member_of(fault: Fault) -> str | None:
    """The member of a body that a fault is in, as it stands in the pointer; None for the
    body itself."""
    return fault.pointer.split("/")[1] if fault.pointer else None


def _judgeable(value: Mapping[str, Any], kind: type, faults: Sequence[Fault]) -> Any:
    """What can be read of a command, if the fields that cannot are apart from the rest (see
    ``commands.apart``)."""
    broken = {member_of(fault) for fault in faults}
    if None in broken or len(faults) >= MAX_FAULTS:  # there may be others, which nobody named
        return None
    known = {field.name: field for field in attrs.fields(kind)}
    readable = {name: value[name] for name in known.keys() & value.keys() - broken}
    for name in known.keys() & broken:
        metadata = known[name].metadata
        if APART not in metadata:
            return None
        if metadata[APART] is not None:
            readable[name] = metadata[APART]
    return _converter.structure(readable, kind)


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise Unfit("type", f"This must be {_SENTENCES[kind]}.")
        return value

    return structure


_text: Final = _exactly(str)


def _identity(value: Any, kind: type[Identity]) -> Identity:
    text = _text(value, None)
    try:
        return kind(text)
    except ValueError as exc:
        raise Unfit("pattern", str(exc)) from exc


def read_time(value: object, _: Any = None) -> datetime:
    """RFC 3339 with an offset. Raises: Unfit."""
    detail = "This must be a time such as 2030-01-31T12:00:00Z (RFC 3339)."
    if not isinstance(value, str) or _RFC_3339.match(value) is None:
        raise Unfit("time", detail)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise Unfit("time", detail) from exc


def read_choice(value: object, kind: Any) -> Any:
    """A member of an enumeration of texts. Raises: Unfit."""
    found = _members_of(kind).get(value) if isinstance(value, str) else None
    if found is None:
        raise Unfit("enum", f"This must be one of {', '.join(kind)}.")
    return found


@cache
def _members_of(kind: type[enum.StrEnum]) -> Mapping[str, enum.StrEnum]:
    # Calling the class would be half of what it costs to read a short object.
    return {member.value: member for member in kind}


def _mapping(value: Any, _: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", _exactly(dict)(value, None))


def _sequence(value: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Unfit("type", "This must be an array.")
    members = kind.__args__[0]
    structure = _converter.get_structure_hook(members)
    errors: list[Exception] = []
    read_ones = []
    for number, member in enumerate(value):
        try:
            read_ones.append(structure(member, members))
        except Exception as exc:  # noqa: BLE001 - cattrs collects whatever a hook raises
            exc.add_note(cattrs.IterableValidationNote("", number, members))
            errors.append(exc)
    if errors:
        raise cattrs.IterableValidationError("", errors, kind)
    return tuple(read_ones)


def _attrs_hook(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """Validators of fields run while reading, so that every bad field is named at once."""
    reading: dict[str, Any] = {}
    for field in attrs.fields(kind):
        if field.validator is not None:
            reading[field.name] = override(struct_hook=_validated(field, converter))
    structure = make_dict_structure_fn(
        kind,
        converter,
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=True,
        **reading,
    )

    def strictly(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise Unfit("type", "This must be an object.")
        return structure(value, kind)

    return strictly


def _validated(
    field: "attrs.Attribute[Any]", converter: cattrs.Converter
) -> Callable[[Any, Any], Any]:
    def structure(value: Any, kind: Any) -> Any:
        result = converter.structure(value, field.type or Any)
        assert field.validator is not None
        field.validator(None, field, result)
        return result

    return structure


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook_factory(attrs.has, _attrs_hook)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    # As a class: cattrs asks the hooks of classes first, and an enumeration of texts is a str.
    converter.register_structure_hook(enum.StrEnum, read_choice)
    converter.register_structure_hook(datetime, read_time)
    converter.register_structure_hook_func(is_identity, _identity)
    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", None) is Mapping, _mapping
    )
    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", None) is tuple, _sequence
    )
    return converter


_converter: Final = _make_converter()


def _faults(error: BaseException, path: tuple[str | int, ...]) -> list[Fault]:
    if isinstance(error, cattrs.BaseValidationError):
        faults: list[Fault] = []
        for inner in error.exceptions:
            step = _step(inner)
            faults += _faults(inner, path if step is None else (*path, step))
        return faults
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = shown_fields(error.cl)
        return [
            Fault(pointer((*path, key)), "unknown_field", unknown(key, known, "field"))
            for key in sorted(error.extra_fields)[:MAX_FAULTS]
        ]
    if isinstance(error, KeyError):
        return [Fault(pointer((*path, error.args[0])), "required", "This field is required.")]
    if isinstance(error, Unfit):
        return [Fault(pointer(path), error.code, str(error))]
    return [Fault(pointer(path), "invalid", str(error))]


def _step(error: BaseException) -> str | int | None:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, cattrs.AttributeValidationNote):
            return None if isinstance(error, KeyError) else note.name
        if isinstance(note, cattrs.IterableValidationNote):
            return note.index
    return None


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """A sentence about a name that is not known, with the nearest one that is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    if not near and name.endswith("_id"):  # as answers say it
        near = [one for one in ("id", f"{name[:3]}_id") if one in names]
    hint = f"; did you mean {near[0]}?" if near else "."
    return f"There is no such {what} here{hint}"
