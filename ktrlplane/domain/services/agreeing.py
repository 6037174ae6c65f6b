"""Making the payment provider agree with what an account is to pay for (product.md R5.3).

Everything is read first, done only where it differs, and can be done again: who dies in between
leaves nothing that the next one does not find. Runs outside of units of work.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.billing import (
    Customer,
    Plan,
    Profile,
    Subscription,
    SubscriptionItems,
    SubscriptionState,
)
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault
from ktrlplane.domain.errors import PaymentRequired
from ktrlplane.domain.ids import CustomerId, SubscriptionId
from ktrlplane.domain.invoices import INVOICES, InvoiceState
from ktrlplane.domain.services.debts import has_no_debts, paid_again
from ktrlplane.ports.payments import BillingChanged, Payments, SubscribedElsewhere

TRIES_WITH_A_KEY: Final = 5


@frozen(kw_only=True)
class Wanted:
    """What is to be at the provider, as of ``at``. ``profile`` is set where a customer may be
    made. A subscription begins with a trial where it ``may_try``. So many things are
    ``unpriced``: they came, and nobody knows yet what they cost."""

    account: BillingAccount
    items: SubscriptionItems
    at: datetime
    profile: Profile | None = None
    may_try: bool = False
    unpriced: int = 0

    @property
    def plan(self) -> Plan:
        account = self.account
        return Plan(items=self.items, revision=account.revision, as_of=account.touched_at)


@frozen(kw_only=True)
class Found:
    """What the provider has by now. ``cancelled`` are those of the account's ``ending`` that
    are over. ``fault`` says why what is wanted is not paid for, None where it is."""

    customer_id: CustomerId | None
    subscription: Subscription | None = None
    cancelled: Sequence[SubscriptionId] = ()
    fault: BillingFault | None = None
    was_never_paid: bool = False
    """A payment failed, and there was none before it that did not."""
    has_subscribed: bool = False
    """There is a subscription, or was one until now."""
    is_outgrown: bool = False
    """It is to contain something else by now, and cannot change before it is paid: it is to end.
    That is written down first, so that it is not taken for somebody's wish."""


def agree(payments: Payments, wanted: Wanted) -> Found:
    """Raises: UpstreamError, OutcomeUnknown, BillingChanged, SubscribedElsewhere: it is tried
    again, from the beginning."""
    account = wanted.account
    customer = _customer(payments, wanted)
    if customer is None:
        why = _why_nobody_pays(account) if wanted.items else None
        return Found(customer_id=None, cancelled=account.ending, fault=why)
    customer = _with_default(payments, customer, account.revision)
    own, owes = _without_ending(payments, wanted, customer.customer_id)
    wanted = _with_what_goes_on(wanted, own)
    is_paid = _is_paid(payments, wanted, customer, own, owes=owes)
    subscription, fault = _agreed(payments, wanted, customer, own, is_paid=is_paid)
    never = subscription is not None and _was_never_paid(payments, subscription)
    return Found(
        customer_id=customer.customer_id,
        subscription=subscription,
        cancelled=account.ending,
        fault=fault,
        was_never_paid=never,
        has_subscribed=own is not None or subscription is not None,
        is_outgrown=subscription is not None and _is_outgrown(subscription, wanted),
    )


def _why_nobody_pays(account: BillingAccount) -> BillingFault:
    if account.has_ended:
        return BillingFault.SUBSCRIPTION_ENDED
    is_gone = account.customer_id is not None or account.fault is BillingFault.CUSTOMER_GONE
    return BillingFault.CUSTOMER_GONE if is_gone else BillingFault.PAYMENT_METHOD_MISSING


def _with_what_goes_on(wanted: Wanted, own: Subscription | None) -> Wanted:
    """Whatever is paid for may be what has no price here yet, and is not taken away."""
    if own is None or not wanted.unpriced:
        return wanted
    return evolve(wanted, items=wanted.items.and_at_least(own.items))


def _was_never_paid(payments: Payments, one: Subscription) -> bool:
    """Neither its first payment nor, after a trial, any other one. What credit has paid is."""
    if one.state is SubscriptionState.INCOMPLETE or one.state.is_paid:
        return one.state is SubscriptionState.INCOMPLETE
    paid = (
        invoice.state is InvoiceState.PAID and invoice.total.amount > 0
        for invoice in payments.invoices(one.customer_id, limit=INVOICES)
        if invoice.subscription_id == one.subscription_id
    )
    return not any(paid)


def _is_outgrown(one: Subscription, wanted: Wanted) -> bool:
    """Who has cancelled it wants no other."""
    is_fixed = one.state is SubscriptionState.INCOMPLETE and not one.cancel_at_period_end
    return is_fixed and one.items != wanted.items


def _customer(payments: Payments, wanted: Wanted) -> Customer | None:
    account = wanted.account
    if account.customer_id is not None:
        return payments.customer(account.customer_id)
    if wanted.profile is None:
        return None
    # A provider that broke says so again for a day under the same key; whether it made one is
    # not known then, and one that nobody uses costs nobody anything.
    keys = account.attempts // TRIES_WITH_A_KEY
    key = f"{account.billing_account_id}/customer/{account.customers}/{keys}"
    return payments.open_customer(wanted.profile, key=key)


def _with_default(payments: Payments, customer: Customer, revision: int) -> Customer:
    """Whoever adds a payment method wants to pay by it."""
    if customer.default_method is not None:
        return customer
    methods = payments.payment_methods(customer.customer_id)
    if not methods:
        return customer
    method_id = methods[0].payment_method_id
    key = f"{customer.customer_id}/default/{method_id}/{revision}"
    payments.make_default(customer.customer_id, method_id, key=key)
    return payments.customer(customer.customer_id) or customer


def _without_ending(
    payments: Payments, wanted: Wanted, customer_id: CustomerId
) -> tuple[Subscription | None, bool]:
    """Cancels what is to be cancelled; whether something was open of that. What is left is the
    account's own: the one that it knows of, or one whose making was not answered."""
    account, own, owes = wanted.account, None, False
    for one in payments.subscriptions(customer_id):
        if one.subscription_id in account.ending:
            owes = owes or not (one.state.is_paid or one.state is SubscriptionState.INCOMPLETE)
            _cancel(payments, one, account.revision)
        elif one.subscription_id == account.subscription_id or (own is None and one.revision):
            own = one
    return own, owes


def _is_paid(
    payments: Payments, wanted: Wanted, customer: Customer, own: Subscription | None, *, owes: bool
) -> bool:
    """Whether nothing is owed of what is over. Nobody asks where there is no reason to."""
    account = wanted.account
    if not (account.pay_again or owes or account.fault is BillingFault.PAYMENT_FAILED):
        return True
    return has_no_debts(
        payments,
        customer.customer_id,
        living=None if own is None else own.subscription_id,
        revision=account.revision,
        tries=account.pay_again,
    )


def _cancel(payments: Payments, subscription: Subscription, revision: int) -> None:
    """Once it is cancelled it stays so, whoever does it again."""
    identity = subscription.subscription_id
    payments.cancel_now(identity, key=f"{identity}/cancel/{revision}")


def _agreed(
    payments: Payments,
    wanted: Wanted,
    customer: Customer,
    own: Subscription | None,
    *,
    is_paid: bool,
) -> tuple[Subscription | None, BillingFault | None]:
    if not wanted.items:
        if own is not None:
            _cancel(payments, own, wanted.account.revision)
        return None, None if is_paid else BillingFault.PAYMENT_FAILED
    if own is None and wanted.account.subscription_id is not None:
        return None, BillingFault.SUBSCRIPTION_ENDED
    if own is None and not is_paid:
        return None, BillingFault.PAYMENT_FAILED
    if own is not None and own.items != wanted.items:
        if own.state is SubscriptionState.INCOMPLETE:
            return own, BillingFault.PAYMENT_FAILED
        own = payments.amend(own.subscription_id, wanted.plan)
    if own is None:
        begun = _begun(payments, wanted, customer)
        if isinstance(begun, BillingFault):
            return None, begun
        own = begun
    elif not own.state.is_paid and wanted.account.pay_again:
        own = paid_again(payments, own, wanted.account.revision)
    return _judged(_no_longer_tried(payments, own, wanted))


def _judged(own: Subscription) -> tuple[Subscription | None, BillingFault | None]:
    if own.state.is_over:
        return None, BillingFault.SUBSCRIPTION_ENDED
    return own, None if own.state.is_paid else BillingFault.PAYMENT_FAILED


def _begun(payments: Payments, wanted: Wanted, customer: Customer) -> Subscription | BillingFault:
    if customer.default_method is None:
        return BillingFault.PAYMENT_METHOD_MISSING
    days = (wanted.account.trial_days or 0) if wanted.may_try else 0
    try:
        return payments.subscribe(customer.customer_id, wanted.plan, trial_days=days)
    except PaymentRequired:
        return BillingFault.PAYMENT_FAILED
    except BillingChanged:
        _require_none_of_others(payments, customer)
        raise


def _require_none_of_others(payments: Payments, customer: Customer) -> None:
    """Raises: SubscribedElsewhere."""
    for one in payments.subscriptions(customer.customer_id):
        if not one.revision:
            raise SubscribedElsewhere(
                f"The customer has the subscription {one.subscription_id}, which this platform "
                "has not made. Cancel it at the payment provider."
            )


def _no_longer_tried(payments: Payments, own: Subscription, wanted: Wanted) -> Subscription:
    """What has a shorter trial, or none, is not had for nothing since something else has one.
    Who cancelled is not billed for that: it ends."""
    days = wanted.account.trial_days
    end = None if days is None else own.trial_end(days)
    if end is None or end > wanted.at:
        return own
    keys = wanted.account.attempts // TRIES_WITH_A_KEY
    key = f"{own.subscription_id}/trial/{keys}"
    if own.cancel_at_period_end:
        return payments.cancel_now(own.subscription_id, key=f"{key}/end")
    return payments.end_trial(own.subscription_id, key=key)
