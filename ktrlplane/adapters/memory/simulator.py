"""A payment provider that bills nobody, for a platform that has no other: the one in memory,
with what it knows in a place that all processes share."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from attrs import define, evolve, field

from ktrlplane.adapters.memory.payment_state import read, written
from ktrlplane.adapters.memory.payments import MemoryPayments
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
from ktrlplane.domain.ids import (
    CustomerId,
    InvoiceId,
    MerchantId,
    PaymentMethodId,
    PriceId,
    SubscriptionId,
)
from ktrlplane.domain.invoices import Invoice, Preview
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.payments import Payments
from ktrlplane.ports.shared_state import SharedState

T = TypeVar("T")

VERSION: Final = 3
"""Of what is kept. What another version has kept is not read: it is a simulation."""

_log = logging.getLogger(__name__)


@define
class _Shifted(Clock):
    """``ahead`` is how far a person has moved time on."""

    _clock: Clock
    ahead: timedelta = field(factory=timedelta)

    def now(self) -> datetime:
        return self._clock.now() + self.ahead


@define
class _There:
    """``state`` is how it was saved, None while nobody knows whether it is what is there."""

    clock: _Shifted
    payments: MemoryPayments
    state: bytes | None = None

    def written(self) -> bytes:
        return written((VERSION, self.clock.ahead, self.payments.known()))


class PaymentSimulator(Payments):
    def __init__(
        self,
        clock: Clock,
        state: SharedState,
        products: Sequence[Product],
        offers: Sequence[Offer],
    ) -> None:
        """It sells ``offers`` without anybody having to tell it first."""
        self._clock = clock
        self._state = state
        self._products = products
        self._offers = offers
        self._pages: str | None = None
        self._at_hand: _There | None = None

    def lead_to(self, pages: str) -> None:
        """Somebody shows its pages there: its portals do not lead straight back any more."""
        self._pages = pages
        self._at_hand = None

    def merchant(self) -> MerchantId:
        return MerchantId("simulated")

    def play(self, act: Callable[[MemoryPayments], T]) -> T:
        """What a person does at the provider's own pages, or a bank by itself."""
        return self._with(act)

    def pass_time(self, by: timedelta) -> None:
        """It is later there by so much, for everybody and from now on."""

        def passed(there: _There) -> None:
            there.clock.ahead += by
            there.payments.prolong_visits(by)

        self._held(passed)

    def _with(self, act: Callable[[MemoryPayments], T]) -> T:
        return self._held(lambda there: act(there.payments))

    def _seen(self, look: Callable[[MemoryPayments], T]) -> T:
        """``look`` changes nothing. What falls due by itself meanwhile is kept all the same, so
        that it was never otherwise for anybody else."""
        return self._held(lambda there: look(there.payments), looks=True)

    def _held(self, act: Callable[[_There], T], *, looks: bool = False) -> T:
        with self._state.held() as (kept, save):
            there = self._taken(kept)
            answer = act(there)
            if there.state is None or not looks or there.payments.fell_due:
                there.state = there.written()
                if there.state != kept:
                    save(there.state)
        # Whoever holds the state by now has another of these, and takes none but what is kept.
        self._at_hand = there
        return answer

    def _taken(self, kept: bytes | None) -> _There:
        """What this process has at hand, if nobody has saved anything since."""
        there, self._at_hand = self._at_hand, None
        if there is None or there.state != kept:
            return self._opened(kept)
        there.payments.fell_due = False
        return there

    def _opened(self, kept: bytes | None) -> _There:
        clock = _Shifted(self._clock)
        # Where what was known is forgotten, no id means another customer than it did before.
        payments = MemoryPayments(clock, mark=f"sim_{secrets.token_hex(4)}_")
        if self._pages is not None:
            payments.lead_to(self._pages)
        if kept is not None:
            version, ahead, known = read(kept)
            if version == VERSION:
                clock.ahead = ahead
                payments.restore(known)
            else:
                _log.warning("simulated_payments_forgotten", extra={"version": version})
        for product in self._products:
            payments.put_product(product, key=f"product/{product}")
        known_prices = payments.prices([offer.lookup_key for offer in self._offers])
        for offer in self._offers:
            price = known_prices.get(offer.lookup_key)
            if price is None or (price.each, price.interval) != (offer.each, offer.interval):
                replaced = None if price is None else price.price_id
                payments.offer(offer, key=f"offer/{offer}/{replaced}")
        return _There(clock, payments)

    # -- customers -----------------------------------------------------------------------------

    def customer(self, customer_id: CustomerId) -> Customer | None:
        return self._seen(lambda there: there.customer(customer_id))

    def open_customer(self, profile: Profile, *, key: str) -> Customer:
        return self._with(lambda there: there.open_customer(profile, key=key))

    def payment_methods(self, customer_id: CustomerId) -> Sequence[PaymentMethod]:
        return self._seen(lambda there: there.payment_methods(customer_id))

    def set_up(self, customer_id: CustomerId, *, key: str) -> Setup:
        return self._with(lambda there: there.set_up(customer_id, key=key))

    def make_default(
        self, customer_id: CustomerId, payment_method_id: PaymentMethodId, *, key: str
    ) -> None:
        self._with(lambda there: there.make_default(customer_id, payment_method_id, key=key))

    def portal(self, customer_id: CustomerId, *, return_url: str, key: str) -> str:
        """Where nobody shows its pages, what people would do there is played, and they are sent
        back."""
        url = self._with(lambda there: there.portal(customer_id, return_url=return_url, key=key))
        return return_url if self._pages is None else url

    # -- subscriptions -------------------------------------------------------------------------

    def subscription(self, subscription_id: SubscriptionId) -> Subscription | None:
        return self._seen(lambda there: there.subscription(subscription_id))

    def subscriptions(self, customer_id: CustomerId) -> Sequence[Subscription]:
        return self._seen(lambda there: there.subscriptions(customer_id))

    def subscribe(
        self, customer_id: CustomerId, plan: Plan, *, trial_days: int = 0
    ) -> Subscription:
        return self._with(lambda there: there.subscribe(customer_id, plan, trial_days=trial_days))

    def amend(self, subscription_id: SubscriptionId, plan: Plan) -> Subscription:
        """The platform's clock does not know how far a person has moved time on here."""

        def amended(there: _There) -> Subscription:
            as_of = None if plan.as_of is None else plan.as_of + there.clock.ahead
            return there.payments.amend(subscription_id, evolve(plan, as_of=as_of))

        return self._held(amended)

    def end_trial(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._with(lambda there: there.end_trial(subscription_id, key=key))

    def cancel_at_period_end(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._with(lambda there: there.cancel_at_period_end(subscription_id, key=key))

    def resume(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._with(lambda there: there.resume(subscription_id, key=key))

    def cancel_now(self, subscription_id: SubscriptionId, *, key: str) -> Subscription:
        return self._with(lambda there: there.cancel_now(subscription_id, key=key))

    # -- invoices ------------------------------------------------------------------------------

    def invoices(
        self, customer_id: CustomerId, *, limit: int, after: InvoiceId | None = None
    ) -> Sequence[Invoice]:
        return self._seen(lambda there: there.invoices(customer_id, limit=limit, after=after))

    def preview(
        self,
        customer_id: CustomerId,
        items: SubscriptionItems,
        *,
        subscription_id: SubscriptionId | None,
    ) -> Preview:
        return self._seen(
            lambda there: there.preview(customer_id, items, subscription_id=subscription_id)
        )

    def pay(self, invoice_id: InvoiceId, *, key: str) -> Invoice:
        return self._with(lambda there: there.pay(invoice_id, key=key))

    # -- offers --------------------------------------------------------------------------------

    def prices(self, lookup_keys: Iterable[str]) -> Mapping[str, Price]:
        wanted = list(lookup_keys)
        return self._seen(lambda there: there.prices(wanted))

    def known_prices(self, price_ids: Iterable[PriceId]) -> Mapping[PriceId, Price]:
        wanted = list(price_ids)
        return self._seen(lambda there: there.known_prices(wanted))

    def offered(self) -> Sequence[Price]:
        return self._seen(lambda there: there.offered())

    def offer(self, offer: Offer, *, key: str) -> Price:
        return self._with(lambda there: there.offer(offer, key=key))

    def products(self) -> Sequence[Product]:
        return self._seen(lambda there: there.products())

    def put_product(self, product: Product, *, key: str) -> None:
        self._with(lambda there: there.put_product(product, key=key))

    def meters(self) -> Sequence[Meter]:
        return self._seen(lambda there: there.meters())

    def put_meter(self, meter: Meter, *, key: str) -> None:
        self._with(lambda there: there.put_meter(meter, key=key))
