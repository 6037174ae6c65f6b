"""What it will cost, before anybody buys it (product.md R5)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Money, Subscription, SubscriptionItems
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Price, Tier
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PriceId, PrincipalId, ResourceId
from ktrlplane.domain.invoices import Preview
from ktrlplane.domain.services.billing_views import managed_payer, subscription_of
from ktrlplane.domain.services.payers import Payer, quoted
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import tier_of
from ktrlplane.domain.services.trials import may_try, trial_days
from ktrlplane.domain.standings import not_found
from ktrlplane.ports.payment_questions import PreviewOf, PricesOf, learn
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class Estimate:
    """``now`` and ``then`` are what is paid each interval; None is nothing. ``next_invoice`` is
    None where there is no customer, who was never billed; ``billed_at`` is when it comes."""

    payer: Payer
    now: Money | None
    then: Money | None
    interval: str | None
    next_invoice: Preview | None
    billed_at: datetime | None


@frozen(kw_only=True)
class EstimateOf:
    """One more of a tier; or, of ``resource_id``, that tier in place of the one it has; or
    nothing new."""

    type: str | None = None
    sku: str | None = None
    resource_id: ResourceId | None = None


def estimate(
    work: UnitOfWork,
    scope: Scope,
    asked: EstimateOf,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Estimate:
    """What the payer of a scope will pay. Raises: NotFound, also for a tier or a resource that
    is not there; Forbidden, UpstreamError, Unasked."""
    payer = managed_payer(work, scope, actor, platform)
    items = _present_items(work, payer)
    price = _price(asked, payer, platform)
    then = items
    if price is not None:
        known = learn(work.known, PricesOf((price.lookup_key,)))
        if price.lookup_key in known:
            then = _with(items, known[price.lookup_key].price_id, 1)
    if asked.resource_id is not None:
        then = _without(then, work, scope, asked.resource_id)
    next_invoice = _next_invoice(work, payer, then)
    return Estimate(
        payer=payer,
        now=_recurring(items, work, payer, platform),
        then=_recurring(then, work, payer, platform),
        interval=payer.terms.interval or (None if price is None else price.interval),
        next_invoice=next_invoice,
        billed_at=None if next_invoice is None else _billed_at(work, payer, asked, platform),
    )


def _present_items(work: UnitOfWork, payer: Payer) -> SubscriptionItems:
    items = SubscriptionItems()
    for one in work.billing.paid_for(payer.scope):
        if one.price_id is not None:
            items = _with(items, one.price_id, one.count)
    return items


def _with(items: SubscriptionItems, price_id: PriceId, count: int) -> SubscriptionItems:
    return SubscriptionItems({**items.quantities, price_id: items.of(price_id) + count})


def _without(
    items: SubscriptionItems, work: UnitOfWork, scope: Scope, resource_id: ResourceId
) -> SubscriptionItems:
    resource = work.resources.get(resource_id)
    if scope not in resource.path:
        raise not_found(Scope.of(resource_id))
    if resource.stripe_price_id is None:
        return items
    left = {**items.quantities}
    price_id = PriceId(resource.stripe_price_id)
    left[price_id] = left.get(price_id, 1) - 1
    return SubscriptionItems({price: count for price, count in left.items() if count > 0})


def _price(asked: EstimateOf, payer: Payer, platform: Platform) -> Price | None:
    """Raises: NotFound."""
    if asked.type is None or asked.sku is None:
        return None
    tier = tier_of(asked.type, asked.sku, platform)
    if tier is None:
        raise NotFound("The catalog has no such type or tier; see /api/v1/catalog/resource-types.")
    return quoted(tier, payer.terms)


def _recurring(
    items: SubscriptionItems, work: UnitOfWork, payer: Payer, platform: Platform
) -> Money | None:
    prices = {
        price.lookup_key: price
        for kind in platform.catalog.resource_types
        for tier in kind.tiers
        for price in tier.prices
    }
    known = learn(work.known, PricesOf(tuple(sorted(prices))))
    each = {price.price_id: price.each for price in known.values()}
    total: Money | None = None
    for price_id, count in items:
        if price_id in each:
            amount = each[price_id] * count
            total = amount if total is None else total + amount
    return total


def _next_invoice(work: UnitOfWork, payer: Payer, items: SubscriptionItems) -> Preview | None:
    account = payer.account
    if account is None or account.customer_id is None or not items:
        return None
    living = _living(work, account)
    identity = None if living is None else living.subscription_id
    return learn(work.known, PreviewOf(account.customer_id, items, identity))


def _billed_at(
    work: UnitOfWork, payer: Payer, asked: EstimateOf, platform: Platform
) -> datetime | None:
    account, now = payer.account, platform.now()
    if account is None:
        return None
    days = trial_days(account, _tiers_then(work, payer, asked, platform))
    living = _living(work, account)
    if living is None:
        return now + timedelta(days=days if may_try(work, account) else 0)
    trial = living.trial_end(days)
    return living.current_period_end if trial is None else max(trial, now)


def _tiers_then(
    work: UnitOfWork, payer: Payer, asked: EstimateOf, platform: Platform
) -> Sequence[Tier]:
    left = work.billing.paid_for(payer.scope)
    if asked.resource_id is not None:
        gone = work.resources.get(asked.resource_id)
        left = [
            one for one in left if one.count > 1 or (one.type, one.sku) != (gone.type, gone.sku)
        ]
    kinds = [(one.type, one.sku) for one in left]
    if asked.type is not None and asked.sku is not None:
        kinds.append((asked.type, asked.sku))
    found = (tier_of(kind, sku, platform) for kind, sku in kinds)
    return [tier for tier in found if tier is not None]


def _living(work: UnitOfWork, account: BillingAccount) -> Subscription | None:
    found = subscription_of(work, account)
    return None if found is None or found.state.is_over else found
