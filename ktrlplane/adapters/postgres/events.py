from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, Long, composed, count_of
from ktrlplane.adapters.postgres.session import Session, batched, rows_of
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.chains import Entry, Head, chained
from ktrlplane.domain.documents import Document
from ktrlplane.domain.events import Actor, ActorType, Event, EventType
from ktrlplane.domain.ids import EventId, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.events import Chain, EventFilter, Events

# In the order of their names, so that two who write to the same chains do not wait for each other.
_HOLD: Final = b"""
    WITH made AS (
        INSERT INTO ktrlplane.event_chains (tenant)
        SELECT tenant FROM unnest(%(tenants)s::text[]) AS asked (tenant) ORDER BY tenant
        ON CONFLICT DO NOTHING
        RETURNING tenant, sequence, encode(hash, 'hex') AS hash, occurred_at
    ),
    there AS (
        SELECT tenant, sequence, encode(hash, 'hex') AS hash, occurred_at
        FROM ktrlplane.event_chains
        WHERE tenant = ANY(%(tenants)s::text[])
        ORDER BY tenant
        FOR NO KEY UPDATE
    )
    SELECT * FROM made UNION ALL SELECT * FROM there
"""

_ADD: Final = b"""
    WITH entries AS (
        SELECT * FROM json_to_recordset(%(rows)s) AS made (
            event_id text, tenant text, sequence bigint, type text, version int,
            occurred_at timestamptz, actor_type text, actor_id text, org_id text,
            project_id text, resource_id text, request_id text, data text, previous_hash text,
            hash text
        )
    ),
    heads AS (
        UPDATE ktrlplane.event_chains chain
        SET sequence = last.sequence, hash = decode(last.hash, 'hex'),
            occurred_at = last.occurred_at
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
        project_id, resource_id, request_id, data::json, decode(previous_hash, 'hex'),
        decode(hash, 'hex')
    FROM entries
"""

_COLUMNS: Final = SQL("""
    event_id, sequence, type, version, occurred_at, actor_type, actor_id, org_id, project_id,
    resource_id, request_id, {long}, encode(previous_hash, 'hex') AS previous_hash,
    encode(hash, 'hex') AS hash
""")
_WHOLE: Final = SQL("data::text AS said")

_FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.events WHERE event_id = %(event_id)s",
    columns=_COLUMNS.format(long=_WHOLE),
)
_ENTRIES: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.events
    WHERE tenant = %(tenant)s AND sequence > %(after)s
    ORDER BY sequence LIMIT %(limit)s
    """,
    columns=_COLUMNS.format(long=_WHOLE),
)

_DENIED: Final = b"""
    SELECT count(*) AS total FROM ktrlplane.events
    WHERE type = 'access.denied' AND actor_id = %(actor)s AND occurred_at >= %(since)s
"""

_CHAINS: Final = b"""
    SELECT tenant, sequence, encode(hash, 'hex') AS hash, occurred_at, pruned_sequence,
        encode(pruned_hash, 'hex') AS pruned_hash, pruned_at
    FROM ktrlplane.event_chains
    WHERE (%(after)s::text IS NULL OR tenant > %(after)s)
        AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    ORDER BY tenant LIMIT %(limit)s
"""

_FILTERS: Final = {
    "types": SQL("(type = ANY(%(types)s) OR split_part(type, '.', 1) = ANY(%(nouns)s))"),
    "actor": SQL("actor_id = %(actor)s"),
    "since": SQL("created_at >= %(since)s"),
    "until": SQL("created_at < %(until)s"),
}


_ROWS: Final = """
    SELECT *, data::text AS said, occurred_at AS created_at FROM ktrlplane.events WHERE {}
"""


def _listing(where: LiteralString) -> Listing:
    return Listing(
        columns=_COLUMNS,
        rows=SQL(_ROWS).format(SQL(where)),
        identity=SQL("event_id"),
        filters=_FILTERS,
        long=Long(column="said", weight=SQL("octet_length(said)")),
    )


_LISTINGS: Final = {
    ScopeType.GLOBAL: _listing("tenant = %(tenant)s"),
    ScopeType.ORGANIZATION: _listing("tenant = %(tenant)s"),
    ScopeType.PROJECT: _listing("project_id = %(scope_id)s"),
    ScopeType.RESOURCE: _listing("resource_id = %(scope_id)s"),
}


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
        for some in batched(entries):
            self._session.change(_ADD, rows_of(_columns(tenant, entry) for tenant, entry in some))

    def _hold(self, tenants: Sequence[str]) -> Mapping[str, Head]:
        """The heads of chains, which nobody else moves until the unit of work ends."""
        values = {"tenants": tenants}
        heads = dict(self._session.change_returning(_head, _HOLD, values))
        if len(heads) < len(tenants):  # somebody else had just begun one, and has committed
            heads = dict(self._session.change_returning(_head, _HOLD, values))
        return heads

    def find(self, event_id: EventId) -> Entry | None:
        return self._session.one(_entry, _FIND, {"event_id": event_id})

    def of(self, scope: Scope, page: PageRequest, where: EventFilter) -> Page[Entry]:
        types = where.types
        everything = types is None or "*" in types
        values = {
            "tenant": str(scope),
            "scope_id": scope.scope_id,
            "types": None if everything else list(types or ()),
            "nouns": [one.removesuffix(".*") for one in types or () if one.endswith(".*")],
            "actor": where.actor,
            "since": where.since,
            "until": where.until,
        }
        by_time = evolve(page, sort=page.sort.by_time)
        return _LISTINGS[scope.scope_type].page(self._session, _entry, by_time, _place, values)

    def denied(self, principal: PrincipalId, since: datetime) -> int:
        return count_of(self._session, _DENIED, {"actor": principal, "since": since})

    def chains(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        values = {"after": None if after is None else str(after), "tenant": None, "limit": limit}
        return self._session.all(_chain, _CHAINS, values)

    def chain(self, tenant: Scope) -> Chain | None:
        values = {"after": None, "tenant": str(tenant), "limit": 1}
        return self._session.one(_chain, _CHAINS, values)

    def entries(self, tenant: Scope, after: int, limit: int) -> Sequence[Entry]:
        values = {"tenant": str(tenant), "after": after, "limit": limit}
        return self._session.all(_entry, _ENTRIES, values)


def _columns(tenant: str, entry: Entry) -> Mapping[str, object]:
    event = entry.event
    return {
        "event_id": event.event_id,
        "tenant": tenant,
        "sequence": entry.sequence,
        "type": event.type,
        "version": event.version,
        "occurred_at": event.occurred_at,
        "actor_type": event.actor.type,
        "actor_id": event.actor.id,
        "org_id": event.org_id,
        "project_id": event.project_id,
        "resource_id": event.resource_id,
        "request_id": event.request_id,
        "data": event.data.text,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def _head(
    *,
    tenant: str,
    sequence: int,
    hash: str,  # noqa: A002
    occurred_at: datetime | None,
) -> tuple[str, Head]:
    return tenant, Head(sequence=sequence, hash=hash, occurred_at=occurred_at)


def _chain(
    *,
    tenant: str,
    pruned_sequence: int,
    pruned_hash: str,
    pruned_at: datetime | None,
    **head: Any,
) -> Chain:
    kind, _, identity = tenant.partition(" ")
    return Chain(
        tenant=Scope.parse(kind, identity),
        head=Head(**head),
        pruned=Head(sequence=pruned_sequence, hash=pruned_hash, occurred_at=pruned_at),
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
