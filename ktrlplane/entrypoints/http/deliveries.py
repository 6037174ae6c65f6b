"""What is delivered to a webhook, over HTTP."""

from typing import Final

import attrs
from attrs import frozen

from ktrlplane.domain import errors
from ktrlplane.domain.ids import DeliveryId
from ktrlplane.domain.services import webhook_deliveries as service
from ktrlplane.domain.webhook_deliveries import DeliveryStatus
from ktrlplane.entrypoints.http.event_parameters import HappeningParameters
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import said
from ktrlplane.entrypoints.http.webhook_shapes import ShownDelivery, ShownHistory
from ktrlplane.entrypoints.http.webhooks import COMMON, ONE, REFUSALS, named
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


def _delivery(call: Call) -> DeliveryId:
    return call.identity("delivery_id", DeliveryId)


def test(work: UnitOfWork, call: Call) -> Reply:
    made = service.send_test(work, named(call), **call.asked)
    return Reply(content=ShownDelivery.of(made))


def delivered(work: UnitOfWork, call: Call) -> Reply:
    query: DeliveryParameters = call.query
    page = query.page()
    found = service.list_deliveries(work, named(call), page, query.where(), **call.asked)
    return paged(call, found, page, [ShownDelivery.of(one) for one in found.items])


def delivery(work: UnitOfWork, call: Call) -> Reply:
    found = service.read_delivery(work, named(call), _delivery(call), **call.asked)
    return Reply(content=ShownHistory.with_all(found))


def redeliver(work: UnitOfWork, call: Call) -> Reply:
    again = service.redeliver(work, named(call), _delivery(call), **call.asked)
    return Reply(content=ShownDelivery.of(again))


def recover(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.recover(work, named(call), call.body, **call.asked))


_DELIVERED: Final = f"{ONE}/deliveries"

OPERATIONS: Final = (
    Operation(
        method="POST",
        path=f"{ONE}/test",
        name="testWebhook",
        summary="Send an event of the type webhook.test there",
        handle=test,
        answer=ShownDelivery,
        status=202,
        refusals=(*REFUSALS, errors.Conflict),
        **COMMON,
    ),
    Operation(
        method="POST",
        path=f"{ONE}/recover",
        name="recoverDeliveries",
        summary="Send again what was not delivered, and what was missed",
        handle=recover,
        body=service.RecoverDeliveries,
        answer=service.Recovered,
        status=202,
        refusals=(*REFUSALS, errors.Conflict),
        **COMMON,
    ),
    Operation(
        method="GET",
        path=_DELIVERED,
        name="listDeliveries",
        summary="List what was sent to a webhook, or is to be",
        handle=delivered,
        query=DeliveryParameters,
        answer=ShownDelivery,
        listed=True,
        refusals=REFUSALS,
        **COMMON,
    ),
    Operation(
        method="GET",
        path=f"{_DELIVERED}/{{delivery_id}}",
        name="getDelivery",
        summary="Read a delivery with all of its attempts",
        handle=delivery,
        answer=ShownHistory,
        tagged=True,
        refusals=REFUSALS,
        **COMMON,
    ),
    Operation(
        method="POST",
        path=f"{_DELIVERED}/{{delivery_id}}/redeliver",
        name="redeliver",
        summary="Send a delivery again, whatever became of it",
        handle=redeliver,
        answer=ShownDelivery,
        status=202,
        refusals=(*REFUSALS, errors.Conflict),
        **COMMON,
    ),
)
