"""What an account pays in, where its subscription came along with it."""

from collections.abc import Sequence

from ktrlplane.domain.billing import Price
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.ports.payment_questions import KnownPrices, SubscriptionOf, learn
from ktrlplane.ports.unit_of_work import UnitOfWork


def prices_in(work: UnitOfWork, account: BillingAccount) -> Sequence[Price]:
    """Those at which its customer pays for something, by id. Raises: Unasked, UpstreamError."""
    if account.subscription_id is None:
        return ()
    present = learn(work.known, SubscriptionOf(account.subscription_id))
    if present is None or present.state.is_over or not present.items:
        return ()
    price_ids = tuple(price_id for price_id, _ in present.items)
    known = learn(work.known, KnownPrices(price_ids))
    return [known[price_id] for price_id in price_ids if price_id in known]
