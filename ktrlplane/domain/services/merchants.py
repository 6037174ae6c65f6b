"""Whose customers the database knows: one merchant's at the payment provider.

Each key of the provider opens the books of one merchant, and says of the customers of all others
that they do not exist. Who believed that would suspend what everybody pays for, or begin another
subscription beside the one that lives on elsewhere.
"""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from ktrlplane.domain.ids import CustomerId, MerchantId
from ktrlplane.ports.payments import AnotherMerchant, Customers
from ktrlplane.ports.unit_of_work import UnitOfWork

ASKED_FOR: Final = 20
"""Of those who came with the database: that one of them is gone says nothing."""
_ANOTHER: Final = (
    "What this platform knows of is not in the payment provider's account that it has a key for. "
    "Its operator sees to KTRLPLANE_STRIPE_SECRET_KEY, or says with `ktrlplane payments bind` "
    "that this account is the right one."
)


@frozen
class Known:
    """``customers`` are some, where no ``merchant`` is known yet."""

    merchant: MerchantId | None
    customers: Sequence[CustomerId] = ()


def known(work: UnitOfWork) -> Known:
    merchant = work.billing.merchant()
    return Known(merchant, work.billing.some_customers(ASKED_FOR) if merchant is None else ())


def is_first(there: Customers, present: MerchantId, known: Known) -> bool:
    """Whether it is ``present`` from now on, since one of the customers is theirs. Asks the
    provider, so not for a unit of work. Raises: AnotherMerchant, UpstreamError."""
    if known.merchant is not None:
        if known.merchant != present:
            raise AnotherMerchant(_ANOTHER)
        return False
    if not known.customers:
        return False
    if all(there.customer(one) is None for one in known.customers):
        raise AnotherMerchant(_ANOTHER)
    return True


def bind(work: UnitOfWork, present: MerchantId) -> MerchantId | None:
    """All customers are theirs from now on. Who it was before; None for nobody."""
    before = work.billing.merchant()
    work.billing.set_merchant(present)
    return before
