"""What it will cost, before anybody buys it (product.md R5)."""

from datetime import datetime, timedelta

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Money, Subscription, SubscriptionItems, SubscriptionState
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault
from ktrlplane.domain.catalog import Availability, Tier
from ktrlplane.domain.errors import Fault, NotFound, ValidationFailed
from ktrlplane.domain.ids import PriceId, PrincipalId, ResourceId
from ktrlplane.domain.invoices import Preview
from ktrlplane.domain.lifecycle import ENDED
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.billing_views import managed_payer, subscription_of
from ktrlplane.domain.services.payers import Payer
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import prices_paid, sold_to, tier_of
from ktrlplane.domain.services.trials import days_with, may_try
from ktrlplane.domain.standings import not_found
from ktrlplane.domain.subscriptions import paying_scope
from ktrlplane.ports.payment_questions import PreviewOf, learn
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
    """One more of a tier; or, of ``resource_id``, that tier in place of the one it has, or
    nothing; or all as it is. ``type`` is that of the resource, where it is left out."""

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
    is not there; Forbidden; ValidationFailed for a tier that is not sold to it, or of which it is
    not said of what type it is; UpstreamError, Unasked."""
    payer = managed_payer(work, scope, actor, platform)
    gone = None if asked.resource_id is None else _below(work, scope, asked.resource_id, payer)
    tier = _tier(asked, gone, platform)
    items = then = _present_items(work, payer)
    interval: str | None = payer.terms.interval
    stays = gone is not None and tier is not None and tier.sku == gone.sku
    if tier is not None and tier.prices and not stays:
        price, there = sold_to(work, tier, payer)
        then, interval = _with(items, there.price_id, 1), price.interval
    if gone is not None and not stays:
        then = _without(then, gone)
    paid = _paid_whatever_for(work, payer)
    items, then = items.and_at_least(paid), then.and_at_least(paid)
    next_invoice = _next_invoice(work, payer, then)
    days = None if payer.account is None else payer.account.trial_days
    if payer.account is not None and tier is not None and tier.prices and not stays:
        where = scope if gone is None else Scope.of(gone.project_id)
        days = days_with(work, payer.account, where, tier)
    return Estimate(
        payer=payer,
        now=_recurring(items, work, platform),
        then=_recurring(then, work, platform),
        interval=interval,
        next_invoice=next_invoice,
        billed_at=_billed_at(work, payer, then, days, platform) if next_invoice else None,
    )


def _present_items(work: UnitOfWork, payer: Payer) -> SubscriptionItems:
    items = SubscriptionItems()
    for one in work.billing.paid_for(payer.scope):
        if one.price_id is not None:
            items = _with(items, one.price_id, one.count)
    return items


def _paid_whatever_for(work: UnitOfWork, payer: Payer) -> SubscriptionItems:
    """What goes on while something that came has no price (see ``agreeing``)."""
    if payer.account is None or not work.billing.unpriced(payer.scope):
        return SubscriptionItems()
    living = _changeable(work, payer.account)
    return SubscriptionItems() if living is None else living.items


def _with(items: SubscriptionItems, price_id: PriceId, count: int) -> SubscriptionItems:
    return SubscriptionItems({**items.quantities, price_id: items.of(price_id) + count})


def _without(items: SubscriptionItems, gone: Resource) -> SubscriptionItems:
    if gone.stripe_price_id is None:
        return items
    left = {**items.quantities}
    price_id = PriceId(gone.stripe_price_id)
    left[price_id] = left.get(price_id, 1) - 1
    return SubscriptionItems({price: count for price, count in left.items() if count > 0})


def _below(work: UnitOfWork, scope: Scope, resource_id: ResourceId, payer: Payer) -> Resource:
    """Raises: NotFound, ValidationFailed for one that somebody else pays for."""
    resource = work.resources.get(resource_id)
    if scope not in resource.path or resource.status in ENDED:
        raise not_found(Scope.of(resource_id))
    paid_by = paying_scope(work.projects.get(resource.project_id))
    if paid_by != payer.scope:
        detail = f"This is paid by {paid_by}: ask there what it costs."
        raise ValidationFailed([Fault("/resource_id", "paid_elsewhere", detail)])
    return resource


def _tier(asked: EstimateOf, gone: Resource | None, platform: Platform) -> Tier | None:
    """Raises: NotFound, ValidationFailed."""
    kind = asked.type or (None if gone is None else gone.type)
    if asked.sku is None and asked.type is not None:
        detail = "Say which tier: send sku with type."
        raise ValidationFailed([Fault("/sku", "required", detail)])
    if asked.sku is None:
        return None
    if kind is None:
        raise ValidationFailed([Fault("/type", "required", "Say of which type the tier is.")])
    if gone is not None and _canonical(kind, platform) != _canonical(gone.type, platform):
        detail = f"The resource {gone.resource_id} is a {gone.type}, and stays one."
        raise ValidationFailed([Fault("/type", "immutable", detail)])
    tier = tier_of(kind, asked.sku, platform)
    if tier is None:
        raise NotFound("The catalog has no such type or tier; see /api/v1/catalog/resource-types.")
    has_it = gone is not None and gone.sku == tier.sku
    if tier.availability is Availability.RETIRED and not has_it:
        raise ValidationFailed([Fault("/sku", "retired", "This tier is sold no more.")])
    return tier


def _canonical(kind: str, platform: Platform) -> str:
    """A type may go by a former name."""
    known = platform.catalog.resource_type(kind)
    return kind if known is None else known.type


def _recurring(items: SubscriptionItems, work: UnitOfWork, platform: Platform) -> Money | None:
    """At what is paid, which the catalog may not say any more."""
    known = prices_paid(work, items.quantities, platform) if items else {}
    total: Money | None = None
    for price_id, count in items:
        if price_id not in known:
            continue
        amount = known[price_id].each * count
        if total is not None and total.currency != amount.currency:
            return None  # it is refused at the provider, and told as ``price_missing``
        total = amount if total is None else total + amount
    return total


def _next_invoice(work: UnitOfWork, payer: Payer, items: SubscriptionItems) -> Preview | None:
    account = payer.account
    if account is None or account.customer_id is None:
        return None
    living = _changeable(work, account)
    if living is None and (not items or account.fault is BillingFault.SUBSCRIPTION_ENDED):
        return None
    identity = None if living is None else living.subscription_id
    return learn(work.known, PreviewOf(account.customer_id, items, identity))


def _billed_at(
    work: UnitOfWork,
    payer: Payer,
    items: SubscriptionItems,
    days: int | None,
    platform: Platform,
) -> datetime:
    account, now = payer.account, platform.now()
    if account is None or not items:
        return now
    living = _changeable(work, account)
    if living is None:
        return now + timedelta(days=(days or 0) if may_try(work, account) else 0)
    trial = None if days is None else living.trial_end(days)
    return living.current_period_end if trial is None else max(trial, now)


def _changeable(work: UnitOfWork, account: BillingAccount) -> Subscription | None:
    """One whose first payment failed gives way to another."""
    found = subscription_of(work, account)
    fixed = found is None or found.state.is_over or found.state is SubscriptionState.INCOMPLETE
    return None if fixed else found
