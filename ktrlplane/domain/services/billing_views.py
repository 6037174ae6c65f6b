"""What people see of what is paid, by whom, and what it will cost (product.md R5)."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from ktrlplane.domain.access import Action, Scope, ScopeType
from ktrlplane.domain.billing import (
    Customer,
    Money,
    PaymentMethod,
    Subscription,
    SubscriptionItems,
)
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Price
from ktrlplane.domain.errors import Forbidden, NotFound
from ktrlplane.domain.ids import PriceId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.invoices import Invoice, Preview
from ktrlplane.domain.services.payers import Payer, payer_at, quoted
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import tier_of
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.domain.subscriptions import paying_scope
from ktrlplane.ports.payment_questions import (
    CustomerOf,
    InvoicesOf,
    MethodsOf,
    PreviewOf,
    PricesOf,
    SubscriptionOf,
    learn,
)
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class BillingView:
    """``payer`` pays for the scope; all else is of ``account``, which is the payer's or the
    scope's own. It is None where there is none, or who asks does not manage its billing, and
    then nothing of the provider is there either."""

    payer: Payer
    inherits: bool
    account: BillingAccount | None
    customer: Customer | None = None
    methods: Sequence[PaymentMethod] = ()
    subscription: Subscription | None = None
    latest_invoice: Invoice | None = None


@frozen(kw_only=True)
class BillingStatus:
    payer: Payer
    has_payment_method: bool
    subscription: Subscription | None


@frozen(kw_only=True)
class Estimate:
    """``now`` and ``then`` are what is paid each interval; None is nothing. ``next_invoice`` is
    None where there is no customer, who was never billed."""

    payer: Payer
    now: Money | None
    then: Money | None
    interval: str | None
    next_invoice: Preview | None


@frozen(kw_only=True)
class EstimateOf:
    """One more of a tier; or, of ``resource_id``, that tier in place of the one it has; or
    nothing new."""

    type: str | None = None
    sku: str | None = None
    resource_id: ResourceId | None = None


def _seen(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime
) -> tuple[Standing, Payer, bool]:
    """Who asks, who pays, and whether that is by inheritance. Raises: NotFound."""
    own = payer_at(work, scope, actor, at)
    own.standing.require()
    if scope.scope_type is ScopeType.ORGANIZATION:
        return own.standing, own, False
    project = work.projects.get(ProjectId(scope.scope_id))
    payer = paying_scope(project)
    if payer == scope:
        return own.standing, own, False
    return own.standing, payer_at(work, payer, actor, at), True


def read_billing(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> BillingView:
    """Of the account that pays. Raises: NotFound, Forbidden, UpstreamError, Unasked."""
    standing, payer, inherits = _seen(work, scope, actor, platform.now())
    standing.require(Action.MANAGE_BILLING)
    may_see = payer.standing.may(Action.MANAGE_BILLING)
    account = payer.account if may_see else None
    return _whole(work, BillingView(payer=payer, inherits=inherits, account=account))


def read_own_billing(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> BillingView:
    """Of the scope's own account, though another one may pay for it. Raises: as
    ``read_billing``."""
    standing, payer, inherits = _seen(work, scope, actor, platform.now())
    standing.require(Action.MANAGE_BILLING)
    account = work.billing.find(scope)
    return _whole(work, BillingView(payer=payer, inherits=inherits, account=account))


def _whole(work: UnitOfWork, view: BillingView) -> BillingView:
    """With what the provider knows."""
    account = view.account
    if account is None or account.customer_id is None:
        return view
    invoices = learn(work.known, InvoicesOf(account.customer_id, 1))
    return evolve(
        view,
        customer=learn(work.known, CustomerOf(account.customer_id)),
        methods=learn(work.known, MethodsOf(account.customer_id)),
        subscription=_subscription(work, account),
        latest_invoice=invoices[0] if invoices else None,
    )


def read_billing_status(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> BillingStatus:
    """For everybody who may read the scope. Raises: NotFound, UpstreamError, Unasked."""
    _, payer, _ = _seen(work, scope, actor, platform.now())
    account = payer.account
    if account is None or account.customer_id is None:
        return BillingStatus(payer=payer, has_payment_method=False, subscription=None)
    return BillingStatus(
        payer=payer,
        has_payment_method=bool(learn(work.known, MethodsOf(account.customer_id))),
        subscription=_subscription(work, account),
    )


def list_invoices(
    work: UnitOfWork,
    scope: Scope,
    *,
    limit: int,
    actor: PrincipalId,
    platform: Platform,
) -> Sequence[Invoice]:
    """Newest first. Raises: NotFound, Forbidden, UpstreamError, Unasked."""
    account = _managed_payer(work, scope, actor, platform).account
    if account is None or account.customer_id is None:
        return ()
    return learn(work.known, InvoicesOf(account.customer_id, limit))


def list_payment_methods(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> Sequence[PaymentMethod]:
    """The default first. Raises: NotFound, Forbidden, UpstreamError, Unasked."""
    account = _managed_payer(work, scope, actor, platform).account
    if account is None or account.customer_id is None:
        return ()
    return learn(work.known, MethodsOf(account.customer_id))


def _managed_payer(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, platform: Platform
) -> Payer:
    """Raises: NotFound, Forbidden."""
    standing, payer, _ = _seen(work, scope, actor, platform.now())
    standing.require(Action.MANAGE_BILLING)
    if not payer.standing.may(Action.MANAGE_BILLING):
        raise Forbidden(
            f"This is paid by {payer.scope}, and needs the permission manage_billing there."
        )
    return payer


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
    payer = _managed_payer(work, scope, actor, platform)
    items = _present_items(work, payer)
    price = _price(asked, payer, platform)
    then = items
    if price is not None:
        known = learn(work.known, PricesOf((price.lookup_key,)))
        if price.lookup_key in known:
            then = _with(items, known[price.lookup_key].price_id, 1)
    if asked.resource_id is not None:
        then = _without(then, work, scope, asked.resource_id)
    return Estimate(
        payer=payer,
        now=_recurring(items, work, payer, platform),
        then=_recurring(then, work, payer, platform),
        interval=payer.terms.interval or (None if price is None else price.interval),
        next_invoice=_next_invoice(work, payer, then),
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
    subscription = _subscription(work, account)
    living = None if subscription is None or subscription.state.is_over else subscription
    identity = None if living is None else living.subscription_id
    return learn(work.known, PreviewOf(account.customer_id, items, identity))


def _subscription(work: UnitOfWork, account: BillingAccount) -> Subscription | None:
    if account.subscription_id is None:
        return None
    return learn(work.known, SubscriptionOf(account.subscription_id))
