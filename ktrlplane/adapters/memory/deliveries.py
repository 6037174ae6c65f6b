from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import Attempted, Endpoint, Tables
from ktrlplane.adapters.memory.webhooks import is_to_be_sent
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import patterns_for
from ktrlplane.domain.ids import DeliveryId, ProjectId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.webhooks import (
    DeliveryStatus,
    Due,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)
from ktrlplane.ports.webhooks import Deliveries, DeliveryFilter, Settlement


class MemoryDeliveries(Deliveries):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.deliveries
        self._attempts = tables.webhook_attempts

    def add(self, delivery: WebhookDelivery) -> None:
        if self._rows.find(delivery.delivery_id) is None:
            self._rows.put(delivery)

    def get(self, webhook_id: WebhookId, delivery_id: DeliveryId) -> WebhookDelivery:
        row = self._rows.find(delivery_id)
        if row is None or row.webhook_id != webhook_id:
            raise NotFound(f"There is no delivery {delivery_id}.")
        return row

    def replace(self, delivery: WebhookDelivery) -> None:
        self.get(delivery.webhook_id, delivery.delivery_id)
        self._rows.put(delivery)

    def of(
        self, webhook_id: WebhookId, page: PageRequest, where: DeliveryFilter
    ) -> Page[WebhookDelivery]:
        matches = _matching(where)
        theirs = [row for row in self._rows.where(webhook=webhook_id) if matches(row)]
        return by_time(theirs, page, _place)

    def attempts(self, delivery_id: DeliveryId) -> Sequence[WebhookAttempt]:
        theirs = [row.attempt for row in self._attempts.where(delivery=delivery_id)]
        return sorted(theirs, key=lambda attempt: attempt.number)

    def recover(self, webhook: Webhook, since: datetime, now: datetime) -> int:
        made = 0
        for entry in self._happened_to(webhook.scope):
            event = entry.event
            if event.occurred_at < since or not webhook.wants(event.type):
                continue
            due = WebhookDelivery.due(webhook.webhook_id, event.event_id, event.type, now)
            known = self._rows.find(due.delivery_id)
            if known is None or known.status is DeliveryStatus.FAILED:
                self._rows.put(due if known is None else known.again(now))
                made += 1
        return made

    def claim(
        self,
        now: datetime,
        until: datetime,
        *,
        limit: int,
        each: int,
        busy: Mapping[WebhookId, int] | None = None,
    ) -> Sequence[Due]:
        turns = [
            (turn, *_order(delivery), delivery, endpoint)
            for endpoint in self._tables.webhooks.all()
            for turn, delivery in enumerate(self._due(endpoint, now, each, busy or {}))
        ]
        turns.sort(key=lambda one: one[:3])
        return [self._claimed(one[3], one[4], until) for one in turns[:limit]]

    def release(self, claimed: Sequence[WebhookDelivery], now: datetime) -> None:
        for delivery in claimed:
            if self._rows.find(delivery.delivery_id) == delivery:
                self._rows.put(evolve(delivery, next_attempt_at=now, claimed_until=None))

    def settle(self, settlements: Sequence[Settlement]) -> Collection[DeliveryId]:
        settled = []
        for one in settlements:
            known = self._rows.find(one.claimed.delivery_id)
            if known is not None and known.claimed_until == one.claimed.claimed_until:
                self._rows.put(one.settled)
                self._attempts.put(Attempted(known.delivery_id, one.attempt))
                settled.append(known.delivery_id)
        return settled

    def forget(self, before: datetime, limit: int) -> int:
        over = [row.delivery_id for row in self._rows.all() if self._is_over(row, before)]
        for delivery_id in over[:limit]:
            self._rows.drop(delivery_id)
            for attempted in self._attempts.where(delivery=delivery_id):
                self._attempts.drop((delivery_id, attempted.attempt.number))
        empty = [
            row.webhook.webhook_id
            for row in self._tables.webhooks.all()
            if row.has_ended and not self._rows.where(webhook=row.webhook.webhook_id)
        ]
        for webhook_id in empty[:limit]:
            self._tables.webhooks.drop(webhook_id)
        return len(over[:limit]) + len(empty[:limit])

    def first_pending(self, tenant: Scope, through: int) -> int | None:
        pending = (
            entry.sequence
            for entry, delivery in self._pending(tenant, through)
            if is_to_be_sent(self._endpoint(delivery), delivery)
        )
        return min(pending, default=None)

    def drop(self, tenant: Scope, through: int) -> None:
        for _, delivery in list(self._pending(tenant, through)):
            self._rows.drop(delivery.delivery_id)

    def _pending(self, tenant: Scope, through: int) -> Iterator[tuple[Entry, WebhookDelivery]]:
        for entry in self._tables.events.where(tenant=tenant):
            for delivery in self._rows.where(event=entry.event.event_id):
                if entry.sequence <= through and delivery.status is DeliveryStatus.PENDING:
                    yield entry, delivery

    def _due(
        self, endpoint: Endpoint, now: datetime, each: int, busy: Mapping[WebhookId, int]
    ) -> Sequence[WebhookDelivery]:
        webhook_id = endpoint.webhook.webhook_id
        due = [
            row
            for row in self._rows.where(webhook=webhook_id)
            if is_to_be_sent(endpoint, row)
            and row.next_attempt_at is not None
            and row.next_attempt_at <= now
        ]
        return sorted(due, key=_order)[: max(0, each - busy.get(webhook_id, 0))]

    def _claimed(self, delivery: WebhookDelivery, endpoint: Endpoint, until: datetime) -> Due:
        claimed = evolve(delivery, next_attempt_at=until, claimed_until=until)
        self._rows.put(claimed)
        entry = self._tables.events.find(delivery.event_id)
        assert entry is not None, "entries stay as long as something is to be delivered"
        return Due(delivery=claimed, webhook=endpoint.webhook, entry=entry)

    def _endpoint(self, delivery: WebhookDelivery) -> Endpoint:
        endpoint = self._tables.webhooks.find(delivery.webhook_id)
        assert endpoint is not None, "a delivery goes with its endpoint"
        return endpoint

    def _is_over(self, delivery: WebhookDelivery, before: datetime) -> bool:
        endpoint = self._endpoint(delivery)
        if endpoint.has_ended and not is_to_be_sent(endpoint, delivery):
            return True
        return delivery.completed_at is not None and delivery.completed_at < before

    def _happened_to(self, scope: Scope) -> Sequence[Entry]:
        if scope.scope_type is ScopeType.PROJECT:
            return self._tables.events.where(project=ProjectId(scope.scope_id))
        return self._tables.events.where(tenant=scope)


def _matching(where: DeliveryFilter) -> Callable[[WebhookDelivery], bool]:
    def matches(row: WebhookDelivery) -> bool:
        kinds = patterns_for(row.event_type)
        return (
            where.status in (None, row.status)
            and (where.types is None or any(one in where.types for one in kinds))
            and (where.since is None or row.created_at >= where.since)
            and (where.until is None or row.created_at < where.until)
        )

    return matches


def _order(delivery: WebhookDelivery) -> tuple[datetime, DeliveryId]:
    assert delivery.next_attempt_at is not None, "pending ones have a time"
    return delivery.next_attempt_at, delivery.delivery_id


def _place(delivery: WebhookDelivery) -> tuple[datetime, str]:
    return delivery.created_at, delivery.delivery_id.value
