"""The queries behind lists of events."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, LiteralString

from attrs import evolve
from psycopg.sql import SQL, Composable, Composed

from ktrlplane.adapters.postgres.event_rows import entry_of
from ktrlplane.adapters.postgres.lists import Listing, Long, composed
from ktrlplane.adapters.postgres.session import Session, Values
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.events import EventType, patterns_for
from ktrlplane.domain.ids import EventId
from ktrlplane.ports.events import EventFilter

COLUMNS: Final = SQL("""
    event_id, sequence, type, version, occurred_at, actor_type, actor_id, org_id, project_id,
    resource_id, request_id, {long}, encode(previous_hash, 'hex') AS previous_hash,
    encode(hash, 'hex') AS hash
""")
WHOLE: Final = SQL("data::text AS said")

_FILTERS: Final = {
    "types": SQL("type = ANY(%(types)s)"),
    "actor": SQL("actor_id = %(actor)s"),
    "since": SQL("created_at >= %(since)s"),
    "until": SQL("created_at < %(until)s"),
    "project_id": SQL("project_id = %(project_id)s"),
    "resource_id": SQL("resource_id = %(resource_id)s"),
}

_ROWS: Final = """
    SELECT *, data::text AS said, occurred_at AS created_at FROM ktrlplane.events WHERE {}
"""

# Of each type by itself the events are in order in the index: however rare one is, and however
# long the log, only what can be on the page is looked at.
_BY_TYPE: Final = """
    SELECT whole.*, whole.data::text AS said, head.created_at FROM (
        SELECT newest.* FROM unnest(%(types)s::text[]) AS asked (type)
        CROSS JOIN LATERAL (
            SELECT created_at, event_id
            FROM (SELECT *, occurred_at AS created_at FROM ktrlplane.events) listed
            WHERE tenant = %(tenant)s AND type = asked.type {matching} {beyond}
            ORDER BY created_at {way}, event_id {way} LIMIT %(reach)s
        ) newest
        ORDER BY created_at {way}, event_id {way} LIMIT %(reach)s
    ) head
    JOIN ktrlplane.events whole USING (event_id)
"""


def _listing(where: LiteralString) -> Listing:
    return Listing(
        columns=COLUMNS,
        rows=SQL(_ROWS).format(SQL(where)),
        identity=SQL("event_id"),
        filters=_FILTERS,
        long=Long(column="said", weight=SQL("octet_length(said)")),
    )


def _by_type(parts: Mapping[str, Composable]) -> Composed:
    return SQL(_BY_TYPE).format(**parts)


_OF_A_TENANT: Final = _listing("tenant = %(tenant)s")
_WALKS: Final = {
    ScopeType.GLOBAL: _OF_A_TENANT,
    ScopeType.ORGANIZATION: _OF_A_TENANT,
    ScopeType.PROJECT: _listing("project_id = %(scope_id)s"),
    ScopeType.RESOURCE: _listing("resource_id = %(scope_id)s"),
}
_OF_TYPES: Final = evolve(
    _OF_A_TENANT,
    rows=_by_type,
    filters={name: _FILTERS[name] for name in ("actor", "since", "until")},
)


def counted(scope: Scope) -> Listing:
    """To be counted."""
    return _WALKS[scope.scope_type]


def shown(scope: Scope, values: Values) -> Listing:
    """For a page of the same list."""
    is_below = values["project_id"] is not None or values["resource_id"] is not None
    if values["types"] is None or is_below or _WALKS[scope.scope_type] is not _OF_A_TENANT:
        return _WALKS[scope.scope_type]
    return _OF_TYPES


def values_of(scope: Scope, where: EventFilter) -> Values:
    return {
        "tenant": str(scope),
        "scope_id": scope.scope_id,
        "types": None if where.types is None else _types(where.types),
        "actor": where.actor,
        "since": where.since,
        "until": where.until,
        "project_id": where.project_id,
        "resource_id": where.resource_id,
    }


def _types(patterns: Sequence[str]) -> list[str] | None:
    """Those that one of the patterns names; None for all."""
    if "*" in patterns:
        return None
    known = {kind.value for kind in EventType if set(patterns) & set(patterns_for(kind))}
    return sorted(known | {one for one in patterns if not one.endswith(".*")})


_AMONG: Final = composed(
    "SELECT {columns} FROM ktrlplane.events WHERE event_id = ANY(%(event_ids)s::text[])",
    columns=COLUMNS.format(long=WHOLE),
)


def entries_among(session: Session, event_ids: Collection[EventId]) -> Mapping[EventId, Entry]:
    found = session.all(entry_of, _AMONG, {"event_ids": [one.value for one in event_ids]})
    return {entry.event.event_id: entry for entry in found}
