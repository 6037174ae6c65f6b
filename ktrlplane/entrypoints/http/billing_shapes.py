"""What people see of billing, as it goes over the wire."""

from datetime import datetime

from attrs import asdict, frozen

from ktrlplane.domain.access import Action, ScopeType
from ktrlplane.domain.billing import (
    Customer,
    Money,
    PaymentMethod,
    Subscription,
    SubscriptionState,
)
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault
from ktrlplane.domain.ids import (
    BillingAccountId,
    CustomerId,
    PaymentMethodId,
    PriceId,
    SubscriptionId,
)
from ktrlplane.domain.services.billing_views import BillingStatus, BillingView
from ktrlplane.domain.services.estimates import Estimate
from ktrlplane.domain.services.payers import Payer
from ktrlplane.entrypoints.http.invoice_shapes import NextInvoice, ShownInvoice


@frozen(kw_only=True)
class EffectiveScope:
    """Who pays. ``name`` is null for who may not see that scope."""

    scope_type: ScopeType
    scope_id: str
    name: str | None

    @classmethod
    def of(cls, payer: Payer) -> "EffectiveScope":
        return cls(
            scope_type=payer.scope.scope_type,
            scope_id=payer.scope.scope_id,
            name=payer.name if payer.standing.may(Action.READ) else None,
        )


@frozen(kw_only=True)
class ShownAccount:
    """``fault`` says why something is not paid for, where that is so; from ``grace_until`` on
    it is suspended, and while ``has_lapsed`` it is."""

    billing_account_id: BillingAccountId
    scope_type: ScopeType
    scope_id: str
    stripe_customer_id: CustomerId | None
    stripe_subscription_id: SubscriptionId | None
    currency: str | None
    interval: str | None
    fault: BillingFault | None
    grace_until: datetime | None
    has_lapsed: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, account: BillingAccount) -> "ShownAccount":
        return cls(
            billing_account_id=account.billing_account_id,
            scope_type=account.scope.scope_type,
            scope_id=account.scope.scope_id,
            stripe_customer_id=account.customer_id,
            stripe_subscription_id=account.subscription_id,
            currency=account.terms.currency,
            interval=account.terms.interval,
            fault=account.fault,
            grace_until=account.grace_until,
            has_lapsed=account.has_lapsed,
            created_at=account.created_at,
            updated_at=account.updated_at,
        )


@frozen(kw_only=True)
class ShownCustomer:
    """``credit``, in minor units of ``credit_currency``, is what the next invoices in that are
    reduced by."""

    id: CustomerId
    name: str
    email: str
    credit: int
    credit_currency: str | None

    @classmethod
    def of(cls, customer: Customer) -> "ShownCustomer":
        return cls(
            id=customer.customer_id,
            name=customer.name,
            email=customer.email,
            credit=_amount(customer.credit),
            credit_currency=None if customer.credit is None else customer.credit.currency,
        )


@frozen(kw_only=True)
class ShownMethod:
    payment_method_id: PaymentMethodId
    type: str
    label: str
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    is_default: bool

    @classmethod
    def of(cls, method: PaymentMethod) -> "ShownMethod":
        return cls(
            payment_method_id=method.payment_method_id,
            type=method.kind,
            label=method.label,
            last4=method.last4,
            exp_month=method.exp_month,
            exp_year=method.exp_year,
            is_default=method.is_default,
        )


@frozen(kw_only=True)
class ShownItem:
    """So many at a price."""

    price_id: PriceId
    quantity: int


@frozen(kw_only=True)
class ShownSubscription:
    """The period is the one that is being paid for."""

    id: SubscriptionId
    status: SubscriptionState
    current_period_start: datetime
    current_period_end: datetime
    cancel_at_period_end: bool

    @classmethod
    def of(cls, subscription: Subscription) -> "ShownSubscription":
        return cls(
            id=subscription.subscription_id,
            status=subscription.state,
            current_period_start=subscription.current_period_start,
            current_period_end=subscription.current_period_end,
            cancel_at_period_end=subscription.cancel_at_period_end,
        )


@frozen(kw_only=True)
class Billing:
    """``effective_scope`` pays for the scope. All else is of its account; or, in answers to who
    has just set something up, of the scope's own. To who does not manage the billing of that
    account it is null."""

    billing_account: ShownAccount | None
    effective_scope: EffectiveScope
    inherits_billing_from_org: bool
    stripe_customer: ShownCustomer | None
    latest_invoice: ShownInvoice | None
    payment_methods: tuple[ShownMethod, ...]
    subscription_items: tuple[ShownItem, ...]
    subscription_details: ShownSubscription | None

    @classmethod
    def of(cls, view: BillingView) -> "Billing":
        account = view.account
        latest, subscription = view.latest_invoice, view.subscription
        return cls(
            billing_account=None if account is None else ShownAccount.of(account),
            effective_scope=EffectiveScope.of(view.payer),
            inherits_billing_from_org=view.inherits,
            stripe_customer=None if view.customer is None else ShownCustomer.of(view.customer),
            latest_invoice=None if latest is None else ShownInvoice.of(latest),
            payment_methods=tuple(map(ShownMethod.of, view.methods)),
            subscription_items=items_of(subscription),
            subscription_details=None
            if subscription is None
            else ShownSubscription.of(subscription),
        )


def items_of(subscription: Subscription | None) -> tuple[ShownItem, ...]:
    if subscription is None or subscription.state.is_over:
        return ()
    return tuple(
        ShownItem(price_id=price_id, quantity=quantity)
        for price_id, quantity in subscription.items
    )


@frozen(kw_only=True)
class ShownStatus:
    """Whether what is in the scope is paid for: for all who may read it."""

    has_payment_method: bool
    subscription_status: SubscriptionState | None
    cancel_at_period_end: bool
    effective_scope: EffectiveScope

    @classmethod
    def of(cls, status: BillingStatus) -> "ShownStatus":
        subscription = status.subscription
        return cls(
            has_payment_method=status.has_payment_method,
            subscription_status=None if subscription is None else subscription.state,
            cancel_at_period_end=subscription is not None and subscription.cancel_at_period_end,
            effective_scope=EffectiveScope.of(status.payer),
        )


@frozen(kw_only=True)
class OwnSubscription(ShownSubscription):
    """Of the scope itself; ``effective_scope`` is who pays for what is in it."""

    effective_scope: EffectiveScope

    @classmethod
    def beside(cls, payer: Payer, subscription: Subscription) -> "OwnSubscription":
        shown = asdict(ShownSubscription.of(subscription), recurse=False)
        return cls(effective_scope=EffectiveScope.of(payer), **shown)


@frozen(kw_only=True)
class ShownSetup:
    """For adding a payment method of the scope itself in the browser, once; ``effective_scope``
    is who pays for what is in it."""

    client_secret: str
    effective_scope: EffectiveScope


@frozen(kw_only=True)
class ShownPortal:
    """``url`` opens the billing portal of the scope itself for whoever has it, for a short
    while; ``effective_scope`` is who pays for what is in it."""

    url: str
    effective_scope: EffectiveScope


@frozen(kw_only=True)
class ShownEstimate:
    """``amount_now`` and ``amount_then`` are paid each ``interval``, in minor units of
    ``currency``. Null stands for what is not known before there is a customer."""

    effective_scope: EffectiveScope
    currency: str | None
    interval: str | None
    amount_now: int
    amount_then: int
    next_invoice: NextInvoice | None

    @classmethod
    def of(cls, estimate: Estimate) -> "ShownEstimate":
        money = estimate.then or estimate.now
        preview = estimate.next_invoice
        return cls(
            effective_scope=EffectiveScope.of(estimate.payer),
            currency=None if money is None else money.currency,
            interval=estimate.interval,
            amount_now=_amount(estimate.now),
            amount_then=_amount(estimate.then),
            next_invoice=None if preview is None else NextInvoice.of(preview, estimate.billed_at),
        )


def _amount(money: Money | None) -> int:
    return 0 if money is None else money.amount
