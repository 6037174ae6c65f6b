"""What an account pays in, where its subscription came along with it."""

from collections.abc import Sequence

from attrs import evolve

from ktrlplane.domain.billing import Price
from ktrlplane.domain.billing_accounts import BillingAccount, Terms
from ktrlplane.domain.services.platform import Platform
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


def terms_in(work: UnitOfWork, account: BillingAccount) -> Terms:
    """Until they are settled, those of what its subscription contains. Raises: as
    ``prices_in``."""
    if None not in (account.terms.currency, account.terms.interval):
        return account.terms
    paid = prices_in(work, account)
    return Terms(paid[0].each.currency, paid[0].interval) if paid else account.terms


def settle_terms(
    work: UnitOfWork, account: BillingAccount, terms: Terms, platform: Platform
) -> BillingAccount:
    """It pays in these from now on."""
    if terms == account.terms:
        return account
    settled = evolve(account, terms=terms, updated_at=platform.now())
    work.billing.change(settled)
    return settled
