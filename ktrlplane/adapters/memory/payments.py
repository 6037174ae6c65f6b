"""A payment provider in this process: but for its secrets, what it does depends on the clock
alone."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Self, TypeVar

from attrs import evolve

from ktrlplane.adapters.memory.payment_customers import MemoryCustomers, require_method
from ktrlplane.adapters.memory.payment_ledger import Account, Contract, Ledger
from ktrlplane.adapters.memory.payment_offers import REFUSED, MemoryOffers
from ktrlplane.domain.billing import (
    Plan,
    Price,
    Subscription,
    SubscriptionItems,
    SubscriptionState,
)
from ktrlplane.domain.errors import PaymentRequired
from ktrlplane.domain.ids import (
    CustomerId,
    InvoiceId,
    MerchantId,
    SubscriptionId,
)
from ktrlplane.domain.invoices import Invoice, InvoiceState, Preview
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.payments import BillingChanged, NotAccepted, Payments

T = TypeVar("T")

_NOT_KNOWN: Final = frozenset({"_clock", "_lock", "_pages", "fell_due"})


class MemoryPayments(MemoryCustomers, MemoryOffers, Payments):
    """``add_method`` and ``lose`` are what a customer does at the provider's own pages."""

    def __init__(self, clock: Clock, *, mark: str = "") -> None:
        """All ids that it makes begin with ``mark``."""
        super().__init__()
        self._mark = mark
        self._clock = clock
        self._ahead: dict[CustomerId, timedelta] = {}
        self._contracts: dict[SubscriptionId, Contract] = {}
        self._ledger = Ledger(self._prices, self._products, mark)
        self.fell_due = False
        """Whether something has happened by itself, since somebody set this."""

    def merchant(self) -> MerchantId:
        return MerchantId(f"{self._mark}simulated")

    def play(self, act: Callable[[Self], T]) -> T:
        """Something that nobody asks for through the API."""
        with self._lock:
            return act(self)

    def known(self) -> dict[str, object]:
        """All that has happened here, for ``restore``."""
        return {name: kept for name, kept in vars(self).items() if name not in _NOT_KNOWN}

    def restore(self, known: dict[str, object]) -> None:
        vars(self).update(known)

    def all_customers(self) -> Sequence[CustomerId]:
        """Those that are there, in the order in which they were made."""
        with self._lock:
            return [one for one, account in self._accounts.items() if not account.is_gone]

    def decline(self, customer_id: CustomerId) -> None:
        """The default payment method does not pay any more."""
        with self._lock:
            account = self._account(customer_id)
            if account.customer.default_method is not None:
                account.declined.add(account.customer.default_method)

    def end_period(self, customer_id: CustomerId) -> datetime | None:
        """From now on it is as late for this customer, and for no other, as its subscription's
        period ends, which is returned; None where it has none."""
        with self._lock:
            for one in self.subscriptions(customer_id):
                self._ahead[customer_id] = one.current_period_end - self._now()
                self._pass_time()
                return one.current_period_end
            return None

    def end(self, subscription_id: SubscriptionId) -> None:
        """By the provider itself."""
        with self._lock:
            contract = self._living(subscription_id)
            contract.subscription = evolve(contract.subscription, state=SubscriptionState.CANCELED)

    def lose(self, customer_id: CustomerId) -> None:
        """Deleted at the provider, and all its subscriptions end."""
        with self._lock:
            account = self._account(customer_id)
            account.is_gone = True
            for contract in self._of(customer_id):
                one = evolve(contract.subscription, state=SubscriptionState.CANCELED)
                contract.subscription = one

    def subscription(self, subscription_id: SubscriptionId) -> Subscription | None:
        with self._lock:
            self._pass_time()
            contract = self._contracts.get(subscription_id)
            return None if contract is None else contract.subscription

    def subscriptions(self, customer_id: CustomerId) -> Sequence[Subscription]:
        with self._lock:
            self._pass_time()
            theirs = (contract.subscription for contract in self._of(customer_id))
            return [one for one in theirs if not one.state.is_over]

    def subscribe(
        self, customer_id: CustomerId, plan: Plan, *, trial_days: int = 0
    ) -> Subscription:
        with self._lock:
            account = self._account(customer_id)
            require_method(account)
            for one in self.subscriptions(customer_id):
                if one.follows(plan):
                    return one
                raise BillingChanged("The customer has another subscription already.")
            return self._begun(account, plan, trial_days)

    def _begun(self, account: Account, plan: Plan, trial_days: int) -> Subscription:
        now = self._now_of(account.customer.customer_id).replace(microsecond=0)
        subscription = Subscription(
            subscription_id=SubscriptionId(self._new("sub")),
            customer_id=account.customer.customer_id,
            state=SubscriptionState.INCOMPLETE,
            items=plan.items,
            revision=plan.revision,
            current_period_start=now,
            current_period_end=now,
        )
        interval = self._require_one_kind(plan.items)[0].interval
        contract = Contract(subscription, now, interval)
        self._contracts[subscription.subscription_id] = contract
        self._ledger.begin(contract, account, trial_days)
        return contract.subscription

    def amend(self, subscription_id: SubscriptionId, plan: Plan) -> Subscription:
        with self._lock:
            contract = self._living(subscription_id)
            if contract.subscription.follows(plan):
                return contract.subscription
            if not contract.subscription.takes(plan):
                raise BillingChanged("The subscription follows a newer plan, or cannot change.")
            self._require_one_kind(plan.items)
            now = self._now_of(contract.subscription.customer_id)
            if plan.as_of is not None:
                ahead = self._ahead.get(contract.subscription.customer_id, timedelta())
                plan = evolve(plan, as_of=plan.as_of + ahead)
            at = contract.subscription.change_at(plan, now)
            self._ledger.amend(contract, plan.items, at.replace(microsecond=0))
            contract.subscription = evolve(contract.subscription, revision=plan.revision)
            return contract.subscription

    def end_trial(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        with self._lock:
            contract = self._living(subscription_id)
            if contract.subscription.state is SubscriptionState.TRIALING:
                customer_id = contract.subscription.customer_id
                now = self._now_of(customer_id).replace(microsecond=0)
                self._ledger.end_trial(contract, self._accounts[customer_id], now)
            return contract.subscription

    def cancel_at_period_end(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._end_with_period(subscription_id, ends=True, key=key)

    def resume(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._end_with_period(subscription_id, ends=False, key=key)

    def _end_with_period(
        self, subscription_id: SubscriptionId, *, ends: bool, key: str
    ) -> Subscription:
        def make() -> Subscription:
            contract = self._living(subscription_id)
            contract.subscription = evolve(contract.subscription, cancel_at_period_end=ends)
            return contract.subscription

        with self._lock:
            self._living(subscription_id)
            return self._once(key, ("end", subscription_id, ends), make)

    def cancel_now(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        with self._lock:
            self._pass_time()
            contract = self._contracts.get(subscription_id)
            if contract is None:
                raise BillingChanged("The payment provider has no such subscription.")
            if not contract.subscription.state.is_over:
                customer_id = contract.subscription.customer_id
                now = self._now_of(customer_id).replace(microsecond=0)
                self._ledger.end(contract, self._accounts[customer_id], now)
            return contract.subscription

    def invoices(
        self, customer_id: CustomerId, *, limit: int, after: InvoiceId | None = None
    ) -> Sequence[Invoice]:
        with self._lock:
            self._pass_time()
            every = reversed(self._ledger.invoices.values())
            theirs = [one for one in every if one.customer_id == customer_id]
            if after is not None:
                ids = [one.invoice_id for one in theirs]
                if after not in ids:
                    raise BillingChanged("The customer has no such invoice.")
                theirs = theirs[ids.index(after) + 1 :]
            return theirs[:limit]

    def preview(
        self,
        customer_id: CustomerId,
        items: SubscriptionItems,
        *,
        subscription_id: SubscriptionId | None,
    ) -> Preview:
        with self._lock:
            account = self._account(customer_id)
            if items:
                self._require_one_kind(items)
            if subscription_id is None:
                return self._ledger.first_invoice(account, items)
            contract = self._living(subscription_id)
            now = self._now_of(customer_id).replace(microsecond=0)
            if items:
                found = self._ledger.next_invoice(contract, account, items, now)
            else:
                found = self._ledger.last_invoice(contract, account, now)
            if found is None:
                raise BillingChanged("Nothing will be billed.")
            return found

    def pay(self, invoice_id: InvoiceId, *, key: str) -> Invoice:
        with self._lock:
            self._pass_time()
            invoice = self._ledger.invoices.get(invoice_id)
            if invoice is None or invoice.state is not InvoiceState.OPEN:
                raise BillingChanged("Nothing is open on this invoice.")
            account = self._account(invoice.customer_id)
            require_method(account)
            if not account.pays:
                raise PaymentRequired("The payment was declined; use another payment method.")
            assert invoice.subscription_id is not None
            return self._ledger.pay(invoice, self._contracts[invoice.subscription_id])

    def _of(self, customer_id: CustomerId) -> Iterable[Contract]:
        every = self._contracts.values()
        return (one for one in every if one.subscription.customer_id == customer_id)

    def _living(self, subscription_id: SubscriptionId) -> Contract:
        self._pass_time()
        contract = self._contracts.get(subscription_id)
        if contract is None or contract.subscription.state.is_over:
            raise BillingChanged("The subscription is over.")
        return contract

    def _pass_time(self) -> None:
        for contract in self._contracts.values():
            customer_id = contract.subscription.customer_id
            before, now = contract.subscription, self._now_of(customer_id)
            self._ledger.pass_time(contract, self._accounts[customer_id], now)
            self.fell_due |= contract.subscription is not before

    def _now(self) -> datetime:
        return self._clock.now()

    def _now_of(self, customer_id: CustomerId) -> datetime:
        return self._now() + self._ahead.get(customer_id, timedelta())

    def _require_one_kind(self, items: SubscriptionItems) -> Sequence[Price]:
        """One currency and one interval. Raises: UpstreamError, as the provider does."""
        prices = [self._prices[price] for price, _ in items if price in self._prices]
        kinds = {(price.each.currency, price.interval) for price in prices}
        if len(prices) != len(items.quantities) or len(kinds) != 1:
            raise NotAccepted(REFUSED)
        return prices
