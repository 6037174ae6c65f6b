"""Query parameters, described by attrs classes: a field a parameter."""

import base64
import enum
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import attrs
import orjson
from attrs import evolve, frozen

from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.ids import Identity, OrganizationId, ProjectId
from ktrlplane.domain.paging import MAX_LIMIT, MAX_OFFSET, Cursor, PageRequest, Sort
from ktrlplane.domain.resources import Status
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.wire import Unfit, read_choice, unknown


@frozen(kw_only=True)
class NoParameters:
    pass


@frozen(kw_only=True)
class DeleteParameters:
    cascade: bool = False


@frozen(kw_only=True)
class PageParameters:
    """``cursor`` is ``next_cursor`` of the page before, and wins over ``offset``."""

    limit: int = 50
    cursor: str | None = None
    offset: int = 0
    include_total: bool = False

    def page(self, sort: Sort | None = None) -> PageRequest:
        """Raises: ValidationFailed."""
        self._check()
        request = PageRequest(
            limit=self.limit,
            offset=self.offset,
            include_total=self.include_total,
            sort=sort or Sort.CREATED_AT_DESCENDING,
        )
        if self.cursor is None:
            return request
        its_sort, after = read_cursor(self.cursor)
        if sort is not None and sort is not its_sort:
            raise _bad_cursor(f"This cursor belongs to a list sorted by {its_sort}.")
        try:
            return evolve(request, sort=its_sort, after=after)
        except ValueError as exc:
            raise _bad_cursor(_CURSOR_ADVICE) from exc

    def _check(self) -> None:
        faults = []
        if not 1 <= self.limit <= MAX_LIMIT:
            faults.append(Fault("/limit", "range", f"Ask for 1 to {MAX_LIMIT} items."))
        if not 0 <= self.offset <= MAX_OFFSET:
            detail = f"An offset is at most {MAX_OFFSET}; go further by cursor."
            faults.append(Fault("/offset", "range", detail))
        if faults:
            raise ValidationFailed(faults)


@frozen(kw_only=True)
class SortedParameters(PageParameters):
    """Newest first, unless ``sort`` or the cursor says otherwise."""

    sort: Sort | None = None
    q: str | None = None

    def sorted_page(self) -> PageRequest:
        """Raises: ValidationFailed."""
        return self.page(self.sort)


@frozen(kw_only=True)
class ProjectParameters(SortedParameters):
    org_id: OrganizationId | None = None


@frozen(kw_only=True)
class ResourceParameters(SortedParameters):
    """Deleted resources are listed only where ``status`` asks for them."""

    type: str | None = None
    status: Status | None = None
    sku: str | None = None


@frozen(kw_only=True)
class AllResourceParameters(ResourceParameters):
    """``resource_type`` is another name of ``type``."""

    resource_type: str | None = None
    project_id: ProjectId | None = None


_CURSOR_ADVICE: Final = "Send next_cursor of the page before, as it came."


def write_cursor(sort: Sort, cursor: Cursor) -> str:
    packed = orjson.dumps([sort.value, cursor.key, cursor.id])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(text: str) -> tuple[Sort, Cursor]:
    """Raises: ValidationFailed."""
    try:
        packed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        sort, key, identity = orjson.loads(packed)
        cursor = Cursor(key + "", identity + "")
        place = Sort(sort), cursor
    except (ValueError, TypeError) as exc:
        raise _bad_cursor(_CURSOR_ADVICE) from exc
    if "\0" in key + identity:
        raise _bad_cursor(_CURSOR_ADVICE)
    return place


def _bad_cursor(detail: str) -> ValidationFailed:
    return ValidationFailed([Fault("/cursor", "cursor", detail)])


# -- reading -----------------------------------------------------------------------------------


def _whole_number(text: str, _: Any) -> int:
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > len("-1000000000"):
        raise Unfit("type", "This must be a whole number.")
    return int(text)


def _flag(text: str, _: Any) -> bool:
    if text not in ("true", "false"):
        raise Unfit("type", "This must be true or false.")
    return text == "true"


def _text(text: str, _: Any) -> str:
    return text


def _identity(text: str, kind: type[Identity]) -> Identity:
    try:
        return kind(text)
    except ValueError as exc:
        raise Unfit("pattern", str(exc)) from exc


def bare(kind: Any) -> Any:
    """``X`` of ``X | None``."""
    if isinstance(kind, types.UnionType):
        return next(one for one in typing.get_args(kind) if one is not types.NoneType)
    return kind


def _reader(kind: Any) -> Callable[[str, Any], Any]:
    if kind is bool:
        return _flag
    if kind is int:
        return _whole_number
    if issubclass(kind, enum.Enum):
        return read_choice
    return _identity if issubclass(kind, Identity) else _text


@cache
def readers(kind: Any) -> Mapping[str, tuple[str, Any, Callable[[str, Any], Any]]]:
    """For each parameter: its field, the type of its value, and how that is read."""
    found = {}
    for field in attrs.fields(kind):
        its_type = bare(field.type)
        name = field.metadata.get("parameter", field.name)
        found[name] = field.name, its_type, _reader(its_type)
    return found


def read_parameters(given: Mapping[str, str | list[str]], kind: Any) -> Any:
    """Raises: EdgeError for an unknown or repeated parameter, ValidationFailed."""
    known = readers(kind)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in given.items():
        if name not in known:
            raise EdgeError(
                "unknown_parameter", f"{name[:80]!r}: {unknown(name, known, 'query parameter')}"
            )
        if not isinstance(text, str):
            raise EdgeError("malformed_request", f"Send the query parameter {name} once.")
        field, its_type, reader = known[name]
        if "\0" in text:
            faults.append(Fault(f"/{name}", "nul", "Text must not contain the NUL character."))
            continue
        try:
            values[field] = reader(text, its_type)
        except Unfit as exc:
            faults.append(Fault(f"/{name}", exc.code, str(exc)))
    faults += [
        Fault(f"/{name}", "required", "This query parameter is required.")
        for name, (field, _, _) in known.items()
        if field not in values
        and getattr(attrs.fields(kind), field).default is attrs.NOTHING
        and not any(fault.pointer == f"/{name}" for fault in faults)
    ]
    if faults:
        raise ValidationFailed(faults)
    return kind(**values)
