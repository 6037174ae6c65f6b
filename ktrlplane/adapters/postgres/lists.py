"""What all lists have in common: their order, their filters, where a page begins and ends."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Self, TypeVar

from attrs import evolve, field, frozen
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from ktrlplane.adapters.postgres.session import Query, Session, Values
from ktrlplane.domain.paging import (
    MAX_LIMIT,
    MAX_WEIGHT,
    Cursor,
    Page,
    PageRequest,
    Sort,
    name_key,
)

T = TypeVar("T")

_NOTHING: Final = SQL("")


@frozen
class Shape:
    """What makes two queries for lists differ in more than their values; few, so that all of
    them can be prepared.

    ``filters`` name conditions. ``after`` tells whether the page begins at a cursor.
    """

    sort: Sort
    after: bool
    filters: tuple[str, ...] = ()

    def uncut(self) -> Self:
        """The same list from its beginning."""
        return evolve(self, after=False)

    def parts(self, identity: Composable, known: Mapping[str, Composable]) -> dict[str, Composed]:
        """Of a query over rows with ``name_key``, ``created_at`` and the column ``identity``.

        ``key`` is what the list is sorted by, ``way`` its direction, ``matching`` are the
        filters, and ``beyond`` is the cursor, as conditions with AND before them. An index
        that ends with key and identity gives a page from anywhere at the same price.
        """
        key = SQL("name_key") if self.sort.by_name else SQL("created_at")
        beyond = SQL(" AND ({}, {}) {} (%(after_key)s, %(after_id)s)").format(
            key, identity, SQL("<") if self.sort.descending else SQL(">")
        )
        return {
            "key": Composed([key]),
            "way": Composed([SQL("DESC") if self.sort.descending else SQL("ASC")]),
            "matching": Composed([SQL(" AND {}").format(known[name]) for name in self.filters]),
            "beyond": Composed([beyond if self.after else _NOTHING]),
        }


def shape_of(page: PageRequest, **filters: object) -> Shape:
    """Filters that are None are not asked for."""
    return Shape(
        sort=page.sort,
        after=page.after is not None,
        filters=tuple(name for name, value in filters.items() if value is not None),
    )


def span(page: PageRequest) -> dict[str, object]:
    """The values of a page. One row more than asked for tells whether there is a next page;
    ``reach`` is how many of each part of a list can be on the page or before it."""
    after = page.after
    offset = 0 if after else page.offset
    values: dict[str, object] = {
        "rows": page.limit + 1,
        "offset": offset,
        "reach": page.limit + 1 + offset,
    }
    if after is not None:
        by_name = page.sort.by_name
        values["after_key"] = searched(after.key) if by_name else datetime.fromisoformat(after.key)
        values["after_id"] = searched(after.id)
    return values


def page_until(
    rows: Sequence[tuple[T, bool | None]],
    page: PageRequest,
    place: Callable[[T], Cursor],
    total: int | None,
) -> Page[T]:
    """Of rows that came ``WEIGHED``: each with whether another one follows it."""
    shown = rows[: page.limit]
    following = place(shown[-1][0]) if shown and shown[-1][1] else None
    return Page(items=[row for row, _ in shown], next=following, total=total)


LIGHT: Final = Literal(MAX_WEIGHT // MAX_LIMIT)
"""Bytes. However many of what is no heavier are on a page, it is not too heavy: nearly always
that is all that needs to be looked at. Where something is heavier, it is left on the server, and
the page is asked for once more, ``WEIGHED``."""

WEIGHED: Final = SQL("""
    FROM (
        SELECT *, sum(weight) OVER onwards AS upto, lead(true) OVER onwards AS followed
        FROM ({page}) page
        WINDOW onwards AS (ORDER BY {key} {way}, {identity} {way})
    ) weighed
    WHERE upto <= {most} OR upto = weight
    ORDER BY {key} {way}, {identity} {way}
""")
"""The rows of ``page`` that a page bears (``MAX_WEIGHT``), with ``followed``, which is null where
there is no other one after. What is long is not read for that, where ``weight``, how many bytes
it is, can be told without."""


def page_of(
    rows: Sequence[T], page: PageRequest, place: Callable[[T], Cursor], total: int | None
) -> Page[T]:
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return Page(items=shown, next=place(shown[-1]) if more else None, total=total)


def count_of(session: Session, query: Query, values: Values) -> int:
    """``query`` gives one row with the column ``total``."""
    return session.one(_total, query, values) or 0


@frozen(kw_only=True, eq=False)
class Listing:
    """A list of all that one query gives. ``rows`` is that query; it has ``created_at``, and
    ``name_key`` where the list can be sorted by name, and an index that ends in one of them
    and ``identity``; where it has to be told which page is asked for, it is made of the parts of
    a ``Shape``. ``filters`` are by name, as in ``Shape``. ``long`` is the column that has no
    bound, where there is one; ``columns`` have ``{long}`` in its place."""

    columns: SQL
    rows: Composable | Callable[[Mapping[str, Composable]], Composable]
    identity: Composable
    filters: Mapping[str, Composable] = field(factory=dict)
    long: "Long | None" = None

    def page(
        self,
        session: Session,
        make: Callable[..., T],
        page: PageRequest,
        place: Callable[[T], Cursor],
        values: Values,
    ) -> Page[T]:
        """``values`` are those of ``rows`` and, where they are not None, of the filters."""
        shape = self._shape(page, values)
        given = {**values, **span(page)}
        total = self.total(session, page, values)
        if self.long is None:
            rows = session.all(make, _listing_page(self, shape), given)
            return page_of(rows, page, place, total)
        found = session.all(self.long.light(make), _light_page(self, shape), given)
        light = [row for row in found if row is not None]
        if len(light) == len(found):
            return page_of(light, page, place, total)
        weighed = session.all(_followed(make), _weighed_page(self, shape), given)
        return page_until(weighed, page, place, total)

    def total(self, session: Session, page: PageRequest, values: Values) -> int | None:
        """How long the whole list is, where that is asked for."""
        if not page.include_total:
            return None
        query = _listing_count(self, self._shape(page, values).uncut())
        return count_of(session, query, {**values, **span(page)})

    def _shape(self, page: PageRequest, values: Values) -> Shape:
        return shape_of(page, **{name: values[name] for name in self.filters})

    def rows_in(self, parts: Mapping[str, Composable]) -> Composable:
        return self.rows if isinstance(self.rows, Composable) else self.rows(parts)


@frozen(kw_only=True, eq=False)
class Long:
    """A column whose values may be long, and are never null; ``weight`` is how many bytes one
    has."""

    column: str
    weight: Composable

    def light(self, make: Callable[..., T]) -> Callable[..., T | None]:
        """None for a row that was left on the server."""

        def one(**columns: Any) -> T | None:
            return None if columns[self.column] is None else make(**columns)

        return one

    def where_light(self) -> Composed:
        return SQL("CASE WHEN {} <= {} THEN {column} END AS {column}").format(
            self.weight, LIGHT, column=Identifier(self.column)
        )


def _followed(make: Callable[..., T]) -> Callable[..., tuple[T, bool | None]]:
    def one(*, followed: bool | None, **columns: Any) -> tuple[T, bool | None]:
        return make(**columns), followed

    return one


_LISTING: Final = "SELECT {columns} FROM ({rows}) listed WHERE true {matching} {beyond}"
_PAGE: Final = (
    _LISTING + " ORDER BY {key} {way}, {identity} {way} LIMIT %(rows)s OFFSET %(offset)s"
)


@cache
def _listing_page(listing: Listing, shape: Shape) -> bytes:
    return composed("{page}", page=_page(listing, shape, listing.columns))


@cache
def _light_page(listing: Listing, shape: Shape) -> bytes:
    long = _long(listing)
    columns = listing.columns.format(long=long.where_light())
    return composed("{page}", page=_page(listing, shape, columns))


@cache
def _weighed_page(listing: Listing, shape: Shape) -> bytes:
    long = _long(listing)
    return composed(
        "SELECT {columns}, followed {weighed}",
        columns=listing.columns.format(long=Identifier(long.column)),
        weighed=WEIGHED.format(
            page=_page(listing, shape, SQL("*, {} AS weight").format(long.weight)),
            identity=listing.identity,
            most=Literal(MAX_WEIGHT),
            **shape.parts(listing.identity, {}),
        ),
    )


def _long(listing: Listing) -> Long:
    assert listing.long is not None
    return listing.long


def _page(listing: Listing, shape: Shape, columns: Composable) -> Composed:
    parts = shape.parts(listing.identity, listing.filters)
    return SQL(_PAGE).format(
        columns=columns, rows=listing.rows_in(parts), identity=listing.identity, **parts
    )


@cache
def _listing_count(listing: Listing, shape: Shape) -> bytes:
    parts = shape.parts(listing.identity, listing.filters)
    rows = listing.rows_in(parts)
    return composed(_LISTING, columns=SQL("count(*) AS total"), rows=rows, **parts)


def _total(total: int) -> int:
    return total


def taken(columns: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Takes the columns of another thing out of ``columns``, by the names that it knows."""
    names = [name for name in columns if name.startswith(prefix)]
    return {name.removeprefix(prefix): columns.pop(name) for name in names}


def searched(text: str) -> str:
    """``text`` as ``strpos`` looks for it in a ``name_key`` or an id, where no character is
    special. PostgreSQL cannot be told of NUL; another character that is in no name finds
    as little, and sorts as low."""
    return name_key(text).replace("\0", "\1")


def composed(query: str, **parts: Composable) -> bytes:
    """On one line: the driver remembers how to read only what is shorter than 4 kB."""
    return b" ".join(SQL(query).format(**parts).as_bytes().split())
