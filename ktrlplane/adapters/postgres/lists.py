"""What all lists have in common: their order, their filters, where a page begins and ends."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Self, TypeVar

from attrs import evolve, field, frozen
from psycopg.sql import SQL, Composable, Composed

from ktrlplane.adapters.postgres.session import Query, Session, Values
from ktrlplane.domain.paging import Cursor, Page, PageRequest, Sort, name_key

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
    and ``identity``. ``filters`` are by name, as in ``Shape``."""

    columns: Composable
    rows: Composable
    identity: Composable
    filters: Mapping[str, Composable] = field(factory=dict)

    def page(
        self,
        session: Session,
        make: Callable[..., T],
        page: PageRequest,
        place: Callable[[T], Cursor],
        values: Values,
    ) -> Page[T]:
        """``values`` are those of ``rows`` and, where they are not None, of the filters."""
        shape = shape_of(page, **{name: values[name] for name in self.filters})
        given = {**values, **span(page)}
        rows = session.all(make, _listing_page(self, shape), given)
        total = None
        if page.include_total:
            total = count_of(session, _listing_count(self, shape.uncut()), given)
        return page_of(rows, page, place, total)


_LISTING: Final = "SELECT {columns} FROM ({rows}) listed WHERE true {matching} {beyond}"


@cache
def _listing_page(listing: Listing, shape: Shape) -> bytes:
    parts = shape.parts(listing.identity, listing.filters)
    return composed(
        _LISTING + " ORDER BY {key} {way}, {identity} {way} LIMIT %(rows)s OFFSET %(offset)s",
        columns=listing.columns,
        rows=listing.rows,
        identity=listing.identity,
        **parts,
    )


@cache
def _listing_count(listing: Listing, shape: Shape) -> bytes:
    parts = shape.parts(listing.identity, listing.filters)
    return composed(_LISTING, columns=SQL("count(*) AS total"), rows=listing.rows, **parts)


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
