"""Payments: the provider that knows who pays how, and what they were billed."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from ktrlplane.domain.billing import (
    Customer,
    Meter,
    Offer,
    PaymentMethod,
    Plan,
    Price,
    Product,
    Profile,
    Setup,
    Subscription,
    SubscriptionItems,
)
from ktrlplane.domain.errors import Conflict, UpstreamError
from ktrlplane.domain.ids import (
    CustomerId,
    InvoiceId,
    MerchantId,
    PaymentMethodId,
    PriceId,
    SubscriptionId,
)
from ktrlplane.domain.invoices import Invoice, Preview

GONE: Final = (
    "The payment provider does not have this customer any more. POST .../billing/customer has "
    "another one made; then add a payment method."
)
PAID_BY: Final = "paid-by"
"""In the keys under which the platform itself makes a payment method the default one, to pay by
it: whoever reads what the provider tells of that knows it by this as nobody's wish."""


class NotAccepted(UpstreamError):
    """It is refused as it is: nothing was done, and to ask again changes nothing."""


class BillingChanged(Conflict):
    """It is not as the caller saw it: gone, over, there already or made to follow a newer
    plan. Nothing was done; read it again and decide again."""

    title = "Billing changed at the same time"


class AnotherMerchant(UpstreamError):
    """What the platform knows of is not to be had here: it is at another merchant's. Nothing was
    done, nor asked."""


class SubscribedElsewhere(BillingChanged):
    """The customer has a subscription that is none of this platform's, and can have no other
    while that lives. To ask again changes nothing."""


class Customers(Protocol):
    @abstractmethod
    def merchant(self) -> MerchantId | None:
        """Whose customers they are: the same for as long as this adapter is. None where the
        provider does not say so."""

    @abstractmethod
    def customer(self, customer_id: CustomerId) -> Customer | None:
        """None where there is none, or none any more."""

    @abstractmethod
    def open_customer(self, profile: Profile, *, key: str) -> Customer:
        """The same ``key`` gives the same customer."""

    @abstractmethod
    def payment_methods(self, customer_id: CustomerId) -> Sequence[PaymentMethod]:
        """All of them, the default first; none for a customer who is gone."""

    @abstractmethod
    def set_up(self, customer_id: CustomerId, *, key: str) -> Setup: ...

    @abstractmethod
    def make_default(
        self, customer_id: CustomerId, payment_method_id: PaymentMethodId, *, key: str
    ) -> None:
        """Invoices are paid by it from now on."""

    @abstractmethod
    def portal(self, customer_id: CustomerId, *, return_url: str, key: str) -> str:
        """A URL, good for a short while, by which whoever has it acts for the customer. Each
        use needs a ``key`` of its own."""


class Subscriptions(Protocol):
    """Two callers that write at once do not undo one another: of ``subscribe`` one makes the
    subscription and the other is refused; of ``amend`` the newer plan stays."""

    @abstractmethod
    def subscription(self, subscription_id: SubscriptionId) -> Subscription | None:
        """One that is over is there still. None where there never was one."""

    @abstractmethod
    def subscriptions(self, customer_id: CustomerId) -> Sequence[Subscription]:
        """Those that are not over, oldest first."""

    @abstractmethod
    def subscribe(
        self, customer_id: CustomerId, plan: Plan, *, trial_days: int = 0
    ) -> Subscription:
        """The first period is paid at once; where that fails the subscription is INCOMPLETE.
        A customer has one at a time. Raises: PaymentRequired, for one without a default
        payment method; BillingChanged, where there is one that does not follow ``plan``."""

    @abstractmethod
    def amend(self, subscription_id: SubscriptionId, plan: Plan) -> Subscription:
        """Make it contain exactly what ``plan`` says; what follows it already stays. Changes
        are prorated, to be paid with the next period. Raises: BillingChanged, where it
        follows a plan as new or newer, is over, or waits for its first payment."""

    @abstractmethod
    def end_trial(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        """Now: the first period that costs something begins, and is billed. One that has no
        trial, or none any more, stays as it is. Raises: BillingChanged, where it is over."""

    @abstractmethod
    def cancel_at_period_end(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        """Raises: BillingChanged, where it is over."""

    @abstractmethod
    def resume(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        """Undoes ``cancel_at_period_end``. Raises: BillingChanged, where it is over."""

    @abstractmethod
    def cancel_now(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        """What was paid and not used becomes credit. One that is over stays as it is. Raises:
        BillingChanged, where there never was one."""


class Invoices(Protocol):
    @abstractmethod
    def invoices(
        self, customer_id: CustomerId, *, limit: int, after: InvoiceId | None = None
    ) -> Sequence[Invoice]:
        """Newest first, at most ``limit``, of those older than ``after``. Raises:
        BillingChanged, where the customer has no such one."""

    @abstractmethod
    def preview(
        self,
        customer_id: CustomerId,
        items: SubscriptionItems,
        *,
        subscription_id: SubscriptionId | None,
    ) -> Preview:
        """The next invoice, were ``items`` what the subscription contained from now on; its last
        one, were it to end now, for none. Raises: BillingChanged, where either is gone or over,
        or nothing will be billed."""

    @abstractmethod
    def pay(self, invoice_id: InvoiceId, *, key: str) -> Invoice:
        """Try once more, by the default payment method. Raises: PaymentRequired, where it is
        declined; BillingChanged, where nothing is open on it."""


class Offers(Protocol):
    @abstractmethod
    def prices(self, lookup_keys: Iterable[str]) -> Mapping[str, Price]:
        """By lookup key, those that there are and that can be bought."""

    @abstractmethod
    def known_prices(self, price_ids: Iterable[PriceId]) -> Mapping[PriceId, Price]:
        """Those that there are, what cannot be bought any more included."""

    @abstractmethod
    def offered(self) -> Sequence[Price]:
        """All that can be bought and have a lookup key, by that."""

    @abstractmethod
    def offer(self, offer: Offer, *, key: str) -> Price:
        """A new price, which takes the lookup key over. Who pays another one goes on so."""

    @abstractmethod
    def products(self) -> Sequence[Product]:
        """All, those that are not active included, by id."""

    @abstractmethod
    def put_product(self, product: Product, *, key: str) -> None:
        """Made, or made to be like this."""

    @abstractmethod
    def meters(self) -> Sequence[Meter]:
        """Those that count, by event name."""

    @abstractmethod
    def put_meter(self, meter: Meter, *, key: str) -> None:
        """Made, or given this name."""


class Payments(Customers, Subscriptions, Invoices, Offers, Protocol):
    """To be called outside of units of work: an answer takes as long as the provider does.

    ``key`` says what is being done, the same for each try of it and for nothing else: what is
    tried again, after a timeout or a crash, happens once within a day.

    Raises, whatever is asked: UpstreamError, where the provider fails and nothing was done;
    OutcomeUnknown, of a write, where it may have been; BillingChanged, of a write, where what
    it is about is gone or ``key`` was used for something else.
    """
