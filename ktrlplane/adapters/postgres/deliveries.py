from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve

from ktrlplane.adapters.postgres import delivery_queries as queries
from ktrlplane.adapters.postgres.event_lists import entries_among
from ktrlplane.adapters.postgres.lists import taken
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.webhooks import webhooks_among
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import DeliveryId, EventId, WebhookId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.domain.webhooks import (
    DeliveryStatus,
    Due,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)
from ktrlplane.ports.webhooks import Deliveries, DeliveryFilter, Settlement


class PostgresDeliveries(Deliveries):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, delivery: WebhookDelivery) -> None:
        self._session.change(queries.ADD, _values(delivery))

    def get(self, webhook_id: WebhookId, delivery_id: DeliveryId) -> WebhookDelivery:
        values = {"webhook_id": webhook_id, "delivery_id": delivery_id}
        delivery = self._session.one(_delivery, queries.GET, values)
        if delivery is None:
            raise _not_there(delivery_id)
        return delivery

    def replace(self, delivery: WebhookDelivery) -> None:
        if self._session.change(queries.REPLACE, _values(delivery)) == 0:
            raise _not_there(delivery.delivery_id)

    def of(
        self, webhook_id: WebhookId, page: PageRequest, where: DeliveryFilter
    ) -> Page[WebhookDelivery]:
        values = {
            "webhook_id": webhook_id,
            "status": where.status,
            "types": None if where.types is None else list(where.types),
            "since": where.since,
            "until": where.until,
        }
        by_time = evolve(page, sort=page.sort.by_time)
        return queries.OF.page(self._session, _delivery, by_time, _place, values)

    def attempts(self, delivery_id: DeliveryId) -> Sequence[WebhookAttempt]:
        values = {"delivery_id": delivery_id}
        return self._session.all(WebhookAttempt, queries.ATTEMPTS, values)

    def recover(self, webhook: Webhook, since: datetime, now: datetime) -> int:
        scope = webhook.scope
        is_project = scope.scope_type is ScopeType.PROJECT
        values = {
            "webhook_id": webhook.webhook_id,
            "tenant": None if is_project else str(scope),
            "project_id": scope.scope_id if is_project else None,
            "types": list(webhook.event_types),
            "since": since,
            "now": now,
        }
        return self._session.change(queries.RECOVER, values)

    def claim(
        self,
        now: datetime,
        until: datetime,
        *,
        limit: int,
        each: int,
        busy: Mapping[WebhookId, int] | None = None,
    ) -> Sequence[Due]:
        if not self._session.one(_is_due, queries.IS_ANYTHING_DUE, {"now": now}):
            return []
        values = {
            "now": now,
            "until": until,
            "limit": limit,
            "each": each,
            "busy": [one.value for one in busy or {}],
            "counts": list((busy or {}).values()),
        }
        claimed = self._session.change_returning(_delivery, queries.CLAIM, values)
        webhooks = webhooks_among(self._session, {one.webhook_id for one in claimed})
        entries = entries_among(self._session, {one.event_id for one in claimed})
        return [
            Due(delivery=one, webhook=webhooks[one.webhook_id], entry=entries[one.event_id])
            for one in claimed
        ]

    def release(self, claimed: Sequence[WebhookDelivery], now: datetime) -> None:
        self._session.change(queries.RELEASE, {**_claims(claimed), "now": now})

    def settle(self, settlements: Sequence[Settlement]) -> Collection[DeliveryId]:
        settled = [one.settled for one in settlements]
        attempts = [one.attempt for one in settlements]
        values = {
            **_claims([one.claimed for one in settlements]),
            "statuses": [one.status.value for one in settled],
            "attempts": [one.attempts for one in settled],
            "rounds": [one.round for one in settled],
            "next_attempts": [one.next_attempt_at for one in settled],
            "completions": [one.completed_at for one in settled],
            "times": [one.attempted_at for one in attempts],
            "answers": [one.response_status for one in attempts],
            "failures": [one.failure for one in attempts],
            "bodies": [one.response_body for one in attempts],
            "durations": [one.duration_ms for one in attempts],
        }
        return self._session.change_returning(_identity, queries.SETTLE, values)

    def forget(self, before: datetime, limit: int) -> int:
        values = {"before": before, "limit": limit}
        forgetting = (queries.FORGET_COMPLETED, queries.FORGET_ENDED, queries.FORGET_ENDPOINTS)
        return sum(self._session.change(query, values) for query in forgetting)

    def first_pending(self, tenant: Scope, through: int) -> int | None:
        values = {"tenant": str(tenant), "through": through}
        return self._session.one(_first, queries.FIRST_PENDING, values)

    def drop(self, tenant: Scope, through: int) -> None:
        self._session.change(queries.DROP, {"tenant": str(tenant), "through": through})


def _claims(claimed: Sequence[WebhookDelivery]) -> Mapping[str, object]:
    return {
        "delivery_ids": [one.delivery_id.value for one in claimed],
        "claims": [one.claimed_until for one in claimed],
    }


def _delivery(
    *,
    delivery_id: str,
    webhook_id: str,
    event_id: str,
    status: str,
    last_number: int | None,
    **columns: Any,
) -> WebhookDelivery:
    last = taken(columns, "last_")
    made = None if last_number is None else WebhookAttempt(number=last_number, **last)
    return WebhookDelivery(
        delivery_id=DeliveryId(delivery_id),
        webhook_id=WebhookId(webhook_id),
        event_id=EventId(event_id),
        status=DeliveryStatus(status),
        last=made,
        **columns,
    )


def _identity(delivery_id: str) -> DeliveryId:
    return DeliveryId(delivery_id)


def _is_due(is_due: bool) -> bool:  # noqa: FBT001 - a column
    return is_due


def _first(first: int | None) -> int | None:
    return first


def _place(delivery: WebhookDelivery) -> Cursor:
    return Cursor(time_key(delivery.created_at), delivery.delivery_id.value)


def _not_there(delivery_id: DeliveryId) -> NotFound:
    return NotFound(f"There is no delivery {delivery_id}.")


def _values(delivery: WebhookDelivery) -> Mapping[str, object]:
    return {
        "delivery_id": delivery.delivery_id,
        "webhook_id": delivery.webhook_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "round": delivery.round,
        "next_attempt_at": delivery.next_attempt_at,
        "claimed_until": delivery.claimed_until,
        "created_at": delivery.created_at,
        "completed_at": delivery.completed_at,
    }
