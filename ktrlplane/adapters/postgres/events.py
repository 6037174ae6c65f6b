from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import asdict, evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.event_lists import COLUMNS, WHOLE, counted, shown, values_of
from ktrlplane.adapters.postgres.event_records import LAST_BEFORE, MARK, PRUNE, RECORDS, RETAIN
from ktrlplane.adapters.postgres.lists import composed, count_of
from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.session import Session, batched
from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry, Head, Record, chained
from ktrlplane.domain.documents import Document
from ktrlplane.domain.events import Actor, ActorType, Event, EventType
from ktrlplane.domain.ids import EventId, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.events import Chain, EventFilter, Events

# In the order of their names, so that two who write to the same chains do not wait for each other.
_HOLD: Final = Prepared.of(b"""
    SELECT tenant, sequence, encode(hash, 'hex'), occurred_at
    FROM ktrlplane.event_chains
    WHERE tenant = ANY(%(tenants)s::text[])
    ORDER BY tenant
    FOR NO KEY UPDATE
""")

_BEGIN: Final = b"""
    INSERT INTO ktrlplane.event_chains (tenant)
    SELECT tenant FROM unnest(%(tenants)s::text[]) AS asked (tenant) ORDER BY tenant
    ON CONFLICT DO NOTHING
"""

# Most units of work tell one thing: that costs half of what a list does.
_ADD_ONE: Final = Prepared.of(b"""
    WITH head AS (
        UPDATE ktrlplane.event_chains
        SET sequence = %(sequence)s::bigint, hash = %(hash)s::bytea,
            occurred_at = %(occurred_at)s::timestamptz
        WHERE tenant = %(tenant)s
    )
    INSERT INTO ktrlplane.events (
        event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
        project_id, resource_id, request_id, data, previous_hash, hash
    )
    VALUES (
        %(event_id)s, %(tenant)s, %(sequence)s, %(type)s, %(version)s, %(occurred_at)s,
        %(actor_type)s, %(actor_id)s, %(org_id)s, %(project_id)s, %(resource_id)s,
        %(request_id)s, %(data)s, %(previous_hash)s, %(hash)s
    )
""")

_ADD: Final = Prepared.of(b"""
    WITH entries AS (
        SELECT * FROM unnest(
            %(event_id)s::text[], %(tenant)s::text[], %(sequence)s::bigint[], %(type)s::text[],
            %(version)s::int[], %(occurred_at)s::timestamptz[], %(actor_type)s::text[],
            %(actor_id)s::text[], %(org_id)s::text[], %(project_id)s::text[],
            %(resource_id)s::text[], %(request_id)s::text[], %(data)s::text[],
            %(previous_hash)s::bytea[], %(hash)s::bytea[]
        ) AS made (
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data, previous_hash, hash
        )
    ),
    heads AS (
        UPDATE ktrlplane.event_chains chain
        SET sequence = last.sequence, hash = last.hash, occurred_at = last.occurred_at
        FROM (
            SELECT DISTINCT ON (tenant) * FROM entries ORDER BY tenant, sequence DESC
        ) last
        WHERE chain.tenant = last.tenant
    )
    INSERT INTO ktrlplane.events (
        event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
        project_id, resource_id, request_id, data, previous_hash, hash
    )
    SELECT
        event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
        project_id, resource_id, request_id, data::json, previous_hash, hash
    FROM entries
""")

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
        added: dict[str, list[Event]] = {}
        for event in self._added:
            added.setdefault(str(event.tenant), []).append(event)
        heads = self._hold(sorted(added))
        entries = [
            (tenant, entry)
            for tenant, events in added.items()
            for entry in chained(heads[tenant], events)
        ]
        if len(entries) == 1:
            self._session.prepared(_nothing, _ADD_ONE, _columns(*entries[0]))
            return
        for some in batched(entries):
            rows = [_columns(tenant, entry) for tenant, entry in some]
            values = {name: [row[name] for row in rows] for name in rows[0]}
            self._session.prepared(_nothing, _ADD, values)

    def _hold(self, tenants: Sequence[str]) -> Mapping[str, Head]:
        """The heads of chains, which nobody else moves until the unit of work ends."""
        values = {"tenants": tenants}
        heads = dict(self._session.prepared(_head, _HOLD, values))
        if len(heads) < len(tenants):
            self._session.change(_BEGIN, values)
            heads = dict(self._session.prepared(_head, _HOLD, values))
        return heads

    def find(self, event_id: EventId) -> Entry | None:
        return self._session.one(_entry, _FIND, {"event_id": event_id})

    def of(self, scope: Scope, page: PageRequest, where: EventFilter) -> Page[Entry]:
        values, by_time = values_of(scope, where), evolve(page, sort=page.sort.by_time)
        total = counted(scope).total(self._session, by_time, values)
        found = shown(scope, values).page(
            self._session, _entry, evolve(by_time, include_total=False), _place, values
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
        return self._session.all(_entry, _ENTRIES, values)

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
        gone = self._session.change(PRUNE, values)
        if gone:
            self._session.before_commit(lambda: self._session.change(MARK, values))
        return gone


def _name(tenant: Scope | None) -> str:
    return "" if tenant is None else str(tenant)


def _columns(tenant: str, entry: Entry) -> Mapping[str, str | None]:
    """As PostgreSQL reads them."""
    kept = asdict(Record.of(entry)) | {"tenant": tenant}
    for name in ("sequence", "version"):
        kept[name] = str(kept[name])
    for name in ("previous_hash", "hash"):
        kept[name] = f"\\x{kept[name]}"
    return kept


def _nothing() -> None:
    raise AssertionError("nothing comes back")


def _head(tenant: str, sequence: int, last: str, occurred_at: datetime | None) -> tuple[str, Head]:
    return tenant, Head(sequence=sequence, hash=last, occurred_at=occurred_at)


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


def _entry(
    *,
    sequence: int,
    previous_hash: str,
    hash: str,  # noqa: A002
    event_id: str,
    type: str,  # noqa: A002
    actor_type: str,
    actor_id: str,
    org_id: str | None,
    project_id: str | None,
    resource_id: str | None,
    said: str,
    **columns: Any,
) -> Entry:
    event = Event(
        event_id=EventId(event_id),
        type=EventType(type),
        actor=Actor(ActorType(actor_type), actor_id),
        org_id=None if org_id is None else OrganizationId(org_id),
        project_id=None if project_id is None else ProjectId(project_id),
        resource_id=None if resource_id is None else ResourceId(resource_id),
        data=Document(said),
        **columns,
    )
    return Entry(event=event, sequence=sequence, previous_hash=previous_hash, hash=hash)


def _place(entry: Entry) -> Cursor:
    return Cursor(time_key(entry.event.occurred_at), entry.event.event_id.value)
