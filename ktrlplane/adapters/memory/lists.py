"""What all lists have in common."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import accumulate
from typing import TypeVar

from attrs import evolve

from ktrlplane.domain.paging import (
    MAX_WEIGHT,
    Cursor,
    Page,
    PageRequest,
    name_key,
    time_key,
)

T = TypeVar("T")


def paged(
    rows: Iterable[T],
    page: PageRequest,
    place: Callable[[T], Cursor],
    weight: Callable[[T], int] | None = None,
) -> Page[T]:
    """The page of ``rows`` in the order of the cursors that ``place`` gives. ``weight`` is how
    many bytes one takes, where that has no bound (see ``MAX_WEIGHT``)."""

    def order(cursor: Cursor) -> tuple[str, str]:
        return cursor.key, cursor.id

    placed = [(order(place(row)), row) for row in rows]
    placed.sort(key=lambda pair: pair[0], reverse=page.sort.descending)
    if page.after is None:
        rest = placed[page.offset :]
    else:
        start, back = order(page.after), page.sort.descending
        rest = [pair for pair in placed if (pair[0] < start if back else pair[0] > start)]
    shown = [row for _, row in rest[: page.limit]]
    if weight is not None:
        shown = shown[: _bearable(map(weight, shown))]
    return Page(
        items=shown,
        next=place(shown[-1]) if len(rest) > len(shown) else None,
        total=len(placed) if page.include_total else None,
    )


def _bearable(weights: Iterable[int]) -> int:
    """How many of them a page bears, from the first on."""
    within = sum(1 for upto in accumulate(weights) if upto <= MAX_WEIGHT)
    return max(within, 1)


def by_time(
    rows: Iterable[T],
    page: PageRequest,
    place: Callable[[T], tuple[datetime, str]],
    weight: Callable[[T], int] | None = None,
) -> Page[T]:
    """For what has no name to be sorted by: ``place`` gives time and id."""

    def cursor(row: T) -> Cursor:
        moment, identity = place(row)
        return Cursor(time_key(moment), identity)

    return paged(rows, evolve(page, sort=page.sort.by_time), cursor, weight)


def has_text(text: str | None, *fields: str | None) -> bool:
    """Whether ``text`` is in one of ``fields``, ASCII letters without regard to case."""
    if text is None:
        return True
    wanted = name_key(text)
    return any(wanted in name_key(field) for field in fields if field is not None)
