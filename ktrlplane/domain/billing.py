"""Billing facts in words of this platform: what a customer has, pays and owes."""

import enum
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Self

from attrs import evolve, field, frozen
from attrs.validators import ge

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import (
    CustomerId,
    PaymentMethodId,
    PriceId,
    ProductId,
    SubscriptionId,
)


@frozen(order=True)
class Money:
    """``amount`` in minor units of ``currency`` (ISO 4217, lower case); negative is a credit."""

    amount: int
    currency: str

    def __add__(self, other: Self) -> Self:
        """Raises: ValueError, for two currencies."""
        if self.currency != other.currency:
            raise ValueError("Amounts of two currencies have no sum.")
        return evolve(self, amount=self.amount + other.amount)

    def __mul__(self, count: int) -> Self:
        return evolve(self, amount=self.amount * count)


class Interval(enum.StrEnum):
    MONTH = "month"
    YEAR = "year"


@frozen(kw_only=True)
class Product:
    """What prices are of, as it stands on invoices."""

    product_id: ProductId
    name: str
    active: bool = True


@frozen(kw_only=True)
class Offer:
    """A price to be made: so much for one of it, each interval."""

    product_id: ProductId
    lookup_key: str
    each: Money
    interval: Interval


@frozen(kw_only=True)
class Price:
    """``lookup_key`` is None once another price has taken it over. A price never changes."""

    price_id: PriceId
    product_id: ProductId
    lookup_key: str | None
    each: Money
    interval: Interval
    active: bool = True


@frozen(kw_only=True)
class Meter:
    """What usage is counted by; ``event_name`` is the word that reports of usage carry."""

    event_name: str
    display_name: str


def _counted(quantities: Mapping[PriceId, int]) -> Mapping[PriceId, int]:
    return MappingProxyType(dict(sorted(quantities.items())))


@frozen
class SubscriptionItems:
    """How many are paid for at each price: at least one, or the price is not in it."""

    quantities: Mapping[PriceId, int] = field(factory=dict, converter=_counted, hash=False)

    @quantities.validator
    def _are_positive(self, _: object, value: Mapping[PriceId, int]) -> None:
        if any(quantity < 1 for quantity in value.values()):
            raise ValueError("A price in a subscription is there at least once.")

    def __iter__(self) -> Iterator[tuple[PriceId, int]]:
        """In the order of the prices' ids."""
        return iter(self.quantities.items())

    def __bool__(self) -> bool:
        return bool(self.quantities)

    def of(self, price_id: PriceId) -> int:
        return self.quantities.get(price_id, 0)

    def and_at_least(self, other: Self) -> Self:
        """At each price as many as there are here, or in ``other`` if that is more."""
        more = {price_id: max(count, self.of(price_id)) for price_id, count in other}
        return type(self)({**self.quantities, **more})


MAX_PRICES: Final = 20
"""That the provider lets one subscription contain."""


def _is_not_empty(_: object, __: object, value: SubscriptionItems) -> None:
    if not value:
        raise ValueError("A subscription to nothing is one that is cancelled.")


@frozen(kw_only=True)
class Plan:
    """All that a subscription is to contain. Of two plans for the same account the later has
    the greater ``revision``, which begins at 1; no two differ and share it. A subscription that
    there is contains it as of ``as_of``, where that is in its present period; None is now."""

    items: SubscriptionItems = field(validator=_is_not_empty)
    revision: int = field(validator=ge(1))
    as_of: datetime | None = None


class SubscriptionState(enum.StrEnum):
    INCOMPLETE = "incomplete"
    """The first payment did not go through, and may yet."""
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"

    @property
    def is_over(self) -> bool:
        return self in _OVER

    @property
    def is_paid(self) -> bool:
        return self in _PAID


_OVER: Final = (SubscriptionState.INCOMPLETE_EXPIRED, SubscriptionState.CANCELED)
_PAID: Final = (SubscriptionState.TRIALING, SubscriptionState.ACTIVE)


@frozen(kw_only=True)
class Subscription:
    """``revision`` is that of the plan it was last made to follow, 0 where that was none. The
    period is the one that is being paid for; a trial is a first one that costs nothing."""

    subscription_id: SubscriptionId
    customer_id: CustomerId
    state: SubscriptionState
    items: SubscriptionItems
    revision: int
    current_period_start: datetime
    current_period_end: datetime
    cancel_at_period_end: bool = False

    def follows(self, plan: Plan) -> bool:
        return (self.items, self.revision) == (plan.items, plan.revision)

    def change_at(self, plan: Plan, now: datetime) -> datetime:
        """From when on ``plan`` is paid for, if it changes to that ``now``."""
        wanted = now if plan.as_of is None else min(plan.as_of, now)
        return max(wanted, self.current_period_start)

    def trial_end(self, days: int) -> datetime | None:
        """When its trial is to end that may last ``days``; None where it has none."""
        if self.state is not SubscriptionState.TRIALING:
            return None
        return min(self.current_period_start + timedelta(days=days), self.current_period_end)

    def takes(self, plan: Plan) -> bool:
        """Whether ``plan`` is newer than what it follows, and the provider lets it change."""
        fixed = self.state.is_over or self.state is SubscriptionState.INCOMPLETE
        return not fixed and plan.revision > self.revision


@frozen(kw_only=True)
class Profile:
    """Whom a customer stands for. ``scope`` is an organization or a project."""

    scope: Scope
    name: str
    email: str = field(repr=False)


@frozen(kw_only=True)
class Customer:
    """``credit`` is what the next invoices in its currency are reduced by; None for none."""

    customer_id: CustomerId
    name: str
    email: str = field(repr=False)
    default_method: PaymentMethodId | None
    credit: Money | None = None


@frozen(kw_only=True)
class PaymentMethod:
    """``label`` is what its owner knows it by: a card's network, a bank's name."""

    payment_method_id: PaymentMethodId
    kind: str
    label: str
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    is_default: bool
    added_at: datetime

    def is_usable(self, at: datetime) -> bool:
        """A card is good until the end of the month that it names."""
        if self.exp_year is None or self.exp_month is None:
            return True
        return (self.exp_year, self.exp_month) >= (at.year, at.month)


@frozen(kw_only=True)
class Setup:
    """A payment method about to be added, in the customer's browser, by ``client_secret``."""

    client_secret: str = field(repr=False)


def prorated(amount: int, left_s: int, period_s: int) -> int:
    """The part of ``amount`` (not negative) for the seconds left, to the nearest minor unit,
    halves up. Raises: ValueError, where there is more left than there is."""
    if not 0 <= left_s <= period_s or not period_s or amount < 0:
        raise ValueError("What is prorated is a part of a period, of what it costs.")
    return (2 * amount * left_s + period_s) // (2 * period_s)
