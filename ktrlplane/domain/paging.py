"""Pages of long lists: by cursor (exact, at any depth) or by offset (for people)."""

import enum
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from attrs import field, frozen
from attrs.validators import ge, le

T = TypeVar("T")
U = TypeVar("U")

MAX_LIMIT: Final = 200
MAX_OFFSET: Final = 1_000_000
MAX_WEIGHT: Final = 4 * 1024 * 1024
"""Bytes of JSON on a page, of the parts of its items that people may make as long as they like.
A page of more ends before the item that would be too much; one item is always on it."""


class Sort(enum.StrEnum):
    """Names sort by code point, ASCII letters without regard to case; ties by id.

    Descending is the exact reverse, ids included.
    """

    NAME = "name"
    NAME_DESCENDING = "-name"
    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"

    @property
    def by_name(self) -> bool:
        return self in (Sort.NAME, Sort.NAME_DESCENDING)

    @property
    def by_time(self) -> "Sort":
        """The same way round, by time."""
        return Sort.CREATED_AT_DESCENDING if self.descending else Sort.CREATED_AT

    @property
    def descending(self) -> bool:
        return self.startswith("-")


@frozen
class Cursor:
    """The place after the item with this sort key and id (see ``cursor_of``)."""

    key: str
    id: str


def _fits_the_sort(request: "PageRequest", _: object, after: Cursor | None) -> None:
    if after is None or request.sort.by_name:
        return
    if not after.key.endswith("Z") or after.key != time_key(datetime.fromisoformat(after.key)):
        raise ValueError("A cursor into a list by time holds a time.")


@frozen(kw_only=True)
class PageRequest:
    """``after`` wins over ``offset``. ``include_total`` also counts the whole list. ``limit`` is
    the most that a page holds: a page may end earlier (see ``MAX_WEIGHT``).

    Raises: ValueError, also for a cursor that no list in this order gave.
    """

    limit: int = field(default=50, validator=[ge(1), le(MAX_LIMIT)])
    sort: Sort = Sort.CREATED_AT_DESCENDING
    after: Cursor | None = field(default=None, validator=_fits_the_sort)
    offset: int = field(default=0, validator=[ge(0), le(MAX_OFFSET)])
    include_total: bool = False


@frozen(kw_only=True)
class Page(Generic[T]):
    """``next`` is where the following page starts, None on the last and on no other: also a page
    that is not full has a next one, where it would have been too heavy."""

    items: Sequence[T]
    next: Cursor | None = None
    total: int | None = None

    def showing(self, items: Sequence[U]) -> "Page[U]":
        """The same page with other things in it."""
        return Page(items=items, next=self.next, total=self.total)


_LOWER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def name_key(name: str) -> str:
    """How a name sorts: the same rule as ``lower(name COLLATE "C")`` in PostgreSQL."""
    return name.translate(_LOWER)


def time_key(at: datetime) -> str:
    """How a time sorts, as text: RFC 3339 in UTC with 6 digits."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def cursor_of(sort: Sort, *, name: str, created_at: datetime, identity: str) -> Cursor:
    """The place after the item that has these, in a list in this order."""
    return Cursor(name_key(name) if sort.by_name else time_key(created_at), identity)
