from collections.abc import Collection, Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.lists import by_time
from ktrlplane.adapters.memory.tables import Endpoint, Tables
from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.webhooks import DeliveryStatus, Webhook, WebhookDelivery, WebhookStatus
from ktrlplane.ports.webhooks import Webhooks


class MemoryWebhooks(Webhooks):
    def __init__(self, tables: Tables) -> None:
        self._rows = tables.webhooks
        self._deliveries = tables.deliveries
        self._ended_here: set[WebhookId] = set()

    def add(self, webhook: Webhook) -> None:
        self._rows.put(Endpoint(webhook))

    def get(self, webhook_id: WebhookId) -> Webhook:
        return self._find(webhook_id).webhook

    def hold(self, webhook_id: WebhookId) -> Webhook:
        return self.get(webhook_id)  # a unit of work has everything to itself

    def replace(self, webhook: Webhook) -> None:
        self._find(webhook.webhook_id)
        self._rows.put(Endpoint(webhook))

    def remove(self, webhook_id: WebhookId) -> None:
        webhook = evolve(self.get(webhook_id), status=WebhookStatus.DISABLED)
        self._rows.put(Endpoint(webhook, has_ended=True))

    def end(self, scope: Scope) -> None:
        for webhook in self._at(scope):
            self._rows.put(Endpoint(webhook, has_ended=True))
            self._ended_here.add(webhook.webhook_id)

    def of(self, scope: Scope, page: PageRequest) -> Page[Webhook]:
        return by_time(self._at(scope), page, _place)

    def count(self, scope: Scope) -> int:
        return len(self._at(scope))

    def observe(
        self, arrived: Collection[WebhookId], failed: Collection[WebhookId], at: datetime
    ) -> Sequence[Webhook]:
        for webhook_id in arrived:
            self._note(webhook_id, None)
        for webhook_id in failed:
            row = self._rows.find(webhook_id)
            if row is not None:
                self._note(webhook_id, row.webhook.failing_since or at)
        rows = [self._rows.find(webhook_id) for webhook_id in sorted(failed)]
        return [row.webhook for row in rows if row is not None and not row.has_ended]

    def deliver(self, entry: Entry) -> None:
        """What has just been added to the log, to whoever wants it."""
        event = entry.event
        at = [None if one is None else Scope.of(one) for one in (event.org_id, event.project_id)]
        rows = [row for scope in at for row in self._rows.where(scope=scope)]
        for row in rows:
            webhook = row.webhook
            is_there = not row.has_ended or webhook.webhook_id in self._ended_here
            is_disabled = webhook.status is WebhookStatus.DISABLED
            if is_there and not is_disabled and webhook.wants(event.type):
                made = WebhookDelivery.due(
                    webhook.webhook_id, event.event_id, event.type, event.occurred_at
                )
                self._deliveries.put(made)

    def _note(self, webhook_id: WebhookId, failing_since: datetime | None) -> None:
        row = self._rows.find(webhook_id)
        if row is not None and row.webhook.failing_since != failing_since:
            webhook = evolve(row.webhook, failing_since=failing_since)
            self._rows.put(evolve(row, webhook=webhook))

    def _find(self, webhook_id: WebhookId) -> Endpoint:
        row = self._rows.find(webhook_id)
        if row is None or row.has_ended:
            raise NotFound(f"There is no webhook {webhook_id}.")
        return row

    def _at(self, scope: Scope) -> list[Webhook]:
        return [row.webhook for row in self._rows.where(scope=scope) if not row.has_ended]


def is_to_be_sent(endpoint: Endpoint, delivery: WebhookDelivery) -> bool:
    is_enabled = endpoint.webhook.status is WebhookStatus.ENABLED
    return is_enabled and delivery.status is DeliveryStatus.PENDING


def _place(webhook: Webhook) -> tuple[datetime, str]:
    return webhook.created_at, webhook.webhook_id.value
