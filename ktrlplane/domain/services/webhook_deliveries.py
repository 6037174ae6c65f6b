"""What is delivered to an endpoint: looking at it, and having it sent again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import field, frozen

from ktrlplane.domain.errors import Conflict, Fault, NotFound, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import DeliveryId, PrincipalId, WebhookId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import event_of, subject_of
from ktrlplane.domain.services.webhooks import managed_webhook
from ktrlplane.domain.webhook_deliveries import RETENTION, WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import EndpointStatus, Webhook
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import DeliveryFilter

RECOVERED_AT_ONCE: Final = 10_000


@frozen(kw_only=True)
class RecoverDeliveries:
    """What happened from ``since`` on and was not delivered; 30 days back at most."""

    since: datetime


@frozen(kw_only=True)
class Recovered:
    """How many deliveries are on their way again: the oldest first and 10,000 at most, so ask
    again until there are none."""

    deliveries: int


@frozen(kw_only=True)
class DeliveryHistory:
    """A delivery with all of its attempts, by number."""

    delivery: WebhookDelivery
    attempts: Sequence[WebhookAttempt] = field(repr=False)


def send_test(
    work: UnitOfWork, webhook_id: WebhookId, *, actor: PrincipalId, platform: Platform
) -> WebhookDelivery:
    """An event of its own, for this endpoint alone. Raises: NotFound, Forbidden, Conflict."""
    webhook, standing = managed_webhook(work, webhook_id, actor=actor, platform=platform)
    _require_in_service(webhook)
    data = {"subject": subject_of(webhook)}
    kind = EventType.WEBHOOK_TEST
    event = event_of(kind, standing.path, data, actor=actor, platform=platform)
    work.events.add([event])
    return WebhookDelivery.made(event, webhook_id, event.occurred_at)


def list_deliveries(
    work: UnitOfWork,
    webhook_id: WebhookId,
    page: PageRequest,
    where: DeliveryFilter,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[WebhookDelivery]:
    """Raises: NotFound, Forbidden."""
    managed_webhook(work, webhook_id, actor=actor, platform=platform)
    return work.webhooks.deliveries_of(webhook_id, page, where)


def read_delivery(
    work: UnitOfWork,
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> DeliveryHistory:
    """Raises: NotFound, Forbidden."""
    managed_webhook(work, webhook_id, actor=actor, platform=platform)
    delivery = _delivery_of(work, webhook_id, delivery_id)
    return DeliveryHistory(delivery=delivery, attempts=work.webhooks.attempts_of(delivery_id))


def redeliver(
    work: UnitOfWork,
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> WebhookDelivery:
    """At once, whatever became of it, with all attempts before it again. What is being sent now
    stays as it is. Raises: NotFound, Forbidden, Conflict."""
    webhook, _ = managed_webhook(work, webhook_id, actor=actor, platform=platform)
    _delivery_of(work, webhook_id, delivery_id)
    _require_in_service(webhook)
    work.webhooks.ask_again(delivery_id, platform.now())
    return _delivery_of(work, webhook_id, delivery_id)


def recover(
    work: UnitOfWork,
    webhook_id: WebhookId,
    command: RecoverDeliveries,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Recovered:
    """Also what passed the endpoint by while it was disabled, or before it was there. Raises:
    NotFound, Forbidden, ValidationFailed, Conflict."""
    webhook, _ = managed_webhook(work, webhook_id, actor=actor, platform=platform)
    now = platform.now()
    faults = _faults(command.since, now)
    if faults:
        raise ValidationFailed(faults)
    _require_in_service(webhook)
    found = work.webhooks.recover(webhook, command.since, now, RECOVERED_AT_ONCE)
    return Recovered(deliveries=found)


def _faults(since: datetime, now: datetime) -> list[Fault]:
    if since.utcoffset() is None:
        return [Fault("/since", "time", "A time needs its zone; give it in UTC.")]
    if since < now - RETENTION:
        detail = f"Deliveries are recovered from at most {RETENTION.days} days back."
        return [Fault("/since", "range", detail)]
    return []


def _require_in_service(webhook: Webhook) -> None:
    """Raises: Conflict."""
    if webhook.status is EndpointStatus.DISABLED:
        raise Conflict("The webhook is disabled, and nothing is sent there; enable it first.")


def _delivery_of(
    work: UnitOfWork, webhook_id: WebhookId, delivery_id: DeliveryId
) -> WebhookDelivery:
    """Raises: NotFound, in the same words whether it is another endpoint's or nobody's."""
    found = work.webhooks.find_delivery(delivery_id)
    if found is None or found.webhook_id != webhook_id:
        raise NotFound(f"There is no delivery {delivery_id} to webhook {webhook_id}.")
    return found
