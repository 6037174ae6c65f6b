"""The worker's part of webhooks: taking what is due, and keeping what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import field, frozen

from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import path_to, tell
from ktrlplane.domain.webhook_deliveries import RETENTION, WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import Webhook
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import Due, Outcome


@frozen(kw_only=True)
class Sent:
    """What became of ``due`` by ``attempt``. ``retry_after`` is what the receiver asks for;
    ``jitter`` is a random number between -1 and 1."""

    due: Due
    attempt: WebhookAttempt
    retry_after: timedelta | None = None
    jitter: float = field(default=0.0)

    @property
    def webhook_id(self) -> WebhookId:
        return self.due.webhook.webhook_id


def claim_deliveries(
    work: UnitOfWork,
    *,
    each: int,
    limit: int,
    busy: Mapping[WebhookId, int],
    lease: timedelta,
    platform: Platform,
) -> Sequence[Due]:
    """See ``Webhooks.claim``."""
    now = platform.now()
    return work.webhooks.claim(now, now + lease, each=each, limit=limit, busy=busy)


def settle_deliveries(
    work: UnitOfWork, sent: Sequence[Sent], *, platform: Platform
) -> Sequence[DeliveryId]:
    """Which of them were whoever settles them's to settle. An endpoint that is gone, or where
    nothing has arrived for days, is disabled, and that is told."""
    now = platform.now()
    touched = dict.fromkeys(one.webhook_id for one in sent if _may_matter(one, now))
    # Others may have failed there since this one was claimed.
    arrived = dict.fromkeys(one.webhook_id for one in sent if one.attempt.is_success)
    # Before deliveries are: whoever disables an endpoint changes those of others after it.
    held = work.webhooks.held(list(touched), failing=list(arrived))
    outcomes = [Outcome(delivery=_delivered(one, now), attempt=one.attempt) for one in sent]
    settled = work.webhooks.settle(outcomes)
    ours = set(settled)
    for webhook in held:
        attempts = [
            one.attempt
            for one in sent
            if one.webhook_id == webhook.webhook_id and one.due.delivery.delivery_id in ours
        ]
        _keep(work, webhook, _after(webhook, attempts, now), platform)
    return settled


def _delivered(one: Sent, now: datetime) -> WebhookDelivery:
    return one.due.delivery.after(
        one.attempt, retry_after=one.retry_after, now=now, jitter=one.jitter
    )


def _may_matter(one: Sent, now: datetime) -> bool:
    """Whether the endpoint may be another one by it. That one still fails, or still does not, is
    nothing to wait for."""
    return one.due.webhook.after(one.attempt, now) != one.due.webhook


def _after(webhook: Webhook, attempts: Iterable[WebhookAttempt], now: datetime) -> Webhook:
    for attempt in sorted(attempts, key=lambda one: one.attempted_at):
        webhook = webhook.after(attempt, now)
    return webhook


def _keep(work: UnitOfWork, before: Webhook, webhook: Webhook, platform: Platform) -> None:
    if webhook == before:
        return
    work.webhooks.replace(webhook)
    if webhook.status is not before.status:
        path = path_to(work, webhook.scope, platform)
        kind = EventType.WEBHOOK_DISABLED
        tell(work, kind, path, before, webhook, actor=None, platform=platform)


def release_deliveries(work: UnitOfWork, due: Sequence[Due], *, platform: Platform) -> None:
    """Of claimed ones that were not sent."""
    work.webhooks.release([one.delivery for one in due], platform.now())


def forget_deliveries(work: UnitOfWork, *, limit: int, platform: Platform) -> int:
    """A part of what has had its time. How many."""
    return work.webhooks.forget(platform.now() - RETENTION, limit)
