"""Deliveries of webhooks: what is sent when, and what became of it."""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.events import Event, EventType
from ktrlplane.domain.ids import DeliveryId, EventId, WebhookId

SCHEDULE: Final[Sequence[timedelta]] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pauses after the first failed attempt, the second one and so on; after one more it is
over."""
MAX_JITTER: Final = 0.1
"""By which part of itself a pause may be longer or shorter."""
RETENTION: Final = timedelta(days=30)
"""For so long deliveries are kept, and can be asked for again."""

GONE: Final = 410


class DeliveryStatus(enum.StrEnum):
    """``failed`` is given up by us, ``cancelled`` by the end of its endpoint's service."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@frozen(kw_only=True)
class WebhookAttempt:
    """That something was sent once, and what became of it: an answer, or a ``failure`` (one of
    the words of ``ports.delivery.Failure``). ``number`` counts from 1. ``response_body`` is
    the beginning of the answer's, harmless to show."""

    number: int
    attempted_at: datetime
    response_status: int | None = None
    failure: str | None = None
    response_body: str = field(default="", repr=False)
    duration_ms: int = 0

    @property
    def is_success(self) -> bool:
        return self.response_status is not None and 200 <= self.response_status < 300  # noqa: PLR2004

    @property
    def is_gone(self) -> bool:
        return self.response_status == GONE


@frozen(kw_only=True)
class WebhookDelivery:
    """One event on its way to one endpoint, or arrived.

    ``attempts`` counts those whose outcome is known, ``earlier_attempts`` those of them that
    were made before it was last asked for by hand. ``last`` is the last one. The next
    is due at ``next_attempt_at``, which is None where there will be none.

    ``claims`` counts how often it was taken to be sent: an outcome is of the claim that it
    belongs to, or of none. Nobody else takes it before ``leased_until``.
    """

    delivery_id: DeliveryId
    webhook_id: WebhookId
    event_id: EventId
    event_type: EventType
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    earlier_attempts: int = 0
    next_attempt_at: datetime | None
    last: WebhookAttempt | None = None
    claims: int = 0
    leased_until: datetime | None = None
    created_at: datetime
    completed_at: datetime | None = None

    @classmethod
    def made(cls, event: Event, webhook_id: WebhookId, at: datetime) -> Self:
        """Due at once."""
        return cls(
            delivery_id=DeliveryId.of(event.event_id, webhook_id),
            webhook_id=webhook_id,
            event_id=event.event_id,
            event_type=event.type,
            next_attempt_at=at,
            created_at=event.occurred_at,
        )

    def claimed(self, until: datetime) -> Self:
        return evolve(self, claims=self.claims + 1, next_attempt_at=until, leased_until=until)

    def released(self, now: datetime) -> Self:
        """As if it had not been taken; late outcomes of that claim are still good."""
        return evolve(self, next_attempt_at=now, leased_until=None)

    def asked_again(self, now: datetime) -> Self:
        """Due at once, with all attempts before it again. Itself while it is being sent."""
        if self.status is DeliveryStatus.PENDING and (self.leased_until or now) > now:
            return self
        return evolve(
            self,
            claims=self.claims + 1,
            status=DeliveryStatus.PENDING,
            earlier_attempts=self.attempts,
            next_attempt_at=now,
            leased_until=None,
            completed_at=None,
        )

    def cancelled(self, now: datetime) -> Self:
        return evolve(
            self, status=DeliveryStatus.CANCELLED, next_attempt_at=None, completed_at=now
        )

    def after(
        self,
        attempt: WebhookAttempt,
        *,
        retry_after: timedelta | None = None,
        now: datetime,
        jitter: float,
    ) -> "WebhookDelivery":
        """``retry_after`` is for how long the receiver asks us to wait, at the least. ``jitter``
        is between -1 and 1: which part of ``MAX_JITTER`` is added to the pause."""
        tried = self.attempts + 1 - self.earlier_attempts
        told = evolve(self, attempts=self.attempts + 1, last=attempt, leased_until=None)
        if attempt.is_success:
            return _completed(told, DeliveryStatus.DELIVERED, now)
        if attempt.is_gone or tried > len(SCHEDULE):
            return _completed(told, DeliveryStatus.FAILED, now)
        pause = SCHEDULE[tried - 1] * (1 + MAX_JITTER * jitter)
        return evolve(told, next_attempt_at=now + max(pause, retry_after or timedelta()))


def _completed(told: WebhookDelivery, status: DeliveryStatus, now: datetime) -> WebhookDelivery:
    return evolve(told, status=status, next_attempt_at=None, completed_at=now)
