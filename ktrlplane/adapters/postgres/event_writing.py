"""Putting events at the end of their chains."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import asdict

from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.session import Session, batched
from ktrlplane.domain.chains import NO_HASH, Entry, Head, Record, chained
from ktrlplane.domain.events import Event
from ktrlplane.domain.notifications import NOTABLE

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

# What is told goes to every endpoint that wants it, in the same statement: no delivery can be
# missed that way. A test is for the endpoint that is tested alone.
_DELIVERED: Final = b"""
    delivered AS (
        INSERT INTO ktrlplane.webhook_deliveries (
            delivery_id, webhook_id, event_id, event_type, status, next_attempt_at, created_at
        )
        SELECT
            'dlv_' || substr(told.event_id, 5, 12) || left(
                encode(sha256(convert_to(w.webhook_id || told.event_id, 'UTF8')), 'hex'), 20
            ),
            w.webhook_id, told.event_id, told.type, 'pending', told.occurred_at, told.occurred_at
        FROM told
        CROSS JOIN LATERAL (
            VALUES ('organization', told.org_id), ('project', told.project_id)
        ) AS place (scope_type, scope_id)
        JOIN ktrlplane.webhooks w USING (scope_type, scope_id)
        WHERE (w.ended_in IS NULL OR w.ended_in = pg_current_xact_id())
            AND w.status <> 'disabled' AND told.type <> 'webhook.test'
            AND w.event_types && ARRAY['*', split_part(told.type, '.', 1) || '.*', told.type]
    ),
    noted AS (
        INSERT INTO ktrlplane.notable_events (event_id, occurred_at)
        SELECT event_id, occurred_at FROM told
        WHERE type = ANY(%(notable)s::text[])
            AND (type <> 'resource.status_changed' OR data #>> '{after,status}' = 'Failed')
    )
"""
_NOTABLE: Final = sorted(kind.value for kind in NOTABLE)

# Most units of work tell one thing: that is a chain held, an entry put at its end and the chain
# moved on in one go. What is hashed is as ``domain/chains.py`` writes it.
_ADD_ONE: Final = Prepared.of(
    b"""
    WITH place AS (
        SELECT
            sequence + 1 AS sequence,
            encode(hash, 'hex') AS previous_hash,
            greatest(%(occurred_at)s::timestamptz, occurred_at + interval '1 microsecond')
                AS occurred_at
        FROM ktrlplane.event_chains
        WHERE tenant = %(tenant)s
        FOR NO KEY UPDATE
    ),
    entry AS (
        SELECT place.*, sha256(convert_to(
            %(before_time)s::text
            || to_char(occurred_at AT TIME ZONE 'UTC', '\\"YYYY-MM-DD"T"HH24:MI:SS.US"Z\\""')
            || %(before_previous)s::text || '"' || previous_hash || '"'
            || %(before_sequence)s::text || sequence || %(after_all)s::text,
            'UTF8'
        )) AS hash
        FROM place
    ),
    head AS (
        UPDATE ktrlplane.event_chains chain
        SET sequence = entry.sequence, hash = entry.hash, occurred_at = entry.occurred_at
        FROM entry
        WHERE chain.tenant = %(tenant)s
    ),
    told AS (
        INSERT INTO ktrlplane.events (
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data, previous_hash, hash
        )
        SELECT
            %(event_id)s, %(tenant)s, sequence, %(type)s, %(version)s::int, occurred_at,
            %(actor_type)s, %(actor_id)s, %(org_id)s, %(project_id)s, %(resource_id)s,
            %(request_id)s, %(data)s::json, decode(previous_hash, 'hex'), hash
        FROM entry
        RETURNING *
    ),"""
    + _DELIVERED
    + b"""
    SELECT true FROM told
"""
)

_ADD: Final = Prepared.of(
    b"""
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
    ),
    told AS (
        INSERT INTO ktrlplane.events (
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data, previous_hash, hash
        )
        SELECT
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data::json, previous_hash, hash
        FROM entries
        RETURNING *
    ),"""
    + _DELIVERED
    + b"""
    SELECT count(*) FROM told
"""
)


def keep(session: Session, events: Sequence[Event]) -> None:
    """In this order. Nobody else moves their chains from now on until the unit of work ends."""
    if len(events) > 1 or not _kept_alone(session, events[0]):
        _keep_all(session, events)


def _kept_alone(session: Session, event: Event) -> bool:
    """Whether it was: not where its chain has not begun."""
    unplaced = Record.of(Entry(event=event, sequence=0, previous_hash=NO_HASH, hash=""))
    around = zip(_AROUND, unplaced.hashed_around, strict=True)
    values = {**_columns(str(event.tenant), unplaced), **dict(around), "notable": _NOTABLE}
    return bool(session.prepared(bool, _ADD_ONE, values))


_AROUND: Final = ("before_time", "before_previous", "before_sequence", "after_all")


def _keep_all(session: Session, events: Sequence[Event]) -> None:
    of_tenants: dict[str, list[Event]] = {}
    for event in events:
        of_tenants.setdefault(str(event.tenant), []).append(event)
    heads = _held(session, sorted(of_tenants))
    entries = [
        (tenant, entry)
        for tenant, told in of_tenants.items()
        for entry in chained(heads[tenant], told)
    ]
    for some in batched(entries):
        rows = [_columns(tenant, Record.of(entry)) for tenant, entry in some]
        values = {name: [row[name] for row in rows] for name in rows[0]}
        session.prepared(int, _ADD, {**values, "notable": _NOTABLE})


def _held(session: Session, tenants: Sequence[str]) -> Mapping[str, Head]:
    values = {"tenants": tenants}
    heads = dict(session.prepared(_head, _HOLD, values))
    if len(heads) < len(tenants):
        session.change(_BEGIN, values)
        heads = dict(session.prepared(_head, _HOLD, values))
    return heads


def _columns(tenant: str, record: Record) -> Mapping[str, str | None]:
    """As PostgreSQL reads them."""
    kept = asdict(record) | {"tenant": tenant}
    for name in ("sequence", "version"):
        kept[name] = str(kept[name])
    for name in ("previous_hash", "hash"):
        kept[name] = f"\\x{kept[name]}"
    return kept


def _head(tenant: str, sequence: int, last: str, occurred_at: datetime | None) -> tuple[str, Head]:
    return tenant, Head(sequence=sequence, hash=last, occurred_at=occurred_at)
