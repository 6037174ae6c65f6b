"""Query parameters, described by attrs classes: a field a parameter."""

import enum
import re
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import attrs
from attrs import evolve, frozen

from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.ids import Identity, OrganizationId, ProjectId
from ktrlplane.domain.paging import MAX_LIMIT, MAX_OFFSET, PageRequest, Sort
from ktrlplane.domain.resources import Status
from ktrlplane.entrypoints.http.cursors import CURSOR_ADVICE, bad_cursor, read_cursor
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.wire import Unfit, read_choice, unknown


def said(description: str, **schema: Any) -> dict[str, Any]:
    """The metadata of a field: what the API document says of the parameter."""
    return {"description": description, "schema": schema}


@frozen(kw_only=True)
class NoParameters:
    pass


@frozen(kw_only=True)
class DeleteParameters:
    cascade: bool = attrs.field(default=False, metadata=said("Delete all that is in it too."))


@frozen(kw_only=True)
class PageParameters:
    """``cursor`` is ``next_cursor`` of the page before, and wins over ``offset``."""

    limit: int = attrs.field(
        default=50, metadata=said("Items a page.", minimum=1, maximum=MAX_LIMIT)
    )
    cursor: str | None = attrs.field(
        default=None,
        metadata=said("next_cursor of the page before, as it came; wins over offset."),
    )
    offset: int = attrs.field(
        default=0, metadata=said("How many items to skip.", minimum=0, maximum=MAX_OFFSET)
    )
    include_total: bool = attrs.field(
        default=False, metadata=said("Count the whole list, as total.")
    )

    def page(self) -> PageRequest:
        """Newest first. Raises: ValidationFailed."""
        return self._page(Sort.CREATED_AT_DESCENDING)

    def _page(self, sort: Sort | None) -> PageRequest:
        """In the cursor's order, or newest first, where ``sort`` is None."""
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
            raise bad_cursor(f"This cursor belongs to a list sorted by {its_sort}.")
        try:
            return evolve(request, sort=its_sort, after=after)
        except ValueError as exc:
            raise bad_cursor(CURSOR_ADVICE) from exc

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

    sort: Sort | None = attrs.field(
        default=None, metadata=said("Newest first, unless this or the cursor says otherwise.")
    )
    q: str | None = attrs.field(default=None, metadata=said("Text in the name or the id."))

    def sorted_page(self) -> PageRequest:
        """Raises: ValidationFailed."""
        return self._page(self.sort)


@frozen(kw_only=True)
class ProjectParameters(SortedParameters):
    org_id: OrganizationId | None = None


@frozen(kw_only=True)
class ResourceParameters(SortedParameters):
    """Deleted resources are listed only where ``status`` asks for them."""

    type: str | None = attrs.field(
        default=None, metadata=said("A resource type, by its type or a former name.")
    )
    status: Status | None = attrs.field(
        default=None, metadata=said("Deleted resources are listed only where this asks.")
    )
    sku: str | None = None


@frozen(kw_only=True)
class AllResourceParameters(ResourceParameters):
    """``resource_type`` is another name of ``type``."""

    resource_type: str | None = attrs.field(default=None, metadata=said("Another name of type."))
    project_id: ProjectId | None = None


_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")

# -- reading -----------------------------------------------------------------------------------


def _whole_number(text: str, _: Any) -> int:
    if _WHOLE_NUMBER.fullmatch(text) is None:
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


def read_flag(name: str, given: str | list[str]) -> bool:
    """Raises: EdgeError when it is repeated, ValidationFailed."""
    try:
        return _flag(_only(name, given), None)
    except Unfit as exc:
        raise ValidationFailed([Fault(f"/{name}", exc.code, str(exc))]) from exc


def _only(name: str, given: str | list[str]) -> str:
    if not isinstance(given, str):
        raise EdgeError("malformed_request", f"Send the query parameter {name} once.")
    return given


def read_parameters(given: Mapping[str, str | list[str]], kind: Any) -> Any:
    """Raises: EdgeError for an unknown or repeated parameter, ValidationFailed."""
    known = readers(kind)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, found in given.items():
        if name not in known:
            raise EdgeError(
                "unknown_parameter", f"{name[:80]!r}: {unknown(name, known, 'query parameter')}"
            )
        text = _only(name, found)
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
