"""Deliveries that come and go with their events."""

from collections.abc import Sequence

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import Event
from ktrlplane.domain.ids import EventId
from ktrlplane.domain.webhook_deliveries import WebhookDelivery


def deliver(tables: Tables, event: Event) -> None:
    """To whoever hears it, at the end of the unit of work that tells it."""
    scopes = [Scope.of(one) for one in (event.org_id, event.project_id) if one is not None]
    for scope in scopes:
        for webhook in tables.webhooks.where(scope=scope):
            if webhook.hears(event):
                made = WebhookDelivery.made(event, webhook.webhook_id, event.occurred_at)
                tables.webhook_deliveries.put(made)


def drop_deliveries(tables: Tables, deliveries: Sequence[WebhookDelivery]) -> None:
    for one in deliveries:
        for kept in tables.webhook_attempts.where(delivery=one.delivery_id):
            tables.webhook_attempts.drop((one.delivery_id, kept.attempt.number))
        tables.webhook_deliveries.drop(one.delivery_id)


def drop_deliveries_of(tables: Tables, event_id: EventId) -> None:
    drop_deliveries(tables, tables.webhook_deliveries.where(event=event_id))
