"""What units of work need of the payment provider, put as questions.

An answer takes as long as the provider does, and nobody holds a tenant for that long. So a
service does not ask: it calls ``learn``, which interrupts the unit of work where the answer is
not known yet. Who began it asks, outside of any, and begins it again with the answer, so that
all is authorized and decided anew with it.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from attrs import frozen

from ktrlplane.domain.billing import (
    Customer,
    PaymentMethod,
    Price,
    Setup,
    Subscription,
    SubscriptionItems,
)
from ktrlplane.domain.ids import CustomerId, InvoiceId, PriceId, SubscriptionId
from ktrlplane.domain.invoices import Invoice, Preview
from ktrlplane.ports.payments import BillingChanged, Payments

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class Question(Protocol[Answer_co]):
    """A value: two that are the same are one question."""

    does_something: ClassVar[bool] = False
    """Whether asking has an effect at the provider: a rehearsal ends before it."""

    @abstractmethod
    def ask(self, payments: Payments) -> Answer_co:
        """Raises: what ``Payments`` does."""


Known = Mapping[Question[Any], Any]


class Unasked(Exception):
    def __init__(self, question: Question[Any]) -> None:
        super().__init__(str(question))
        self.question = question


def learn(known: Known, question: Question[Answer]) -> Answer:
    """Raises: Unasked."""
    try:
        answer: Answer = known[question]
    except KeyError:
        raise Unasked(question) from None
    return answer


@frozen
class PricesOf(Question[Mapping[str, Price]]):
    """By lookup key, those that there are."""

    lookup_keys: tuple[str, ...]

    def ask(self, payments: Payments) -> Mapping[str, Price]:
        return payments.prices(self.lookup_keys)


@frozen
class KnownPrices(Question[Mapping[PriceId, Price]]):
    """Those that there are, what cannot be bought any more included."""

    price_ids: tuple[PriceId, ...]

    def ask(self, payments: Payments) -> Mapping[PriceId, Price]:
        return payments.known_prices(self.price_ids)


@frozen
class CustomerOf(Question[Customer | None]):
    customer_id: CustomerId

    def ask(self, payments: Payments) -> Customer | None:
        return payments.customer(self.customer_id)


@frozen
class MethodsOf(Question[Sequence[PaymentMethod]]):
    customer_id: CustomerId

    def ask(self, payments: Payments) -> Sequence[PaymentMethod]:
        return payments.payment_methods(self.customer_id)


@frozen
class SubscriptionOf(Question[Subscription | None]):
    subscription_id: SubscriptionId

    def ask(self, payments: Payments) -> Subscription | None:
        return payments.subscription(self.subscription_id)


@frozen
class PaymentStatus:
    has_method: bool
    subscription: Subscription | None


@frozen
class StatusOf(Question[PaymentStatus]):
    """For whoever looks often: it may be as of some seconds ago."""

    customer_id: CustomerId
    subscription_id: SubscriptionId | None

    def ask(self, payments: Payments) -> PaymentStatus:
        wanted = self.subscription_id
        return PaymentStatus(
            has_method=bool(payments.payment_methods(self.customer_id)),
            subscription=None if wanted is None else payments.subscription(wanted),
        )


@frozen
class InvoicesOf(Question[Sequence[Invoice]]):
    customer_id: CustomerId
    limit: int

    def ask(self, payments: Payments) -> Sequence[Invoice]:
        return payments.invoices(self.customer_id, limit=self.limit)


@frozen
class OlderInvoicesOf(Question[Sequence[Invoice] | None]):
    """Than ``after``; None where that is none of this customer's."""

    customer_id: CustomerId
    limit: int
    after: InvoiceId

    def ask(self, payments: Payments) -> Sequence[Invoice] | None:
        try:
            return payments.invoices(self.customer_id, limit=self.limit, after=self.after)
        except BillingChanged:
            return None


@frozen
class PreviewOf(Question[Preview | None]):
    """The next invoice, were ``items`` what is paid for; None where nobody is there to get it,
    or nothing will be billed."""

    customer_id: CustomerId
    items: SubscriptionItems
    subscription_id: SubscriptionId | None

    def ask(self, payments: Payments) -> Preview | None:
        living = self.subscription_id
        try:
            return payments.preview(self.customer_id, self.items, subscription_id=living)
        except BillingChanged:
            return None


@frozen
class SettingUp(Question[Setup]):
    customer_id: CustomerId
    key: str
    does_something = True

    def ask(self, payments: Payments) -> Setup:
        return payments.set_up(self.customer_id, key=self.key)


@frozen
class OpeningPortal(Question[str]):
    customer_id: CustomerId
    return_url: str
    key: str
    does_something = True

    def ask(self, payments: Payments) -> str:
        return payments.portal(self.customer_id, return_url=self.return_url, key=self.key)


@frozen
class Cancelling(Question[Subscription]):
    """At the end of the period."""

    subscription_id: SubscriptionId
    key: str
    does_something = True

    def ask(self, payments: Payments) -> Subscription:
        return payments.cancel_at_period_end(self.subscription_id, key=self.key)


@frozen
class Resuming(Question[Subscription]):
    subscription_id: SubscriptionId
    key: str
    does_something = True

    def ask(self, payments: Payments) -> Subscription:
        return payments.resume(self.subscription_id, key=self.key)
