"""Deliveries of webhooks, as they go over the wire."""

from datetime import datetime
from typing import Any

from attrs import asdict, frozen

from ktrlplane.domain.ids import DeliveryId, EventId, WebhookId
from ktrlplane.domain.services.webhook_deliveries import DeliveryHistory
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookAttempt, WebhookDelivery
from ktrlplane.ports.delivery import Failure


@frozen(kw_only=True)
class ShownAttempt:
    """An answer, or a ``failure``: why there is none, with a sentence for people.
    ``response_body`` is the beginning of the answer's."""

    number: int
    attempted_at: datetime
    response_status: int | None
    failure: str | None
    failure_detail: str | None
    response_body: str
    duration_ms: int

    @classmethod
    def of(cls, attempt: WebhookAttempt) -> "ShownAttempt":
        return cls(failure_detail=_sentence(attempt.failure), **asdict(attempt))


def _sentence(failure: str | None) -> str | None:
    """None also for a word of a later release."""
    return Failure(failure).sentence if failure in set(Failure) else None


@frozen(kw_only=True)
class ShownDelivery:
    """One event on its way to one endpoint. ``last_attempt`` is what became of the last one;
    while one is being made, the next is due at ``next_attempt_at`` unless that one ends."""

    delivery_id: DeliveryId
    webhook_id: WebhookId
    event_id: EventId
    event_type: str
    status: DeliveryStatus
    attempt_count: int
    last_attempt: ShownAttempt | None
    next_attempt_at: datetime | None
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> "ShownDelivery":
        return cls(**_told(delivery))


@frozen(kw_only=True)
class ShownHistory(ShownDelivery):
    """A delivery with all of its attempts, the first one first."""

    attempts: tuple[ShownAttempt, ...]

    @classmethod
    def with_all(cls, history: DeliveryHistory) -> "ShownHistory":
        attempts = tuple(ShownAttempt.of(one) for one in history.attempts)
        return cls(attempts=attempts, **_told(history.delivery))


def _told(delivery: WebhookDelivery) -> dict[str, Any]:
    last = delivery.last
    return {
        "delivery_id": delivery.delivery_id,
        "webhook_id": delivery.webhook_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type.value,
        "status": delivery.status,
        "attempt_count": delivery.attempts,
        "last_attempt": None if last is None else ShownAttempt.of(last),
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
        "completed_at": delivery.completed_at,
    }
