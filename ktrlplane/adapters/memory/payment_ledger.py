"""What a payment provider does by itself: it bills, collects, renews and ends."""

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve, field

from ktrlplane.domain.billing import (
    Customer,
    Interval,
    Money,
    PaymentMethod,
    Price,
    Product,
    Subscription,
    SubscriptionItems,
    SubscriptionState,
    prorated,
)
from ktrlplane.domain.ids import InvoiceId, PaymentMethodId, PriceId, ProductId
from ktrlplane.domain.invoices import Invoice, InvoiceLine, InvoiceState, Preview
from ktrlplane.domain.subscriptions import changes

FIRST_PAYMENT_WITHIN: Final = timedelta(hours=23)
_MONTHS: Final[Mapping[Interval, int]] = {Interval.MONTH: 1, Interval.YEAR: 12}


@define
class Account:
    """A customer, and which of its payment methods are declined. ``credits`` are in minor
    units, by currency."""

    customer: Customer
    credits: dict[str, int] = field(factory=dict)
    methods: list[PaymentMethod] = field(factory=list)
    declined: set[PaymentMethodId] = field(factory=set)
    is_gone: bool = False

    @property
    def pays(self) -> bool:
        default = self.customer.default_method
        return default is not None and default not in self.declined


@define
class Contract:
    """A subscription, what is billed with its next period, and since when it is."""

    subscription: Subscription
    anchor: datetime
    interval: Interval
    periods: int = 0
    pending: tuple[InvoiceLine, ...] = ()

    def end_of(self, periods: int) -> datetime:
        return _months_after(self.anchor, periods * _MONTHS[self.interval])


class Ledger:
    """Not safe for threads."""

    def __init__(
        self,
        prices: Mapping[PriceId, Price],
        products: Mapping[ProductId, Product],
        mark: str,
    ) -> None:
        self._prices = prices
        self._products = products
        self._mark = mark
        self._last = 0
        self.invoices: dict[InvoiceId, Invoice] = {}

    def begin(self, contract: Contract, account: Account, trial_days: int) -> None:
        """Bills the first period; ``contract`` has none yet."""
        start = contract.anchor
        if trial_days:
            contract.anchor = start + timedelta(days=trial_days)
            self._enter(contract, start, contract.anchor, SubscriptionState.TRIALING)
            self.bill(account, contract, self._period(contract.subscription.items, times=0), start)
            return
        contract.periods = 1
        self._enter(contract, start, contract.end_of(1), SubscriptionState.ACTIVE)
        bill = self.bill(account, contract, self._period(contract.subscription.items), start)
        if bill.state is InvoiceState.OPEN:
            self._become(contract, SubscriptionState.INCOMPLETE)

    def amend(self, contract: Contract, items: SubscriptionItems, at: datetime) -> None:
        contract.pending += tuple(self._prorations(contract, items, at))
        contract.subscription = evolve(contract.subscription, items=items)

    def end_trial(self, contract: Contract, account: Account, at: datetime) -> None:
        contract.anchor = at
        self._renew(contract, account, at)

    def next_invoice(
        self, contract: Contract, account: Account, items: SubscriptionItems, at: datetime
    ) -> Preview | None:
        """None for one that ends with its period, and nothing is left to be billed."""
        changed = (*contract.pending, *self._prorations(contract, items, at))
        if contract.subscription.cancel_at_period_end:
            return self.quote(account, changed) if changed else None
        return self.quote(account, (*changed, *self._period(items)))

    def last_invoice(self, contract: Contract, account: Account, at: datetime) -> Preview | None:
        """Were it to end at once; None where nothing would be billed."""
        lines = self._left(contract, at)
        return self.quote(account, lines) if lines else None

    def first_invoice(self, account: Account, items: SubscriptionItems) -> Preview:
        return self.quote(account, tuple(self._period(items)))

    def quote(self, account: Account, lines: tuple[InvoiceLine, ...]) -> Preview:
        total = _sum(lines)
        due = max(0, total.amount - account.credits.get(total.currency, 0))
        return Preview(total=total, due=Money(due, total.currency), lines=lines)

    def end(self, contract: Contract, account: Account, at: datetime) -> None:
        """At once, with credit for what was paid and is not used."""
        lines = self._left(contract, at)
        if lines:
            self.bill(account, contract, lines, at)
        if contract.subscription.state is SubscriptionState.INCOMPLETE:
            self._void(contract)
        self._become(contract, SubscriptionState.CANCELED)

    def _left(self, contract: Contract, at: datetime) -> tuple[InvoiceLine, ...]:
        """To be billed where it ends at once. What was not paid is no credit."""
        if not contract.subscription.state.is_paid:
            return ()
        return (*contract.pending, *self._prorations(contract, SubscriptionItems(), at))

    def pass_time(self, contract: Contract, account: Account, now: datetime) -> None:
        """All that fell due until ``now``, one period after the other."""
        one = contract.subscription
        if one.state is SubscriptionState.INCOMPLETE:
            if now >= one.current_period_start + FIRST_PAYMENT_WITHIN:
                self._void(contract)
                self._become(contract, SubscriptionState.INCOMPLETE_EXPIRED)
            return
        while not contract.subscription.state.is_over:
            due = contract.subscription.current_period_end
            if now < due:
                return
            self._renew(contract, account, due)

    def pay(self, invoice: Invoice, contract: Contract) -> Invoice:
        paid = evolve(invoice, state=InvoiceState.PAID, paid=invoice.due)
        self.invoices[invoice.invoice_id] = paid
        late = (SubscriptionState.INCOMPLETE, SubscriptionState.PAST_DUE)
        if contract.subscription.state in late and not list(self._open(contract)):
            self._become(contract, SubscriptionState.ACTIVE)
        return paid

    def bill(
        self, account: Account, contract: Contract, lines: Iterable[InvoiceLine], at: datetime
    ) -> Invoice:
        quote = self.quote(account, tuple(lines))
        total, due = quote.total, quote.due
        left = max(0, account.credits.pop(total.currency, 0) - total.amount)
        if left:
            account.credits[total.currency] = left
        shown = next(reversed(account.credits.items()), None)
        credit = None if shown is None else Money(shown[1], shown[0])
        account.customer = evolve(account.customer, credit=credit)
        paid = not due.amount or account.pays
        self._last += 1
        number = self._last
        invoice = Invoice(
            invoice_id=InvoiceId(f"{self._mark}in_{number}"),
            number=f"{number:04}",
            customer_id=account.customer.customer_id,
            subscription_id=contract.subscription.subscription_id,
            state=InvoiceState.PAID if paid else InvoiceState.OPEN,
            total=total,
            due=due,
            paid=due if paid else Money(0, due.currency),
            created_at=at,
            lines=quote.lines,
            url=f"https://payments.example/invoices/{number}",
            pdf_url=f"https://payments.example/invoices/{number}.pdf",
        )
        self.invoices[invoice.invoice_id] = invoice
        contract.pending = ()
        return invoice

    def _renew(self, contract: Contract, account: Account, at: datetime) -> None:
        one = contract.subscription
        if one.cancel_at_period_end:
            if contract.pending:
                self.bill(account, contract, contract.pending, at)
            self._become(contract, SubscriptionState.CANCELED)
            return
        contract.periods += 1
        state = one.state
        if state is SubscriptionState.TRIALING:
            state = SubscriptionState.ACTIVE
        self._enter(contract, at, contract.end_of(contract.periods), state)
        bill = self.bill(account, contract, (*contract.pending, *self._period(one.items)), at)
        if bill.state is InvoiceState.OPEN:
            self._become(contract, SubscriptionState.PAST_DUE)

    def _prorations(
        self, contract: Contract, items: SubscriptionItems, at: datetime
    ) -> Iterator[InvoiceLine]:
        one = contract.subscription
        if one.state is SubscriptionState.TRIALING:
            return
        period_s = int((one.current_period_end - one.current_period_start).total_seconds())
        left_s = int((one.current_period_end - at).total_seconds())
        part: Callable[[int], int] = lambda amount: prorated(amount, left_s, period_s)  # noqa: E731
        for change in changes(one.items, items):
            price = self._prices[change.price_id]
            for quantity, sign in ((change.before, -1), (change.after, 1)):
                if quantity:
                    amount = sign * part(price.each.amount * quantity)
                    yield self._line(price, quantity, amount, is_proration=True)

    def _period(self, items: SubscriptionItems, *, times: int = 1) -> Iterator[InvoiceLine]:
        for price_id, quantity in items:
            price = self._prices[price_id]
            yield self._line(
                price, quantity, price.each.amount * quantity * times, is_proration=False
            )

    def _line(
        self, price: Price, quantity: int, amount: int, *, is_proration: bool
    ) -> InvoiceLine:
        product = self._products.get(price.product_id)
        name = str(price.product_id) if product is None else product.name
        part = ", for a part of the period" if is_proration else ""
        return InvoiceLine(
            description=f"{quantity} x {name}{part}",
            total=Money(amount, price.each.currency),
            price_id=price.price_id,
            quantity=quantity,
            is_proration=is_proration,
        )

    def _open(self, contract: Contract) -> Iterator[Invoice]:
        for invoice in self.invoices.values():
            theirs = invoice.subscription_id == contract.subscription.subscription_id
            if theirs and invoice.state is InvoiceState.OPEN:
                yield invoice

    def _void(self, contract: Contract) -> None:
        for invoice in list(self._open(contract)):
            self.invoices[invoice.invoice_id] = evolve(invoice, state=InvoiceState.VOID)

    def _enter(
        self, contract: Contract, start: datetime, end: datetime, state: SubscriptionState
    ) -> None:
        contract.subscription = evolve(
            contract.subscription, current_period_start=start, current_period_end=end, state=state
        )

    def _become(self, contract: Contract, state: SubscriptionState) -> None:
        contract.subscription = evolve(contract.subscription, state=state)


def _sum(lines: tuple[InvoiceLine, ...]) -> Money:
    first, *more = (line.total for line in lines)
    return sum(more, first)


def _months_after(anchor: datetime, months: int) -> datetime:
    """The same day, or the month's last."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return anchor.replace(
        year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1])
    )
