"""Pages of long lists: by cursor (exact, at any depth) or by offset (for people)."""

import enum
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from attrs import field, frozen
from attrs.validators import ge, le

T = TypeVar("T")

MAX_LIMIT: Final = 200
MAX_OFFSET: Final = 1_000_000


class Sort(enum.StrEnum):
    """Names sort by code point, ASCII letters without regard to case; ties by id."""

    NAME = "name"
    NAME_DESCENDING = "-name"
    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"

    @property
    def by_name(self) -> bool:
        return self in (Sort.NAME, Sort.NAME_DESCENDING)

    @property
    def descending(self) -> bool:
        return self.startswith("-")


@frozen
class Cursor:
    """The place after the item with this sort key and id. Times are RFC 3339 with 6 digits."""

    key: str
    id: str


@frozen(kw_only=True)
class PageRequest:
    """``after`` wins over ``offset``. ``include_total`` also counts the whole list."""

    limit: int = field(default=50, validator=[ge(1), le(MAX_LIMIT)])
    sort: Sort = Sort.CREATED_AT_DESCENDING
    after: Cursor | None = None
    offset: int = field(default=0, validator=[ge(0), le(MAX_OFFSET)])
    include_total: bool = False


@frozen(kw_only=True)
class Page(Generic[T]):
    """``next`` is where the following page starts, None on the last."""

    items: Sequence[T]
    next: Cursor | None = None
    total: int | None = None


_LOWER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def name_key(name: str) -> str:
    """How a name sorts: the same rule as ``lower(name COLLATE "C")`` in PostgreSQL."""
    return name.translate(_LOWER)
