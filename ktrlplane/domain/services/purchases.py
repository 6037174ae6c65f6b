"""Choosing or raising a paid tier: who may, by what it is paid, and at what price
(product.md R5.2, R5.4)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import MAX_PRICES, PaymentMethod, Price
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault
from ktrlplane.domain.catalog import Price as CatalogPrice
from ktrlplane.domain.catalog import Tier
from ktrlplane.domain.errors import (
    Fault,
    Forbidden,
    LimitExceeded,
    PaymentRequired,
    UpstreamError,
    ValidationFailed,
)
from ktrlplane.domain.ids import PriceId, PrincipalId
from ktrlplane.domain.invoices import INVOICES
from ktrlplane.domain.offers import is_of
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.payers import Payer, payer_of, quoted, terms_of
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.terms import settle_terms, terms_in
from ktrlplane.domain.services.trials import days_with, is_last_of_a_trial, limit_trial, shortens
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.payment_questions import (
    InvoicesOf,
    KnownPrices,
    MethodsOf,
    PricesOf,
    SubscriptionOf,
    learn,
)
from ktrlplane.ports.unit_of_work import UnitOfWork


def purchase(
    work: UnitOfWork,
    project: Project,
    standing: Standing,
    type: str,  # noqa: A002
    sku: str,
    *,
    instead_of: Resource | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> PriceId | None:
    """What a resource of this tier in ``project`` is paid at from now on; None for what is
    free. ``standing`` is the actor's on the project; ``instead_of`` is the resource as it was.
    What costs no more than before needs nobody's consent, unless it ends a trial.

    Raises: Forbidden for who may not spend the payer's money, PaymentRequired where there is no
    way to pay, ValidationFailed for a tier without a price in what the payer pays in,
    LimitExceeded for too many different ones, Unasked, UpstreamError.
    """
    tier = tier_of(type, sku, platform)
    payer = payer_of(work, project, actor, platform.now())
    if tier is None or not tier.prices:
        if instead_of is not None and is_last_of_a_trial(work, payer.account, instead_of):
            require_consent(payer, standing)
        return None
    account = payer.account
    days = (
        None if account is None else days_with(work, account, Scope.of(project.project_id), tier)
    )
    ends_trial = account is not None and shortens(account, days)
    if instead_of is None or ends_trial or _costs_more(work, tier, instead_of, payer, platform):
        require_consent(payer, standing)
        require_means(work, payer, platform.now())
    price_id = priced(work, tier, payer, platform)
    require_not_too_many(work, payer, [price_id])
    limit_trial(work, payer.scope, days, platform)
    return price_id


def require_not_too_many(work: UnitOfWork, payer: Payer, price_ids: Iterable[PriceId]) -> None:
    """Else it could not be billed. Raises: LimitExceeded."""
    paid = {one.price_id for one in work.billing.paid_for(payer.scope)} - {None}
    if len(paid | set(price_ids)) > max(MAX_PRICES, len(paid)):
        raise LimitExceeded(
            f"{payer.scope} pays for {len(paid)} different tiers, and {MAX_PRICES} are the most "
            "that one can. Have a project pay for itself."
        )


def tier_of(type: str, sku: str, platform: Platform) -> Tier | None:  # noqa: A002
    kind = platform.catalog.resource_type(type)
    return None if kind is None else kind.tier(sku)


def _costs_more(
    work: UnitOfWork, tier: Tier, before: Resource, payer: Payer, platform: Platform
) -> bool:
    """Than what is paid for it, which the catalog may not say any more. Raises: Unasked,
    UpstreamError."""
    was, will_be = paid_price(work, before, platform), quoted(tier, payer.terms)
    if was is None or will_be is None:
        return True
    is_alike = (was.each.currency, was.interval) == (will_be.currency, will_be.interval)
    return not is_alike or will_be.amount > was.each.amount


def paid_price(work: UnitOfWork, resource: Resource, platform: Platform) -> Price | None:
    """What a resource is paid at; None for what is free or not known. Raises: Unasked,
    UpstreamError."""
    if resource.stripe_price_id is None or not PriceId.takes(resource.stripe_price_id):
        return None
    price_id = PriceId(resource.stripe_price_id)
    return prices_paid(work, [price_id], platform).get(price_id)


def prices_paid(
    work: UnitOfWork, price_ids: Iterable[PriceId], platform: Platform
) -> Mapping[PriceId, Price]:
    """Most are those of the catalog by now, which are asked for all the time. Raises: Unasked,
    UpstreamError."""
    keys = {
        price.lookup_key
        for kind in platform.catalog.resource_types
        for tier in kind.tiers
        for price in tier.prices
    }
    sold = learn(work.known, PricesOf(tuple(sorted(keys)))) if keys else {}
    found = {price.price_id: price for price in sold.values()}
    missing = tuple(sorted(set(price_ids) - set(found)))
    return {**found, **learn(work.known, KnownPrices(missing))} if missing else found


def require_consent(payer: Payer, standing: Standing) -> None:
    """Raises: Forbidden."""
    if not payer.lets_buy(standing):
        raise Forbidden(
            f"This is paid by {payer.scope}, and needs the permission manage_billing there. Ask "
            "somebody who manages its billing."
        )


def require_method(
    work: UnitOfWork, payer: Payer, at: datetime, *, said: str = "This is paid by"
) -> BillingAccount:
    """The payer's account. Raises: PaymentRequired where there is nothing to pay by, Unasked."""
    account = payer.account
    if account is None or not any(one.is_usable(at) for one in _methods(work, account)):
        raise PaymentRequired(
            f"{said} {payer.scope}, which has no payment method that is good. Add one "
            f"with POST {_billing(payer)}/setup-intent or in the billing portal, and try again."
        )
    return account


def require_means(work: UnitOfWork, payer: Payer, at: datetime) -> None:
    """Raises: PaymentRequired, Unasked."""
    account = require_method(work, payer, at)
    _require_no_debt(work, account, payer)
    if account.fault is BillingFault.SUBSCRIPTION_ENDED:
        raise PaymentRequired(_ended(payer))
    if account.has_lapsed:
        raise PaymentRequired(
            f"This is paid by {payer.scope}, which could not pay. Have it tried again with "
            f"POST {_billing(payer)}/subscription, and see GET {_billing(payer)}."
        )
    if account.subscription_id is not None:
        subscription = learn(work.known, SubscriptionOf(account.subscription_id))
        if subscription is None or subscription.state.is_over:
            raise PaymentRequired(_ended(payer))
        if subscription.cancel_at_period_end:
            ends = subscription.current_period_end.date()
            raise PaymentRequired(
                f"This is paid by {payer.scope}, whose subscription was cancelled and ends on "
                f"{ends}. Resume it with POST {_billing(payer)}/resume, and try again."
            )


def _require_no_debt(work: UnitOfWork, account: BillingAccount, payer: Payer) -> None:
    """What was used is paid before more is bought, though its subscription be over. Raises:
    PaymentRequired, Unasked."""
    if account.customer_id is None:
        return
    is_failing = account.fault is BillingFault.PAYMENT_FAILED
    invoices = learn(work.known, InvoicesOf(account.customer_id, INVOICES))
    if any(
        one.is_owed and (is_failing or one.subscription_id != account.subscription_id)
        for one in invoices
    ):
        raise PaymentRequired(
            f"This is paid by {payer.scope}, which has an invoice that is open. Pay it first, "
            f"with POST {_billing(payer)}/subscription or by its link in "
            f"GET {_billing(payer)}/invoices, and try again."
        )


def _ended(payer: Payer) -> str:
    return (
        f"This is paid by {payer.scope}, whose subscription has ended. Begin another with "
        f"POST {_billing(payer)}/subscription, and try again."
    )


def _billing(payer: Payer) -> str:
    return f"/api/v1/{payer.scope.scope_type}s/{payer.scope.scope_id}/billing"


def _methods(work: UnitOfWork, account: BillingAccount) -> Sequence[PaymentMethod]:
    if account.customer_id is None:
        return ()
    return learn(work.known, MethodsOf(account.customer_id))


def priced(work: UnitOfWork, tier: Tier, payer: Payer, platform: Platform) -> PriceId:
    """The provider's price of a paid tier, in what ``payer`` pays in, which its first purchase
    settles. Raises: as ``sold_to``."""
    payer = payer.as_of_now(work)
    price, there = sold_to(work, tier, payer)
    if payer.account is not None:
        settle_terms(work, payer.account, terms_of(price), platform)
    return there.price_id


def sold_to(work: UnitOfWork, tier: Tier, payer: Payer) -> tuple[CatalogPrice, Price]:
    """At what a paid tier is sold to ``payer``, and that at the provider. Raises:
    ValidationFailed, UpstreamError, Unasked."""
    terms = payer.terms if payer.account is None else terms_in(work, payer.account)
    price = quoted(tier, terms)
    if price is None:
        detail = (
            f"The tier {tier.sku} has no price in {terms.currency} for each {terms.interval}, "
            f"which is what {payer.scope} pays in."
        )
        raise ValidationFailed([Fault("/sku", "not_sold", detail)])
    there = learn(work.known, PricesOf((price.lookup_key,))).get(price.lookup_key)
    if there is None or not is_of(there, price):
        # Nobody pays another amount than they were told.
        raise UpstreamError(
            f"The payment provider has no price {price.lookup_key} as the catalog says it. The "
            "platform's operator makes it with: ktrlplane payments sync. That is seen here within "
            "five minutes."
        )
    return price, there
