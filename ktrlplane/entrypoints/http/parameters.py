"""Query parameters, described by attrs classes: a field a parameter."""

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
from attrs import frozen

from ktrlplane.domain.errors import Fault
from ktrlplane.domain.ids import OrganizationId, ProjectId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import MAX_LIMIT, MAX_OFFSET, PageRequest, Sort
from ktrlplane.entrypoints.http.cursors import Place
from ktrlplane.entrypoints.http.wire import Unfit


def said(description: str, **schema: Any) -> dict[str, Any]:
    """The metadata of a field: what the API document says of the parameter."""
    return {"description": description, "schema": schema}


def between(least: int, most: int, advice: str) -> Callable[[object, object, int], None]:
    """An attrs validator. Raises Unfit."""

    def check(_: object, __: object, number: int) -> None:
        if not least <= number <= most:
            raise Unfit("range", advice)

    return check


@frozen(kw_only=True)
class Parameters:
    """What any operation may take."""

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterable[Fault]:
        """What is wrong with parameters together, beside what is wrong with each. ``given``
        are those that can be read, by name; ``listing`` tells which list they make, if they
        do that (see ``cursors.listing``)."""
        return ()


@frozen(kw_only=True)
class NoParameters(Parameters):
    pass


@frozen(kw_only=True)
class WriteParameters(Parameters):
    """Of every operation that changes something."""

    validate_only: bool = False


class Consistency(enum.StrEnum):
    """Of what moment an answer may be."""

    BOUNDED = "bounded"
    FULL = "full"


@frozen(kw_only=True)
class ReadParameters(Parameters):
    """Of every operation that changes nothing."""

    consistency: Consistency = Consistency.BOUNDED


@frozen(kw_only=True)
class DeleteParameters(Parameters):
    cascade: bool = attrs.field(default=False, metadata=said("Delete all that is in it too."))


LONGEST_WAIT_S: Final = 30


@frozen(kw_only=True)
class WaitParameters(Parameters):
    wait: int = attrs.field(
        default=0,
        validator=between(0, LONGEST_WAIT_S, f"Wait for 0 to {LONGEST_WAIT_S} seconds."),
        metadata=said(
            "Answer when the status has settled, which is when nothing is under way, or after so "
            "many seconds at the latest; earlier where too many wait.",
            minimum=0,
            maximum=LONGEST_WAIT_S,
        ),
    )


@frozen(kw_only=True)
class PageParameters(Parameters):
    """Newest first."""

    limit: int = attrs.field(
        default=50,
        validator=between(1, MAX_LIMIT, f"Ask for 1 to {MAX_LIMIT} items."),
        metadata=said(
            "Items a page, at most: one that would come to more than about 4 MiB ends earlier.",
            minimum=1,
            maximum=MAX_LIMIT,
        ),
    )
    cursor: Place | None = attrs.field(
        default=None,
        metadata=said(
            "next_cursor of the page before, as it came: with the same filters and sort, "
            "and without offset."
        ),
    )
    offset: int = attrs.field(
        default=0,
        validator=between(
            0, MAX_OFFSET, f"An offset is from 0 to {MAX_OFFSET}; go further by cursor."
        ),
        metadata=said(
            "How many items to skip. Count those that came: a page may hold fewer than limit "
            "and not be the last.",
            minimum=0,
            maximum=MAX_OFFSET,
        ),
    )
    include_total: bool = attrs.field(
        default=False, metadata=said("Count the whole list, as total.")
    )

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        place: Place | None = given.get("cursor")
        if place is None:
            return
        if given.get("offset"):
            detail = "Send cursor or offset, not both: a cursor says itself where to go on."
            yield Fault("/offset", "one_of", detail)
        sort = given.get("sort", place.sort if cls.is_sorted() else Sort.CREATED_AT_DESCENDING)
        if listing not in (None, place.listing):
            detail = (
                "This cursor belongs to another list, or to other filters. Send it to where it "
                "came from, with the same filters, or begin anew without it."
            )
            yield Fault("/cursor", "cursor", detail)
        elif sort is not place.sort:
            detail = f"This cursor belongs to a list sorted by {place.sort}."
            yield Fault("/cursor", "cursor", detail)

    @classmethod
    def is_sorted(cls) -> bool:
        """Whether one may choose the order."""
        return False

    def page(self) -> PageRequest:
        return self._page(Sort.CREATED_AT_DESCENDING)

    def _page(self, sort: Sort) -> PageRequest:
        """In the cursor's order, if there is one."""
        return PageRequest(
            limit=self.limit,
            offset=self.offset,
            include_total=self.include_total,
            sort=sort if self.cursor is None else self.cursor.sort,
            after=None if self.cursor is None else self.cursor.after,
        )


@frozen(kw_only=True)
class SortedParameters(PageParameters):
    """Newest first, unless ``sort`` or the cursor says otherwise."""

    sort: Sort | None = attrs.field(
        default=None, metadata=said("Newest first, unless this or the cursor says otherwise.")
    )
    q: str | None = attrs.field(default=None, metadata=said("Text in the name or the id."))

    @classmethod
    def is_sorted(cls) -> bool:
        return True

    def page(self) -> PageRequest:
        return self._page(self.sort or Sort.CREATED_AT_DESCENDING)


PAGING: Final = frozenset({"limit", "cursor", "offset", "include_total", "sort"})
"""The parameters that say which part of a list is shown; the others say of what it is one."""


@frozen(kw_only=True)
class ProjectParameters(SortedParameters):
    org_id: OrganizationId | None = None


def _two_names(given: Mapping[str, Any], name: str, other: str) -> Iterator[Fault]:
    """For parameters that are the same."""
    if name in given and other in given and given[name] != given[other]:
        detail = f"{name} and {other} are the same; send one of them."
        yield Fault(f"/{other}", "one_of", detail)


@frozen(kw_only=True, slots=False)
class TierParameters(Parameters):
    """``tier`` is another name of ``sku``. It has no slots, so that it goes with others."""

    sku: str | None = attrs.field(default=None, metadata=said("A tier."))
    tier: str | None = attrs.field(default=None, metadata=said("Another name of sku."))

    @property
    def wanted_sku(self) -> str | None:
        return self.tier if self.sku is None else self.sku

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        yield from super().clashes(given, listing)
        yield from _two_names(given, "sku", "tier")


@frozen(kw_only=True)
class PricingParameters(TierParameters):
    """``resource_type`` is another name of ``type``."""

    type: str | None = attrs.field(default=None, metadata=said("A resource type."))
    resource_type: str | None = attrs.field(default=None, metadata=said("Another name of type."))

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        yield from super().clashes(given, listing)
        yield from _two_names(given, "type", "resource_type")
        for name, other in (("type", "resource_type"), ("sku", "tier")):
            if name not in given and other not in given:
                yield Fault(f"/{name}", "required", f"The query parameter {name} is required.")


@frozen(kw_only=True)
class ResourceParameters(TierParameters, SortedParameters):
    """Deleted resources are listed only where ``status`` asks for them."""

    type: str | None = attrs.field(
        default=None, metadata=said("A resource type, by its type or a former name.")
    )
    status: Status | None = attrs.field(
        default=None, metadata=said("Deleted resources are listed only where this asks.")
    )


@frozen(kw_only=True)
class AllResourceParameters(ResourceParameters):
    """``resource_type`` is another name of ``type``."""

    resource_type: str | None = attrs.field(default=None, metadata=said("Another name of type."))
    project_id: ProjectId | None = None

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        yield from super().clashes(given, listing)
        yield from _two_names(given, "type", "resource_type")
