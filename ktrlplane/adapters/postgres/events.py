from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.event_lists import COLUMNS, WHOLE, counted, shown, values_of
from ktrlplane.adapters.postgres.event_records import LAST_BEFORE, MARK, PRUNE, RECORDS, RETAIN
from ktrlplane.adapters.postgres.event_rows import entry_of
from ktrlplane.adapters.postgres.event_writing import keep
from ktrlplane.adapters.postgres.lists import composed, count_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry, Head, Record
from ktrlplane.domain.events import Event
from ktrlplane.domain.ids import EventId, PrincipalId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.events import Chain, EventFilter, Events

_FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.events WHERE event_id = %(event_id)s",
    columns=COLUMNS.format(long=WHOLE),
)
_ENTRIES: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.events
    WHERE tenant = %(tenant)s AND sequence > %(after)s
    ORDER BY sequence LIMIT %(limit)s
    """,
    columns=COLUMNS.format(long=WHOLE),
)

_DENIED: Final = b"""
    SELECT count(*) AS total FROM ktrlplane.events
    WHERE type = 'access.denied' AND actor_id = %(actor)s AND occurred_at >= %(since)s
"""

_CHAINS: Final = """
    SELECT tenant, sequence, encode(hash, 'hex') AS hash, occurred_at, pruned_sequence,
        encode(pruned_hash, 'hex') AS pruned_hash, pruned_at, retention_days
    FROM ktrlplane.event_chains
    WHERE {where}
    ORDER BY tenant LIMIT %(limit)s
"""
_CHAIN: Final = composed(_CHAINS, where=SQL("tenant = %(tenant)s"))
_FOLLOWING: Final = composed(_CHAINS, where=SQL("tenant > %(after)s"))
_RETAINED: Final = composed(
    _CHAINS, where=SQL("tenant > %(after)s AND retention_days IS NOT NULL")
)


class PostgresEvents(Events):
    def __init__(self, session: Session) -> None:
        self._session = session
        self._added: list[Event] = []

    def add(self, events: Sequence[Event]) -> None:
        # All at once and at the very end: a chain is nobody else's from then on.
        if events and not self._added:
            self._session.before_commit(self._keep)
        self._added += events

    def _keep(self) -> None:
        keep(self._session, self._added)

    def find(self, event_id: EventId) -> Entry | None:
        return self._session.one(entry_of, _FIND, {"event_id": event_id})

    def of(self, scope: Scope, page: PageRequest, where: EventFilter) -> Page[Entry]:
        values, by_time = values_of(scope, where), evolve(page, sort=page.sort.by_time)
        total = counted(scope).total(self._session, by_time, values)
        found = shown(scope, values).page(
            self._session, entry_of, evolve(by_time, include_total=False), _place, values
        )
        return evolve(found, total=total)

    def denied(self, principal: PrincipalId, since: datetime) -> int:
        return count_of(self._session, _DENIED, {"actor": principal, "since": since})

    def chains(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        return self._session.all(_chain, _FOLLOWING, {"after": _name(after), "limit": limit})

    def chain(self, tenant: Scope) -> Chain | None:
        return self._session.one(_chain, _CHAIN, {"tenant": str(tenant), "limit": 1})

    def entries(self, tenant: Scope, after: int, limit: int) -> Sequence[Entry]:
        values = {"tenant": str(tenant), "after": after, "limit": limit}
        return self._session.all(entry_of, _ENTRIES, values)

    def records(self, tenant: Scope, after: int, limit: int) -> Sequence[Record]:
        values = {"tenant": str(tenant), "after": after, "limit": limit}
        return self._session.all(Record, RECORDS, values)

    def last_before(self, tenant: Scope, at: datetime) -> int:
        return count_of(self._session, LAST_BEFORE, {"tenant": str(tenant), "at": at})

    def retain(self, tenant: Scope, days: int | None) -> None:
        self._session.change(RETAIN, {"tenant": str(tenant), "days": days})

    def retained(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        return self._session.all(_chain, _RETAINED, {"after": _name(after), "limit": limit})

    def prune(self, tenant: Scope, through: Head) -> int:
        values = {
            "tenant": str(tenant),
            "through": through.sequence,
            "hash": through.hash,
            "at": through.occurred_at,
        }
        (gone,) = self._session.change_returning(_count, PRUNE, values)
        if gone:
            self._session.before_commit(lambda: self._session.change(MARK, values))
        return gone


def _name(tenant: Scope | None) -> str:
    return "" if tenant is None else str(tenant)


def _chain(
    *,
    tenant: str,
    pruned_sequence: int,
    pruned_hash: str,
    pruned_at: datetime | None,
    retention_days: int | None,
    **head: Any,
) -> Chain:
    kind, _, identity = tenant.partition(" ")
    return Chain(
        tenant=Scope.parse(kind, identity),
        head=Head(**head),
        pruned=Head(sequence=pruned_sequence, hash=pruned_hash, occurred_at=pruned_at),
        retention_days=retention_days,
    )


def _count(*, total: int) -> int:
    return total


def _place(entry: Entry) -> Cursor:
    return Cursor(time_key(entry.event.occurred_at), entry.event.event_id.value)
