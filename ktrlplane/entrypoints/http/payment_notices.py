"""What the payment provider tells, over HTTP."""

from typing import Final

from attrs import frozen

from ktrlplane.domain import errors
from ktrlplane.domain.services.payment_notices import heed_notice
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, anybody
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class Received:
    """It need not be told again."""

    received: bool


def heed(work: UnitOfWork, call: Call) -> Reply:
    notices = call.platform.payment_notices
    if notices is None:
        raise errors.Unauthenticated(
            "What a payment provider tells cannot be believed here yet: the operator has set no "
            "signing secret, KTRLPLANE_STRIPE_WEBHOOK_SECRET."
        )
    heed_notice(work, notices.read(call.raw, call.signature), platform=call.platform)
    return Reply(content=Received(received=True))


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/payments/webhook",
        name="heedPaymentProvider",
        summary="Take what the payment provider tells",
        tag="Billing",
        handle=heed,
        needs=anybody(),
        answer=Received,
        refusals=(errors.Unauthenticated, errors.ValidationFailed),
        public=True,
        takes_bytes=True,
    ),
)
