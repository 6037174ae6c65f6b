"""Webhooks, deliveries and attempts as rows."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import asdict
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.event_lists import COLUMNS, WHOLE
from ktrlplane.adapters.postgres.event_rows import entry_of
from ktrlplane.adapters.postgres.lists import taken
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import DeliveryId, EventId, PrincipalId, WebhookId
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import DisabledReason, EndpointStatus, Webhook
from ktrlplane.ports.webhooks import Due, Outcome

WEBHOOK: Final = SQL("""
    w.webhook_id, w.scope_type, w.scope_id, w.url, w.event_types, w.description, w.status,
    w.disabled_reason, w.failing_since, w.secret, w.previous_secret, w.previous_secret_until,
    w.created_by, w.created_at, w.updated_at
""")

DELIVERY: Final = SQL("""
    d.delivery_id, d.webhook_id, d.event_id, d.event_type, d.status, d.attempts,
    d.earlier_attempts, d.next_attempt_at, d.claims, d.leased_until, d.created_at,
    d.completed_at, last.number AS last_number, last.attempted_at AS last_attempted_at,
    last.response_status AS last_response_status, last.failure AS last_failure,
    last.response_body AS last_response_body, last.duration_ms AS last_duration_ms
""")
LAST: Final = SQL("""
    LEFT JOIN ktrlplane.webhook_attempts last
        ON last.delivery_id = d.delivery_id AND last.number = d.attempts
""")
ENTRY: Final = COLUMNS.format(long=WHOLE)


def webhook_of(
    *,
    webhook_id: str,
    scope_type: str,
    scope_id: str,
    event_types: list[str],
    status: str,
    disabled_reason: str | None,
    created_by: str,
    **columns: Any,
) -> Webhook:
    return Webhook(
        webhook_id=WebhookId(webhook_id),
        scope=Scope(ScopeType(scope_type), scope_id),
        event_types=tuple(event_types),
        status=EndpointStatus(status),
        disabled_reason=None if disabled_reason is None else DisabledReason(disabled_reason),
        created_by=PrincipalId(created_by),
        **columns,
    )


def webhook_values(webhook: Webhook) -> Mapping[str, object]:
    values = asdict(webhook, recurse=False)
    scope = values.pop("scope")
    return {
        **values,
        "scope_type": scope.scope_type,
        "scope_id": scope.scope_id,
        "event_types": list(webhook.event_types),
    }


def delivery_of(
    *,
    delivery_id: str,
    webhook_id: str,
    event_id: str,
    event_type: str,
    status: str,
    **columns: Any,
) -> WebhookDelivery:
    last = taken(columns, "last_")
    return WebhookDelivery(
        delivery_id=DeliveryId(delivery_id),
        webhook_id=WebhookId(webhook_id),
        event_id=EventId(event_id),
        event_type=EventType(event_type),
        status=DeliveryStatus(status),
        last=None if last["number"] is None else WebhookAttempt(**last),
        **columns,
    )


def due_of(**columns: Any) -> Due:
    return Due(
        webhook=webhook_of(**taken(columns, "w_")),
        entry=entry_of(**taken(columns, "e_")),
        delivery=delivery_of(**columns),
    )


def outcome_row(outcome: Outcome) -> Mapping[str, object]:
    told, attempt = outcome.delivery, outcome.attempt
    return {
        "delivery_id": told.delivery_id,
        "claims": told.claims,
        "status": told.status,
        "attempts": told.attempts,
        "next_attempt_at": told.next_attempt_at,
        "completed_at": told.completed_at,
        **asdict(attempt),
    }
