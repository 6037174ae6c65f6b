from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.delivering import deliver, drop_deliveries_of
from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.chains import Entry, Head, Record, chained
from ktrlplane.domain.events import Event, EventType, patterns_for
from ktrlplane.domain.ids import EventId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.notifications import is_notable
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.ports.events import Chain, EventFilter, Events


class MemoryEvents(Events):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.events
        self._chains = tables.event_chains
        self._told: list[Event] = []

    def add(self, events: Sequence[Event]) -> None:
        for event in events:
            chain = self._known(event.tenant)
            (entry,) = chained(chain.head, [event])
            self._rows.put(entry)
            self._chains.put(evolve(chain, head=entry.head))
            self._told.append(event)
            if is_notable(event):
                self._tables.notable.put(entry)

    def finish(self) -> None:
        """At the end of a unit of work: what was told is on its way to whoever hears it."""
        for event in self._told:
            deliver(self._tables, event)

    def find(self, event_id: EventId) -> Entry | None:
        return self._rows.find(event_id)

    def of(self, scope: Scope, page: PageRequest, where: EventFilter) -> Page[Entry]:
        if scope.scope_type is ScopeType.PROJECT:
            rows = self._rows.where(project=ProjectId(scope.scope_id))
        elif scope.scope_type is ScopeType.RESOURCE:
            rows = self._rows.where(resource=ResourceId(scope.scope_id))
        else:
            rows = self._rows.where(tenant=scope)
        matches = _matching(where)
        return by_time([row for row in rows if matches(row.event)], page, _place, _weight)

    def denied(self, principal: PrincipalId, since: datetime) -> int:
        theirs = (row.event for row in self._rows.where(actor=principal.value))
        denied = EventType.ACCESS_DENIED
        return sum(1 for one in theirs if one.type is denied and one.occurred_at >= since)

    def chains(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        following = sorted(self._chains.all(), key=lambda chain: str(chain.tenant))
        start = "" if after is None else str(after)
        return [chain for chain in following if str(chain.tenant) > start][:limit]

    def chain(self, tenant: Scope) -> Chain | None:
        return self._chains.find(tenant)

    def entries(self, tenant: Scope, after: int, limit: int) -> Sequence[Entry]:
        theirs = sorted(self._rows.where(tenant=tenant), key=lambda entry: entry.sequence)
        return [entry for entry in theirs if entry.sequence > after][:limit]

    def records(self, tenant: Scope, after: int, limit: int) -> Sequence[Record]:
        return [Record.of(entry) for entry in self.entries(tenant, after, limit)]

    def last_before(self, tenant: Scope, at: datetime) -> int:
        theirs = self._rows.where(tenant=tenant)
        return max((one.sequence for one in theirs if one.event.occurred_at < at), default=0)

    def retain(self, tenant: Scope, days: int | None) -> None:
        self._chains.put(evolve(self._known(tenant), retention_days=days))

    def retained(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        following = self.chains(after, len(self._chains.all()))
        return [chain for chain in following if chain.retention_days is not None][:limit]

    def prune(self, tenant: Scope, through: Head) -> int:
        gone = [one for one in self._rows.where(tenant=tenant) if one.sequence <= through.sequence]
        for entry in gone:
            self._rows.drop(entry.event.event_id)
            drop_deliveries_of(self._tables, entry.event.event_id)
        if gone:
            self._chains.put(evolve(self._known(tenant), pruned=through))
        return len(gone)

    def _known(self, tenant: Scope) -> Chain:
        return self.chain(tenant) or Chain(tenant=tenant, head=Head(), pruned=Head())


def _matching(where: EventFilter) -> Callable[[Event], bool]:
    def matches(event: Event) -> bool:
        return (
            (where.types is None or any(one in where.types for one in patterns_for(event.type)))
            and (where.actor is None or event.actor.id == where.actor)
            and (where.since is None or event.occurred_at >= where.since)
            and (where.until is None or event.occurred_at < where.until)
            and where.project_id in (None, event.project_id)
            and where.resource_id in (None, event.resource_id)
        )

    return matches


def _weight(entry: Entry) -> int:
    return len(entry.event.data.text.encode())


def _place(entry: Entry) -> tuple[datetime, str]:
    return entry.event.occurred_at, entry.event.event_id.value
