"""Webhooks and what is delivered to them over HTTP."""

from collections.abc import Iterator
from typing import Any, Final

import attrs
from attrs import frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.ids import DeliveryId, WebhookId
from ktrlplane.domain.services import webhook_deliveries as deliveries
from ktrlplane.domain.services import webhooks as service
from ktrlplane.domain.webhook_deliveries import DeliveryStatus
from ktrlplane.entrypoints.http.event_parameters import HappeningParameters
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import PageParameters, said
from ktrlplane.entrypoints.http.webhook_shapes import ShownDelivery, ShownHistory
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import DeliveryFilter


@frozen(kw_only=True)
class DeliveryParameters(HappeningParameters):
    """Newest first."""

    status: DeliveryStatus | None = attrs.field(
        default=None, metadata=said("Only what has come so far.")
    )

    def where(self) -> DeliveryFilter:
        return DeliveryFilter(
            status=self.status, types=self.types, since=self.since, until=self.until
        )


def _named(call: Call) -> WebhookId:
    return call.identity("webhook_id", WebhookId)


def _delivery(call: Call) -> DeliveryId:
    return call.identity("delivery_id", DeliveryId)


def create(work: UnitOfWork, call: Call) -> Reply:
    made = service.create_webhook(work, call.scope(), call.body, **call.asked)
    return Reply(content=made, location=f"{BASE}/webhooks/{made.webhook_id}")


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    found = service.list_webhooks(work, call.scope(), page, **call.asked)
    return paged(call, found, page)


def read(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.read_webhook(work, _named(call), **call.asked))


def update(work: UnitOfWork, call: Call) -> Reply:
    changed = service.update_webhook(
        work, _named(call), call.body, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=changed)


def delete(work: UnitOfWork, call: Call) -> Reply:
    service.delete_webhook(work, _named(call), as_seen=call.as_seen, **call.asked)
    return Reply()


def rotate(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.rotate_secret(work, _named(call), **call.asked))


def test(work: UnitOfWork, call: Call) -> Reply:
    made = deliveries.send_test(work, _named(call), **call.asked)
    return Reply(content=ShownDelivery.of(made))


def delivered(work: UnitOfWork, call: Call) -> Reply:
    query: DeliveryParameters = call.query
    page = query.page()
    found = deliveries.list_deliveries(work, _named(call), page, query.where(), **call.asked)
    return paged(call, found, page, [ShownDelivery.of(one) for one in found.items])


def delivery(work: UnitOfWork, call: Call) -> Reply:
    found = deliveries.read_delivery(work, _named(call), _delivery(call), **call.asked)
    return Reply(content=ShownHistory.with_all(found))


def redeliver(work: UnitOfWork, call: Call) -> Reply:
    again = deliveries.redeliver(work, _named(call), _delivery(call), **call.asked)
    return Reply(content=ShownDelivery.of(again))


def recover(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=deliveries.recover(work, _named(call), call.body, **call.asked))


_TAG: Final = "Webhooks"
_REFUSALS: Final = (errors.NotFound, errors.Forbidden)


def _on(scope: str, noun: str) -> Iterator[Operation]:
    place = noun.lower()
    common: dict[str, Any] = {"tag": _TAG, "needs": needs(Action.MANAGE_ACCESS, on=place)}
    yield Operation(
        method="POST",
        path=f"{scope}/webhooks",
        name=f"create{noun}Webhook",
        summary=f"Have events of the {place} sent to a URL",
        handle=create,
        body=service.CreateWebhook,
        answer=service.CreatedWebhook,
        status=201,
        refusals=(*_REFUSALS, errors.InvalidTransition, errors.LimitExceeded),
        **common,
    )
    yield Operation(
        method="GET",
        path=f"{scope}/webhooks",
        name=f"list{noun}Webhooks",
        summary=f"List the webhooks of the {place} itself",
        handle=listed,
        query=PageParameters,
        answer=service.WebhookView,
        listed=True,
        refusals=_REFUSALS,
        **common,
    )


_COMMON: Final[dict[str, Any]] = {
    "tag": _TAG,
    "needs": needs(Action.MANAGE_ACCESS, on="webhook's organization or project"),
}
_ONE: Final = "/webhooks/{webhook_id}"
_DELIVERED: Final = f"{_ONE}/deliveries"

_ENDPOINTS: Final = (
    Operation(
        method="GET",
        path=_ONE,
        name="getWebhook",
        summary="Read a webhook; its secret is never shown again",
        handle=read,
        answer=service.WebhookView,
        tagged=True,
        refusals=_REFUSALS,
        **_COMMON,
    ),
    Operation(
        method="PATCH",
        path=_ONE,
        name="updateWebhook",
        summary="Change, pause or enable a webhook; what is left out stays",
        handle=update,
        body=service.UpdateWebhook,
        answer=service.WebhookView,
        tagged=True,
        refusals=_REFUSALS,
        **_COMMON,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        name="deleteWebhook",
        summary="Delete a webhook; nothing is sent there any more",
        handle=delete,
        status=204,
        tagged=True,
        refusals=_REFUSALS,
        **_COMMON,
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/rotate-secret",
        name="rotateWebhookSecret",
        summary="Make a new secret; for a day the one before signs as well",
        handle=rotate,
        answer=service.RotatedSecret,
        refusals=_REFUSALS,
        **_COMMON,
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/test",
        name="testWebhook",
        summary="Send an event of the type webhook.test there",
        handle=test,
        answer=ShownDelivery,
        status=202,
        refusals=(*_REFUSALS, errors.Conflict),
        **_COMMON,
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/recover",
        name="recoverDeliveries",
        summary="Send again what was not delivered, and what was missed",
        handle=recover,
        body=deliveries.RecoverDeliveries,
        answer=deliveries.Recovered,
        status=202,
        refusals=(*_REFUSALS, errors.Conflict),
        **_COMMON,
    ),
)

_DELIVERIES: Final = (
    Operation(
        method="GET",
        path=_DELIVERED,
        name="listDeliveries",
        summary="List what was sent to a webhook, or is to be",
        handle=delivered,
        query=DeliveryParameters,
        answer=ShownDelivery,
        listed=True,
        refusals=_REFUSALS,
        **_COMMON,
    ),
    Operation(
        method="GET",
        path=f"{_DELIVERED}/{{delivery_id}}",
        name="getDelivery",
        summary="Read a delivery with all of its attempts",
        handle=delivery,
        answer=ShownHistory,
        tagged=True,
        refusals=_REFUSALS,
        **_COMMON,
    ),
    Operation(
        method="POST",
        path=f"{_DELIVERED}/{{delivery_id}}/redeliver",
        name="redeliver",
        summary="Send a delivery again, whatever became of it",
        handle=redeliver,
        answer=ShownDelivery,
        status=202,
        refusals=(*_REFUSALS, errors.Conflict),
        **_COMMON,
    ),
)

OPERATIONS: Final = (
    *_on("/organizations/{org_id}", "Organization"),
    *_on("/projects/{project_id}", "Project"),
    *_ENDPOINTS,
    *_DELIVERIES,
)
