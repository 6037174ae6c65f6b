"""One connection in the hands of the stores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import BaseRowFactory, kwargs_row

from ktrlplane.adapters.postgres.refusals import Refusals
from ktrlplane.domain.access import Scope, ScopeType

T = TypeVar("T")
Query = str | bytes
Values = Mapping[str, object]
Rows = Callable[[Callable[..., T]], BaseRowFactory[T]]

EVERYWHERE: Final = Scope(ScopeType.GLOBAL, "")
"""Each and every scope. GLOBAL is only one of them: what holds there grants nothing below."""


class ReadOnly(Exception):
    """Something was written where nothing can be: in a view, or after the unit of work."""


class Session:
    """What a unit of work may ask of its connection, until it ends.

    Reads and changes are told apart here and not by the server: a transaction that is READ
    ONLY would cost every view two round trips.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, may_write: bool) -> None:
        self._connection: psycopg.Connection[Any] | None = connection
        self._may_write = may_write
        self._touched: set[Scope] = set()

    @property
    def scopes_touched(self) -> frozenset[Scope]:
        """Where this unit of work changed who may do what; with ``EVERYWHERE``, everywhere."""
        return frozenset(self._touched)

    def touched(self, *scopes: Scope) -> None:
        """A store tells that it changed who may do what at ``scopes``, so that this process
        does not go on deciding on what it knew before. For a group or a role of an
        organization say the organization, for a role of the platform ``EVERYWHERE``."""
        self._touched.update(scopes)

    def end(self) -> None:
        """The connection is somebody else's from now on."""
        self._connection = None

    def all(
        self, make: Callable[..., T], query: Query, values: Values, *, row: Rows[T] = kwargs_row
    ) -> Sequence[T]:
        """``make`` takes the columns as ``row`` says: by name, unless it says otherwise."""
        with Refusals():
            cursor = self._open().cursor(row_factory=row(make))
            return cursor.execute(query, values).fetchall()

    def one(
        self, make: Callable[..., T], query: Query, values: Values, *, row: Rows[T] = kwargs_row
    ) -> T | None:
        with Refusals():
            cursor = self._open().cursor(row_factory=row(make))
            return cursor.execute(query, values).fetchone()

    def change_returning(
        self, make: Callable[..., T], query: Query, values: Values
    ) -> Sequence[T]:
        """What a change says; a lock is one too. Raises: ReadOnly."""
        self._require_writing()
        return self.all(make, query, values)

    def change(self, query: Query, values: Values) -> int:
        """How many rows. Raises: ReadOnly."""
        self._require_writing()
        with Refusals():
            return self._open().execute(query, values).rowcount

    def change_each(self, query: Query, each: Sequence[Values]) -> int:
        """The same change with each of these values; how many rows in all. Raises: ReadOnly."""
        self._require_writing()
        with Refusals():
            cursor = self._open().cursor()
            cursor.executemany(query, each)
            return cursor.rowcount

    def _require_writing(self) -> None:
        if not self._may_write:
            raise ReadOnly("Write in a unit of work that was begun and has not ended.")

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise ReadOnly("This unit of work has ended; begin another one.")
        return self._connection
