"""Webhooks: endpoints that are told of events, and the deliveries to them (product.md R7.2;
Standard Webhooks 1.0)."""

import base64
import enum
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Self
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.events import EventType, patterns_for
from ktrlplane.domain.ids import DeliveryId, EventId, PrincipalId, WebhookId

MAX_WEBHOOKS: Final = 50
"""Endpoints that an organization or a project has at most."""
MAX_EVENT_TYPES: Final = 50
MAX_DESCRIPTION: Final = 500
FORMER_SECRET_LASTS: Final = timedelta(hours=24)
"""For so long deliveries are signed with the secret from before a rotation too."""
FAILING_FOR: Final = timedelta(days=5)
"""An endpoint that has failed for so long, with nothing in between that arrived, is disabled."""
DELIVERIES_KEPT_FOR: Final = timedelta(days=30)

PAUSES: Final[Sequence[timedelta]] = (
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
"""After each attempt that failed, until the next; the one after the last is given up."""
JITTER: Final = 0.1
"""The part of a pause that it may be longer, so that what failed together is not tried again
together."""


class WebhookStatus(enum.StrEnum):
    """``paused`` is somebody's wish: events wait. A ``disabled`` endpoint gets none at all."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


class DisabledReason(enum.StrEnum):
    GONE = "gone"
    FAILING = "failing"


def new_secret() -> str:
    """32 random bytes, as Standard Webhooks writes secrets."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def origin_of(url: str) -> str:
    """Of a URL what others may know of it: the rest may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@frozen(kw_only=True)
class Webhook:
    """An endpoint. ``event_types`` are patterns (see ``is_a_pattern``). ``failing_since`` is when
    the first attempt failed after which nothing has arrived; None where the last one did."""

    webhook_id: WebhookId
    scope: Scope
    url: str = field(repr=origin_of)
    event_types: tuple[str, ...]
    description: str = ""
    status: WebhookStatus = WebhookStatus.ENABLED
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None
    secret: str = field(repr=False)
    former_secret: str | None = field(default=None, repr=False)
    former_secret_until: datetime | None = None
    created_by: PrincipalId
    created_at: datetime
    updated_at: datetime

    def signing_secrets(self, now: datetime) -> Sequence[str]:
        """The newest first."""
        until = self.former_secret_until
        if self.former_secret is None or until is None or until <= now:
            return (self.secret,)
        return (self.secret, self.former_secret)

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this type, as long as it is told of any. A test goes
        to the endpoint that is tested alone."""
        is_test = kind == EventType.WEBHOOK_TEST
        return not is_test and not set(self.event_types).isdisjoint(patterns_for(kind))

    def rotated(self, now: datetime) -> Self:
        return evolve(
            self,
            secret=new_secret(),
            former_secret=self.secret,
            former_secret_until=now + FORMER_SECRET_LASTS,
            updated_at=now,
        )

    def set_to(self, status: WebhookStatus, now: datetime) -> Self:
        """As somebody wishes. Raises: InvalidTransition."""
        if status is WebhookStatus.DISABLED and self.status is not status:
            raise InvalidTransition("Only the platform disables an endpoint; pause it instead.")
        if status is self.status:
            return self
        return evolve(
            self, status=status, disabled_reason=None, failing_since=None, updated_at=now
        )

    def disabled(self, reason: DisabledReason, now: datetime) -> Self:
        return evolve(self, status=WebhookStatus.DISABLED, disabled_reason=reason, updated_at=now)

    def has_failed_for_long(self, now: datetime) -> bool:
        return self.failing_since is not None and self.failing_since <= now - FAILING_FOR


class DeliveryStatus(enum.StrEnum):
    """``failed`` is given up; somebody may have it tried again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen(kw_only=True)
class WebhookAttempt:
    """One request, and what came of it: an answer with its status, or a ``failure``, a word of
    ``ports.delivery.Failure``. ``response_body`` is the beginning of the answer's."""

    number: int
    attempted_at: datetime
    response_status: int | None = None
    failure: str | None = None
    response_body: str = field(default="", repr=False)
    duration_ms: int = 0

    @property
    def ended_at(self) -> datetime:
        return self.attempted_at + timedelta(milliseconds=self.duration_ms)

    @property
    def has_arrived(self) -> bool:
        status = self.response_status
        return status is not None and 200 <= status < 300  # noqa: PLR2004

    @property
    def is_gone(self) -> bool:
        """The receiver says that nobody is there any more (Standard Webhooks, "410 Gone")."""
        return self.response_status == 410  # noqa: PLR2004


@frozen(kw_only=True)
class WebhookDelivery:
    """An event on its way to an endpoint. ``attempts`` are all that were made, ``round`` those
    since somebody last asked for it. While ``claimed_until`` is ahead, it is somebody's to
    send. ``last`` is the latest attempt."""

    delivery_id: DeliveryId
    webhook_id: WebhookId
    event_id: EventId
    event_type: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    round: int = 0
    next_attempt_at: datetime | None
    claimed_until: datetime | None = None
    created_at: datetime
    completed_at: datetime | None = None
    last: WebhookAttempt | None = None

    @classmethod
    def due(cls, webhook_id: WebhookId, event_id: EventId, kind: str, now: datetime) -> Self:
        return cls(
            delivery_id=DeliveryId.of(webhook_id, event_id),
            webhook_id=webhook_id,
            event_id=event_id,
            event_type=kind,
            next_attempt_at=now,
            created_at=now,
        )

    def is_under_way(self, now: datetime) -> bool:
        return self.claimed_until is not None and self.claimed_until > now

    def again(self, now: datetime) -> Self:
        """To be sent now, whatever became of it. What is under way stays so."""
        if self.is_under_way(now):
            return self
        return evolve(
            self,
            status=DeliveryStatus.PENDING,
            round=0,
            next_attempt_at=now,
            claimed_until=None,
            completed_at=None,
        )

    def attempted(
        self, attempt: WebhookAttempt, *, not_before: timedelta | None = None, jitter: float
    ) -> "WebhookDelivery":
        """``not_before`` is what the receiver asks for; ``jitter`` is from 0 to 1."""
        done = evolve(
            self,
            attempts=attempt.number,
            round=self.round + 1,
            claimed_until=None,
            last=attempt,
        )
        if attempt.has_arrived:
            return _completed(done, DeliveryStatus.DELIVERED, attempt.ended_at)
        if self.round >= len(PAUSES) or attempt.is_gone:
            return _completed(done, DeliveryStatus.FAILED, attempt.ended_at)
        pause = PAUSES[self.round] * (1 + JITTER * jitter)
        pause = max(pause, not_before or pause)
        return evolve(done, next_attempt_at=attempt.ended_at + pause)


def _completed(delivery: WebhookDelivery, status: DeliveryStatus, at: datetime) -> WebhookDelivery:
    return evolve(delivery, status=status, next_attempt_at=None, completed_at=at)


@frozen(kw_only=True)
class Due:
    """A delivery that whoever claimed it is to make, until ``delivery.claimed_until``."""

    delivery: WebhookDelivery
    webhook: Webhook
    entry: Entry
