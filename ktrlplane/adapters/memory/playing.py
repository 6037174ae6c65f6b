"""What happens at a payment provider without anybody asking it through its API: people play it
with the simulator. Each says what has happened."""

from collections.abc import Callable, Mapping
from typing import Final

from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.domain.errors import PaymentRequired
from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.invoices import InvoiceState

Play = Callable[[MemoryPayments, CustomerId], str]


def _add_card(there: MemoryPayments, customer_id: CustomerId) -> str:
    there.add_method(customer_id)
    return "It has one more card, which pays."


def _add_declined_card(there: MemoryPayments, customer_id: CustomerId) -> str:
    there.add_method(customer_id, declined=True)
    return "It has one more card, which is declined whenever it is to pay."


def _remove_card(there: MemoryPayments, customer_id: CustomerId) -> str:
    methods = there.payment_methods(customer_id)
    if not methods:
        return "It has no card."
    there.remove_method(customer_id, methods[0].payment_method_id)
    return "Its first card is gone."


def _decline(there: MemoryPayments, customer_id: CustomerId) -> str:
    customer = there.customer(customer_id)
    if customer is None or customer.default_method is None:
        return "It has no default card."
    there.decline(customer_id)
    return "Its default card is declined from the next invoice on."


def _use_last_card(there: MemoryPayments, customer_id: CustomerId) -> str:
    others = [one for one in there.payment_methods(customer_id) if not one.is_default]
    if not others:
        return "It has no other card."
    last = others[-1].payment_method_id
    there.use(customer_id, last)
    return "The card that it got last is its default now."


def _end_period(there: MemoryPayments, customer_id: CustomerId) -> str:
    ended = there.end_period(customer_id)
    if ended is None:
        return "It has no subscription."
    return f"For this customer it is {ended:%Y-%m-%d %H:%M} UTC: a period has ended."


def _fail_payment(there: MemoryPayments, customer_id: CustomerId) -> str:
    return f"{_decline(there, customer_id)} {_end_period(there, customer_id)}"


def _pay(there: MemoryPayments, customer_id: CustomerId) -> str:
    paid = 0
    for invoice in there.invoices(customer_id, limit=100):
        if invoice.state is InvoiceState.OPEN:
            try:
                there.pay(invoice.invoice_id, key=f"played/{invoice.invoice_id}/{paid}")
            except PaymentRequired as declined:
                return declined.detail
            paid += 1
    return f"{paid} invoices are paid."


def _end(there: MemoryPayments, customer_id: CustomerId) -> str:
    subscriptions = there.subscriptions(customer_id)
    for one in subscriptions:
        there.end(one.subscription_id)
    return f"{len(subscriptions)} subscriptions have ended."


def _lose(there: MemoryPayments, customer_id: CustomerId) -> str:
    there.lose(customer_id)
    return "The customer is gone, with all that it had."


PLAYS: Final[Mapping[str, Play]] = {
    "add-card": _add_card,
    "add-declined-card": _add_declined_card,
    "remove-card": _remove_card,
    "use-last-card": _use_last_card,
    "decline": _decline,
    "end-period": _end_period,
    "fail-payment": _fail_payment,
    "pay": _pay,
    "end-subscription": _end,
    "lose-customer": _lose,
}
