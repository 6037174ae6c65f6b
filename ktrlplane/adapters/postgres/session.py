"""One connection in the hands of the stores."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from psycopg.rows import BaseRowFactory, kwargs_row
from psycopg.types.json import Json

from ktrlplane.adapters.postgres import changes
from ktrlplane.adapters.postgres.decisions import Decisions, Question
from ktrlplane.adapters.postgres.pool import Connection, is_standby
from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.refusals import Refusals
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity, PrincipalId
from ktrlplane.domain.standings import Standing

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

    def __init__(
        self,
        borrow: Callable[[], Connection],
        *,
        may_write: bool,
        decisions: Decisions | None = None,
    ) -> None:
        """Borrows a connection when it is first asked something. ``decisions`` are those that
        may be used instead."""
        self._borrow = borrow
        self._connection: Connection | None = None
        self._has_ended = False
        self._may_write = may_write
        self._decisions = decisions
        self._touched: frozenset[str] = frozenset()
        self._last: list[Callable[[], object]] = []

    @property
    def scopes_touched(self) -> frozenset[str]:
        """Where this unit of work changed who may do what, as ``Decisions`` are told."""
        return self._touched

    def touched(self, *scopes: Scope) -> None:
        """A store tells that it changed who may do what at ``scopes``, so that this process
        does not go on deciding on what it knew before. For a group or a role of an
        organization say the organization, for a role of the platform ``EVERYWHERE``."""
        self._touched |= {
            changes.EVERYWHERE if scope is EVERYWHERE else str(scope) for scope in scopes
        }

    def before_commit(self, act: Callable[[], object]) -> None:
        """Has ``act`` done as the last thing of a unit of work that nothing is wrong with."""
        self._require_writing()
        self._last.append(act)

    def finish(self) -> None:
        for act in self._last:
            act()

    def end(self) -> Connection | None:
        """What was borrowed: it is somebody else's from now on."""
        borrowed, self._connection, self._has_ended = self._connection, None, True
        return borrowed

    # -- what is remembered --------------------------------------------------------------------

    def standings(
        self,
        asked: Sequence[Question],
        at: datetime,
        load: Callable[[Sequence[Question]], Sequence[Standing | None]],
    ) -> Sequence[Standing | None]:
        """In the order asked; ``load`` is asked at most once, for what is not remembered."""
        if self._decisions is None:
            return load(asked)
        return self._decisions.answered(asked, at, load, self._is_up_to_date)

    def remembered(self, principal: PrincipalId, scope: Scope, at: datetime) -> Standing | None:
        return None if self._decisions is None else self._decisions.find(principal, scope, at)

    def remembering(
        self, principal: PrincipalId, load: Callable[[], tuple[T, Standing] | None]
    ) -> tuple[T, Standing] | None:
        """What ``load`` gives, its standing remembered as that of ``principal``."""
        if self._decisions is None:
            return load()
        since = self._decisions.changes_known
        found = load()
        if found is not None and self._is_up_to_date():
            self._decisions.keep(principal, found[1], since)
        return found

    def _is_up_to_date(self) -> bool:
        # A standby may not have seen yet what its primary has told us of.
        return not is_standby(self._open())

    # -- what is asked of the database ---------------------------------------------------------

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

    def prepared(self, make: Callable[..., T], query: Prepared, values: Values) -> Sequence[T]:
        """``make`` takes the columns by position."""
        with Refusals():
            return [make(*row) for row in query.rows(self._open(), values)]

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

    def _require_writing(self) -> None:
        if not self._may_write or self._has_ended:
            raise ReadOnly("Write in a unit of work that was begun and has not ended.")

    def _open(self) -> Connection:
        if self._has_ended:
            raise ReadOnly("This unit of work has ended; begin another one.")
        if self._connection is None:
            self._connection = self._borrow()
        return self._connection


AT_ONCE: Final = 1000
"""How many rows one statement takes on."""


def rows_of(rows: Iterable[Mapping[str, object]]) -> Values:
    """As one document, for ``json_to_recordset``."""
    return {"rows": Json(list(rows), dumps=_written)}


def _written(rows: object) -> str:
    # Not by orjson, which writes no whole number of more than 64 bits: settings may have some.
    return json.dumps(rows, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, Identity | Document), type(value)
    return value.value if isinstance(value, Identity) else value.text


def batched(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
