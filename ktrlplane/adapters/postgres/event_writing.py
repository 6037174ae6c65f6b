"""Putting events at the end of their chains."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import fields_dict

from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.session import Session, batched
from ktrlplane.domain.chains import NO_HASH, Entry, Head, Record, chained
from ktrlplane.domain.events import Event, patterns_for
from ktrlplane.domain.notifications import is_notable
from ktrlplane.domain.paging import time_key
from ktrlplane.domain.webhooks import addressee

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

# A delivery to each endpoint that hears of it (``Webhook.hears``). ``told`` are the entries, with
# ``decided_at``, ``patterns`` and ``addressee``. It costs a look into a small index where there
# are none.
_DELIVERED: Final = b"""
    sent AS (
        INSERT INTO ktrlplane.webhook_deliveries (
            delivery_id, webhook_id, event_id, event_type, next_attempt_at, created_at
        )
        SELECT
            'dlv_' || substr(told.event_id, 5, 16) || substr(encode(sha256(convert_to(
                told.event_id || ' ' || hearing.webhook_id, 'UTF8'
            )), 'hex'), 1, 16),
            hearing.webhook_id, told.event_id, told.type, told.decided_at, told.decided_at
        FROM told
        CROSS JOIN LATERAL (
            SELECT webhook_id, event_types, status FROM ktrlplane.webhooks
            WHERE scope_type = 'organization' AND scope_id = told.org_id
            UNION ALL
            SELECT webhook_id, event_types, status FROM ktrlplane.webhooks
            WHERE scope_type = 'project' AND scope_id = told.project_id
        ) hearing
        WHERE hearing.status <> 'disabled' AND CASE
            WHEN told.type = 'webhook.test' THEN hearing.webhook_id = told.addressee
            ELSE hearing.event_types && string_to_array(told.patterns, ' ')
        END
    ),
"""
# Events that somebody may be to be told of (``notifications.is_notable``) wait for it.
_NOTED: Final = b"""
    noted AS (
        INSERT INTO ktrlplane.notable_events (event_id, occurred_at)
        SELECT event_id, occurred_at FROM told WHERE is_notable
    )
"""

# Most units of work tell one thing: that is a chain moved on and an entry put at its end in one
# go. What is hashed is as ``domain/chains.py`` writes it.
_ADD_ONE: Final = Prepared.of(
    b"""
    WITH head AS (
        UPDATE ktrlplane.event_chains
        SET sequence = sequence + 1,
            previous_hash = hash,
            occurred_at = greatest(
                %(occurred_at)s::timestamptz, occurred_at + interval '1 microsecond'
            ),
            hash = sha256(convert_to(
                %(before_time)s::text || to_char(
                    greatest(%(occurred_at)s::timestamptz, occurred_at + interval '1 microsecond')
                        AT TIME ZONE 'UTC',
                    '\\"YYYY-MM-DD"T"HH24:MI:SS.US"Z\\""'
                )
                || %(before_previous)s::text || '"' || encode(hash, 'hex') || '"'
                || %(before_sequence)s::text || (sequence + 1) || %(after_all)s::text,
                'UTF8'
            ))
        WHERE tenant = %(tenant)s
        RETURNING sequence, previous_hash, occurred_at, hash
    ),
    told AS (
        INSERT INTO ktrlplane.events (
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data, previous_hash, hash
        )
        SELECT
            %(event_id)s, %(tenant)s, sequence, %(type)s, %(version)s::int, occurred_at,
            %(actor_type)s, %(actor_id)s, %(org_id)s, %(project_id)s, %(resource_id)s,
            %(request_id)s, %(data)s::json, previous_hash, hash
        FROM head
        RETURNING event_id, type, org_id, project_id, %(occurred_at)s::timestamptz AS decided_at,
            occurred_at, %(patterns)s::text AS patterns, %(addressee)s::text AS addressee,
            %(is_notable)s::boolean AS is_notable
    ),
"""
    + _DELIVERED
    + _NOTED
    + b"SELECT true FROM told"
)

_ADD: Final = Prepared.of(
    b"""
    WITH entries AS (
        SELECT * FROM unnest(
            %(event_id)s::text[], %(tenant)s::text[], %(sequence)s::bigint[], %(type)s::text[],
            %(version)s::int[], %(occurred_at)s::timestamptz[], %(actor_type)s::text[],
            %(actor_id)s::text[], %(org_id)s::text[], %(project_id)s::text[],
            %(resource_id)s::text[], %(request_id)s::text[], %(data)s::text[],
            %(previous_hash)s::bytea[], %(hash)s::bytea[], %(decided_at)s::timestamptz[],
            %(patterns)s::text[], %(addressee)s::text[], %(is_notable)s::boolean[]
        ) AS made (
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data, previous_hash, hash, decided_at, patterns,
            addressee, is_notable
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
    kept AS (
        INSERT INTO ktrlplane.events (
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data, previous_hash, hash
        )
        SELECT
            event_id, tenant, sequence, type, version, occurred_at, actor_type, actor_id, org_id,
            project_id, resource_id, request_id, data::json, previous_hash, hash
        FROM entries
    ),
    told AS (SELECT * FROM entries),
"""
    + _DELIVERED
    + _NOTED
    + b"SELECT true"
)


def keep(session: Session, events: Sequence[Event]) -> None:
    """In this order. Nobody else moves their chains from now on until the unit of work ends."""
    if len(events) > 1 or not _kept_alone(session, events[0]):
        _keep_all(session, events)


def _kept_alone(session: Session, event: Event) -> bool:
    """Whether it was: not where its chain has not begun."""
    unplaced = Record.of(Entry(event=event, sequence=0, previous_hash=NO_HASH, hash=""))
    around = zip(_AROUND, unplaced.hashed_around, strict=True)
    columns = _columns(str(event.tenant), unplaced)
    values = {**columns, **_delivered(event), **dict(around)}
    return bool(session.prepared(bool, _ADD_ONE, values))


_AROUND: Final = ("before_time", "before_previous", "before_sequence", "after_all")


def _keep_all(session: Session, events: Sequence[Event]) -> None:
    of_tenants: dict[str, list[Event]] = {}
    for event in events:
        of_tenants.setdefault(str(event.tenant), []).append(event)
    heads = _held(session, sorted(of_tenants))
    entries = [
        (tenant, event, entry)
        for tenant, told in of_tenants.items()
        for event, entry in zip(told, chained(heads[tenant], told), strict=True)
    ]
    for some in batched(entries):
        rows = [
            {**_columns(tenant, Record.of(entry)), **_delivered(event)}
            for tenant, event, entry in some
        ]
        values = {name: [row[name] for row in rows] for name in rows[0]}
        session.prepared(bool, _ADD, values)


def _held(session: Session, tenants: Sequence[str]) -> Mapping[str, Head]:
    values = {"tenants": tenants}
    heads = dict(session.prepared(_head, _HOLD, values))
    if len(heads) < len(tenants):
        session.change(_BEGIN, values)
        heads = dict(session.prepared(_head, _HOLD, values))
    return heads


def _columns(tenant: str, record: Record) -> Mapping[str, str | None]:
    """As PostgreSQL reads them."""
    kept = {name: getattr(record, name) for name in _RECORDED}
    return kept | {
        "tenant": tenant,
        "sequence": str(record.sequence),
        "version": str(record.version),
        "previous_hash": f"\\x{record.previous_hash}",
        "hash": f"\\x{record.hash}",
    }


_RECORDED: Final = tuple(fields_dict(Record))


def _delivered(event: Event) -> Mapping[str, str | None]:
    only = addressee(event)
    return {
        "decided_at": time_key(event.occurred_at),
        "patterns": " ".join(patterns_for(event.type)),
        "addressee": None if only is None else only.value,
        "is_notable": "true" if is_notable(event) else "false",
    }


def _head(tenant: str, sequence: int, last: str, occurred_at: datetime | None) -> tuple[str, Head]:
    return tenant, Head(sequence=sequence, hash=last, occurred_at=occurred_at)
