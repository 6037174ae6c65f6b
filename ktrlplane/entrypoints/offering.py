"""Making the payment provider sell what the catalog does."""

from collections.abc import Iterator
from typing import Final
from uuid import uuid4

from ktrlplane.domain.errors import OutcomeUnknown, UpstreamError
from ktrlplane.domain.offering import MakePrice, Offering, PutMeter, PutProduct, Sold, Step
from ktrlplane.ports.payments import BillingChanged, Offers

_LEFT: Final = (
    "The payment provider does not show all of this yet; run it again in a while, and look there "
    "for what was changed by hand."
)


def sold_by(payments: Offers) -> Sold:
    """Raises: UpstreamError."""
    return Sold(
        products=tuple(payments.products()),
        prices=tuple(payments.offered()),
        meters=tuple(payments.meters()),
    )


def synchronize(payments: Offers, offering: Offering, sold: Sold) -> Iterator[Step]:
    """What leads on from ``sold``, each step once it is done. May be stopped and begun again at
    any point, and run beside itself.

    Raises: what ``Payments`` does; UpstreamError, where the provider does not say afterwards
    that it is so.
    """
    run = uuid4().hex
    for step in offering.steps(sold):
        _see_to(step, payments, offering, run)
        yield step
    if any(offering.steps(sold_by(payments))):
        raise UpstreamError(_LEFT)


def _see_to(step: Step, payments: Offers, offering: Offering, run: str) -> None:
    try:
        _take(step, payments, step.key(run))
    except (UpstreamError, BillingChanged) as failure:
        if step not in offering.steps(sold_by(payments)):
            return  # it is done, by somebody else or without a word
        if not isinstance(failure, OutcomeUnknown):
            raise
        # What failed at the provider stays under its key for a day.
        _take(step, payments, f"{run}/{step.key(run)}")


def _take(step: Step, payments: Offers, key: str) -> None:
    match step:
        case PutProduct():
            payments.put_product(step.product, key=key)
        case MakePrice():
            payments.offer(step.offer, key=key)
        case PutMeter():
            payments.put_meter(step.meter, key=key)
