"""Deliveries of events to webhooks: what the worker does."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import WebhookId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import path_to, tell
from ktrlplane.domain.webhooks import (
    DELIVERIES_KEPT_FOR,
    DisabledReason,
    Due,
    Webhook,
    WebhookDelivery,
    WebhookStatus,
)
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import Settlement


def claim_deliveries(
    work: UnitOfWork,
    *,
    lease: timedelta,
    limit: int,
    each: int,
    busy: Mapping[WebhookId, int],
    platform: Platform,
) -> Sequence[Due]:
    """Those that are due, nobody else's for as long as the lease lasts. See
    ``Deliveries.claim``."""
    now = platform.now()
    return work.deliveries.claim(now, now + lease, limit=limit, each=each, busy=busy)


def settle_deliveries(
    work: UnitOfWork, settlements: Sequence[Settlement], *, platform: Platform
) -> None:
    """What came of attempts, as far as they were still the claimer's. An endpoint that says
    that it is gone, or has failed for long, is disabled, and that is told."""
    kept = set(work.deliveries.settle(settlements))
    mine = [one for one in settlements if one.claimed.delivery_id in kept]
    gone = _webhooks(one for one in mine if one.attempt.is_gone)
    arrived = _webhooks(one for one in mine if one.attempt.has_arrived) - gone
    failed = _webhooks(mine) - arrived
    now = platform.now()
    for webhook in work.webhooks.observe(arrived, failed, now):
        if webhook.status is WebhookStatus.DISABLED:
            continue
        if webhook.webhook_id in gone:
            _disable(work, webhook, DisabledReason.GONE, platform)
        elif webhook.has_failed_for_long(now):
            _disable(work, webhook, DisabledReason.FAILING, platform)


def release_deliveries(
    work: UnitOfWork, claimed: Sequence[WebhookDelivery], *, platform: Platform
) -> None:
    """They were not sent."""
    work.deliveries.release(claimed, platform.now())


def forget_deliveries(work: UnitOfWork, *, limit: int, platform: Platform) -> int:
    """Some of those that have been over for long. How many."""
    return work.deliveries.forget(platform.now() - DELIVERIES_KEPT_FOR, limit)


def _webhooks(settlements: Iterable[Settlement]) -> set[WebhookId]:
    return {one.claimed.webhook_id for one in settlements}


def _disable(
    work: UnitOfWork, webhook: Webhook, reason: DisabledReason, platform: Platform
) -> None:
    disabled = webhook.disabled(reason, platform.now())
    work.webhooks.replace(disabled)
    path = path_to(work, webhook.scope, platform)
    kind = EventType.WEBHOOK_DISABLED
    tell(work, kind, path, webhook, disabled, actor=None, platform=platform)
