"""Nouns out of the provider's answers."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ktrlplane.domain.billing import (
    Customer,
    Interval,
    Money,
    PaymentMethod,
    Price,
    Subscription,
    SubscriptionItems,
    SubscriptionState,
)
from ktrlplane.domain.ids import (
    CustomerId,
    Identity,
    InvoiceId,
    PaymentMethodId,
    PriceId,
    ProductId,
    SubscriptionId,
)
from ktrlplane.domain.invoices import Invoice, InvoiceLine, InvoiceState, Preview

REVISION: Final = "ktrlplane_revision"
"""In a subscription's metadata: of the plan that it follows."""

Answer = Mapping[str, Any]


def customer(answer: Answer) -> Customer:
    settings = answer.get("invoice_settings") or {}
    default = settings.get("default_payment_method")
    return Customer(
        customer_id=CustomerId(answer["id"]),
        name=answer.get("name") or "",
        email=answer.get("email") or "",
        default_method=PaymentMethodId(default) if default else None,
        credit=_credit(answer),
    )


def _credit(answer: Answer) -> Money | None:
    """A negative balance is one."""
    balance, currency = answer.get("balance") or 0, answer.get("currency")
    return Money(-balance, currency) if balance < 0 and currency else None


def payment_method(answer: Answer, default: PaymentMethodId | None) -> PaymentMethod:
    kind = answer["type"]
    more = answer.get(kind) or {}
    method_id = PaymentMethodId(answer["id"])
    return PaymentMethod(
        payment_method_id=method_id,
        kind=kind,
        label=more.get("brand") or more.get("bank_name") or kind,
        last4=more.get("last4"),
        exp_month=more.get("exp_month"),
        exp_year=more.get("exp_year"),
        is_default=method_id == default,
        added_at=_time(answer.get("created") or 0),
    )


def subscription(answer: Answer, items: Iterable[Answer]) -> Subscription:
    """``items`` are all there are: the answer itself has the first ones only."""
    rows = list(items)
    quantities: dict[PriceId, int] = {}
    for row in rows:
        price, quantity = PriceId(row["price"]["id"]), row.get("quantity") or 0
        quantities[price] = quantities.get(price, 0) + quantity
    return Subscription(
        subscription_id=SubscriptionId(answer["id"]),
        customer_id=CustomerId(answer["customer"]),
        state=SubscriptionState(answer["status"]),
        items=SubscriptionItems({price: count for price, count in quantities.items() if count}),
        revision=_revision(answer.get("metadata") or {}),
        current_period_start=_time(max(row["current_period_start"] for row in rows)),
        current_period_end=_time(min(row["current_period_end"] for row in rows)),
        cancel_at_period_end=answer["cancel_at_period_end"],
    )


def _revision(metadata: Answer) -> int:
    """What somebody else wrote there follows no plan."""
    text = str(metadata.get(REVISION, ""))
    return int(text) if text.isascii() and text.isdecimal() else 0


def invoice(answer: Answer, lines: Iterable[Answer]) -> Invoice:
    currency = answer["currency"]
    of = ((answer.get("parent") or {}).get("subscription_details") or {}).get("subscription")
    return Invoice(
        invoice_id=InvoiceId(answer["id"]),
        number=answer.get("number"),
        customer_id=CustomerId(answer["customer"]),
        subscription_id=SubscriptionId(of) if of else None,
        state=InvoiceState(answer.get("status") or InvoiceState.DRAFT),
        total=Money(answer["total"], currency),
        due=Money(answer["amount_due"], currency),
        paid=Money(answer["amount_paid"], currency),
        created_at=_time(answer["created"]),
        lines=tuple(map(_line, lines)),
        url=answer.get("hosted_invoice_url"),
        pdf_url=answer.get("invoice_pdf"),
    )


def preview(answer: Answer, lines: Iterable[Answer]) -> Preview:
    currency = answer["currency"]
    return Preview(
        total=Money(answer["total"], currency),
        due=Money(answer["amount_due"], currency),
        lines=tuple(map(_line, lines)),
    )


def _line(answer: Answer) -> InvoiceLine:
    parent = answer.get("parent") or {}
    kinds = ("subscription_item_details", "invoice_item_details")
    price = ((answer.get("pricing") or {}).get("price_details") or {}).get("price")
    return InvoiceLine(
        description=answer.get("description") or "",
        total=Money(answer["amount"], answer["currency"]),
        price_id=PriceId(price) if price else None,
        quantity=answer.get("quantity") or 0,
        is_proration=any((parent.get(kind) or {}).get("proration") for kind in kinds),
    )


def price(answer: Answer) -> Price | None:
    """None for one that is not so much for each of it, each month or year, or that has an id
    which nobody here would give it."""
    recurring = answer.get("recurring") or {}
    interval, amount = recurring.get("interval"), answer.get("unit_amount")
    plain = recurring.get("usage_type") == "licensed" and recurring.get("interval_count") == 1
    named = Identity.takes(answer["id"]) and Identity.takes(answer["product"])
    if not plain or not named or interval not in set(Interval) or amount is None:
        return None
    return Price(
        price_id=PriceId(answer["id"]),
        product_id=ProductId(answer["product"]),
        lookup_key=answer.get("lookup_key"),
        each=Money(amount, answer["currency"]),
        interval=Interval(interval),
        active=answer["active"],
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
