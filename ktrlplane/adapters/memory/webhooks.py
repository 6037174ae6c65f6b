from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from attrs import evolve

from ktrlplane.adapters.memory.delivering import drop_deliveries
from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import KeptAttempt, Tables
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import patterns_for
from ktrlplane.domain.ids import DeliveryId, OrganizationId, ProjectId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.webhook_deliveries import (
    DeliveryStatus,
    WebhookAttempt,
    WebhookDelivery,
)
from ktrlplane.domain.webhooks import EndpointStatus, Webhook
from ktrlplane.ports.webhooks import DeliveryFilter, Due, Outcome, Webhooks


class MemoryWebhooks(Webhooks):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.webhooks
        self._deliveries = tables.webhook_deliveries
        self._attempts = tables.webhook_attempts

    def add(self, webhook: Webhook) -> None:
        self._rows.put(webhook)

    def find(self, webhook_id: WebhookId) -> Webhook | None:
        return self._rows.find(webhook_id)

    def replace(self, webhook: Webhook) -> None:
        self._require(webhook.webhook_id)
        self._rows.put(webhook)
        if webhook.status is EndpointStatus.DISABLED:
            for one in self._deliveries.where(webhook=webhook.webhook_id):
                if one.status is DeliveryStatus.PENDING:
                    self._deliveries.put(one.cancelled(webhook.updated_at))

    def remove(self, webhook_id: WebhookId) -> None:
        self._require(webhook_id)
        self._rows.drop(webhook_id)

    def of(self, scope: Scope, page: PageRequest) -> Page[Webhook]:
        return by_time(self._rows.where(scope=scope), page, _place)

    def count(self, scope: Scope) -> int:
        return len(self._rows.where(scope=scope))

    def held(
        self, webhook_ids: Sequence[WebhookId], *, failing: Sequence[WebhookId] = ()
    ) -> Sequence[Webhook]:
        asked = set(webhook_ids)
        found = map(self._rows.find, sorted(asked.union(failing)))
        return [
            one
            for one in found
            if one is not None and (one.webhook_id in asked or one.failing_since is not None)
        ]

    def find_delivery(self, delivery_id: DeliveryId) -> WebhookDelivery | None:
        found = self._deliveries.find(delivery_id)
        return None if found is None or self._rows.find(found.webhook_id) is None else found

    def deliveries_of(
        self, webhook_id: WebhookId, page: PageRequest, where: DeliveryFilter
    ) -> Page[WebhookDelivery]:
        matches = _matching(where)
        theirs = [one for one in self._deliveries.where(webhook=webhook_id) if matches(one)]
        return by_time(theirs, page, _age)

    def attempts_of(self, delivery_id: DeliveryId) -> Sequence[WebhookAttempt]:
        kept = (one.attempt for one in self._attempts.where(delivery=delivery_id))
        return sorted(kept, key=lambda attempt: attempt.number)

    def ask_again(self, delivery_id: DeliveryId, at: datetime) -> None:
        found = self._deliveries.find(delivery_id)
        if found is not None:
            self._deliveries.put(found.asked_again(at))

    def recover(self, webhook: Webhook, since: datetime, at: datetime, limit: int) -> int:
        theirs = sorted(self._deliveries.where(webhook=webhook.webhook_id), key=_age)
        known = {one.event_id for one in theirs}
        again = [
            one.asked_again(at)
            for one in theirs
            if one.created_at >= since
            and one.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
        ]
        missed = sorted(
            (entry.event for entry in self._tables.events.all()),
            key=lambda event: (event.occurred_at, event.event_id),
        )
        made = [
            WebhookDelivery.made(event, webhook.webhook_id, at)
            for event in missed
            if event.occurred_at >= since and event.event_id not in known and webhook.wants(event)
        ]
        recovered = [*again, *made][:limit]
        for one in recovered:
            self._deliveries.put(one)
        return len(recovered)

    def claim(
        self,
        now: datetime,
        until: datetime,
        *,
        each: int,
        limit: int,
        busy: Mapping[WebhookId, int],
    ) -> Sequence[Due]:
        ranked = [
            (rank, one.next_attempt_at, one.delivery_id, webhook, one)
            for webhook in self._enabled()
            for known in (busy.get(webhook.webhook_id, 0),)
            for rank, one in enumerate(self._due(webhook, now)[: max(each - known, 0)], known)
        ]
        ranked.sort(key=lambda place: place[:3])
        return [self._claimed(one, webhook, until) for *_, webhook, one in ranked[:limit]]

    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[DeliveryId]:
        return [one.delivery.delivery_id for one in outcomes if self._settled(one)]

    def release(self, deliveries: Sequence[WebhookDelivery], now: datetime) -> None:
        for one in deliveries:
            kept = self._of_claim(one)
            if kept is not None and kept.status is DeliveryStatus.PENDING:
                self._deliveries.put(kept.released(now))

    def forget(self, before: datetime, limit: int) -> int:
        old = [one for one in self._deliveries.all() if self._is_over(one, before)]
        gone = list(islice(sorted(old, key=_age), limit))
        drop_deliveries(self._tables, gone)
        ended = [one for one in self._rows.all() if self._has_ended(one)][: limit - len(gone)]
        for webhook in ended:
            self._rows.drop(webhook.webhook_id)
        return len(gone) + len(ended)

    def first_undelivered(self, tenant: Scope) -> int | None:
        enabled = {one.webhook_id for one in self._enabled()}
        waiting = (
            entry.sequence
            for entry in self._tables.events.where(tenant=tenant)
            for one in self._deliveries.where(event=entry.event.event_id)
            if one.status is DeliveryStatus.PENDING and one.webhook_id in enabled
        )
        return min(waiting, default=None)

    def _require(self, webhook_id: WebhookId) -> None:
        if self._rows.find(webhook_id) is None:
            raise NotFound(f"There is no webhook {webhook_id}.")

    def _enabled(self) -> list[Webhook]:
        return [one for one in self._rows.all() if one.status is EndpointStatus.ENABLED]

    def _due(self, webhook: Webhook, now: datetime) -> list[WebhookDelivery]:
        due = [
            (one.next_attempt_at, one.delivery_id, one)
            for one in self._deliveries.where(webhook=webhook.webhook_id)
            if one.next_attempt_at is not None and one.next_attempt_at <= now
        ]
        return [one for *_, one in sorted(due, key=lambda place: place[:2])]

    def _claimed(self, due: WebhookDelivery, webhook: Webhook, until: datetime) -> Due:
        claimed = due.claimed(until)
        self._deliveries.put(claimed)
        entry = self._tables.events.find(due.event_id)
        assert entry is not None, "deliveries go with their events"
        return Due(delivery=claimed, webhook=webhook, entry=entry)

    def _of_claim(self, delivery: WebhookDelivery) -> WebhookDelivery | None:
        kept = self.find_delivery(delivery.delivery_id)
        return None if kept is None or kept.claims != delivery.claims else kept

    def _settled(self, outcome: Outcome) -> bool:
        kept, told = self._of_claim(outcome.delivery), outcome.delivery
        if kept is None or kept.status in (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED):
            return False
        if kept.attempts >= told.attempts:
            return False
        if kept.status is DeliveryStatus.CANCELLED and not outcome.attempt.is_success:
            told = evolve(
                told,
                status=kept.status,
                next_attempt_at=None,
                completed_at=kept.completed_at,
            )
        self._deliveries.put(told)
        self._attempts.put(KeptAttempt(told.delivery_id, outcome.attempt))
        return True

    def _is_over(self, delivery: WebhookDelivery, before: datetime) -> bool:
        webhook = self._rows.find(delivery.webhook_id)
        if webhook is None:
            return True
        pending = delivery.status is DeliveryStatus.PENDING
        return delivery.created_at < before and not (
            pending and webhook.status is EndpointStatus.ENABLED
        )

    def _has_ended(self, webhook: Webhook) -> bool:
        """Whether its scope has, and nothing is on its way there any more."""
        if not _is_gone(self._tables, webhook.scope):
            return False
        theirs = self._deliveries.where(webhook=webhook.webhook_id)
        return webhook.status is not EndpointStatus.ENABLED or all(
            one.status is not DeliveryStatus.PENDING for one in theirs
        )


def _is_gone(tables: Tables, scope: Scope) -> bool:
    if scope.scope_type is ScopeType.ORGANIZATION:
        organization = tables.organizations.find(OrganizationId(scope.scope_id))
        if organization is not None and organization.deleted_at is None:
            return False
        return not _left_in(tables, OrganizationId(scope.scope_id))
    project = tables.projects.find(ProjectId(scope.scope_id))
    return project is None or project.status is ProjectStatus.DELETED


def _left_in(tables: Tables, org_id: OrganizationId) -> bool:
    """Whether something will be told of what was in an organization."""
    projects = tables.projects.where(organization=org_id)
    return any(project.status is not ProjectStatus.DELETED for project in projects)


def _matching(where: DeliveryFilter) -> Callable[[WebhookDelivery], bool]:
    def matches(one: WebhookDelivery) -> bool:
        patterns = patterns_for(one.event_type)
        return (
            where.status in (None, one.status)
            and (where.types is None or any(pattern in where.types for pattern in patterns))
            and (where.since is None or one.created_at >= where.since)
            and (where.until is None or one.created_at < where.until)
        )

    return matches


def _place(webhook: Webhook) -> tuple[datetime, str]:
    return webhook.created_at, webhook.webhook_id.value


def _age(delivery: WebhookDelivery) -> tuple[datetime, str]:
    return delivery.created_at, delivery.delivery_id.value
