"""Paying what is open once more, for who has asked for it (product.md R5.4)."""

from contextlib import suppress

from ktrlplane.domain.billing import PaymentMethod, Subscription
from ktrlplane.domain.errors import PaymentRequired
from ktrlplane.domain.ids import CustomerId, SubscriptionId
from ktrlplane.domain.invoices import INVOICES, Invoice
from ktrlplane.ports.payments import PAID_BY, Payments


def has_no_debts(
    payments: Payments,
    customer_id: CustomerId,
    *,
    living: SubscriptionId | None,
    revision: int,
    tries: bool,
) -> bool:
    """Whether nothing is open of subscriptions that are over; with ``tries`` once it was tried
    again."""
    for invoice in payments.invoices(customer_id, limit=INVOICES):
        is_owed = invoice.is_owed and invoice.subscription_id != living
        if is_owed and not (tries and _paid(payments, invoice, revision)):
            return False
    return True


def paid_again(payments: Payments, own: Subscription, revision: int) -> Subscription:
    for invoice in payments.invoices(own.customer_id, limit=INVOICES):
        is_own = invoice.subscription_id == own.subscription_id
        if invoice.is_owed and is_own and not _paid(payments, invoice, revision):
            break
    return payments.subscription(own.subscription_id) or own


def _paid(payments: Payments, invoice: Invoice, revision: int) -> bool:
    """By the default payment method; else by what was added last, if that was since then, which
    becomes the default: whoever adds one wants to pay by it."""
    key = f"{invoice.invoice_id}/pay/{revision}"
    with suppress(PaymentRequired):
        payments.pay(invoice.invoice_id, key=key)
        return True
    methods = payments.payment_methods(invoice.customer_id)
    former = next((one for one in methods if one.is_default), None)
    newest = max(methods, key=lambda one: one.added_at, default=None)
    if newest is None or newest.is_default or newest.added_at < invoice.created_at:
        return False
    _make_default(payments, invoice, newest, key)
    with suppress(PaymentRequired):
        payments.pay(invoice.invoice_id, key=f"{key}/{newest.payment_method_id}")
        return True
    if former is not None:
        _make_default(payments, invoice, former, key)
    return False


def _make_default(payments: Payments, invoice: Invoice, method: PaymentMethod, key: str) -> None:
    method_id = method.payment_method_id
    payments.make_default(invoice.customer_id, method_id, key=f"{key}/{PAID_BY}/{method_id}")
