"""Billing accounts: what pays for a scope, as far as this platform keeps it (product.md R5).

Ids at the payment provider and what is still to be done there; never what somebody owes or has
paid, which the provider alone knows (R5.1).
"""

import enum
from datetime import datetime, timedelta
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval
from ktrlplane.domain.ids import BillingAccountId, CustomerId, PrincipalId, SubscriptionId


@frozen
class Terms:
    """What prices are chosen by; None is what the catalog says first."""

    currency: str | None = None
    interval: Interval | None = None


class BillingFault(enum.StrEnum):
    """Why an account is not as it is to be."""

    PROVIDER_UNAVAILABLE = "provider_unavailable"
    """The provider fails, and is asked again."""
    PAYMENT_METHOD_MISSING = "payment_method_missing"
    PAYMENT_FAILED = "payment_failed"
    SUBSCRIPTION_ENDED = "subscription_ended"
    """By its customer or by the provider, and not since nothing was left to be paid."""
    CUSTOMER_GONE = "customer_gone"
    """The provider has no such customer any more."""
    PRICE_MISSING = "price_missing"
    """The provider refuses what is to be paid for: a price that it does not have, or cannot sell
    together with the others."""
    SUBSCRIPTION_UNKNOWN = "subscription_unknown"
    """The customer has a subscription that nobody here has made, and may have no other."""


class PaidChange(enum.Enum):
    """Of what an account is to pay for."""

    OTHER = "other"
    """More of it, or something else: from now on, whatever was to change before."""
    LESS = "less"
    """Nobody pays for what they have given up, however long it takes until that is heard."""


@frozen(kw_only=True)
class BillingAccount:
    """``revision`` grows with each change of what it is to pay for, and with each try to make
    the provider agree: of two plans made of it the later has the greater one.

    ``opened_by`` is who wants a customer to be made, until there is one; ``customers`` counts
    those that were, and ``has_subscribed`` tells that there was a subscription, of its own or
    for what is in its project: a trial is had once. ``trial_days`` is the shortest trial of what
    was bought, as it was then; None where there is nothing to try, or whoever granted a trial
    was not this platform.
    ``ending`` are subscriptions of its own that are to be cancelled. ``grace_until`` is set
    while a payment is failing; once ``has_lapsed``, what it pays for is suspended.
    ``touched_at`` is from when on it is to pay for what changed last, None once it does so;
    ``pay_again`` asks for what is open to be paid once more. ``due_at`` is when somebody looks
    at it next, and ``leased_until`` set while somebody does.
    """

    billing_account_id: BillingAccountId
    scope: Scope
    customer_id: CustomerId | None = None
    subscription_id: SubscriptionId | None = None
    opened_by: PrincipalId | None = None
    customers: int = 0
    has_subscribed: bool = False
    trial_days: int | None = None
    terms: Terms = field(factory=Terms)
    revision: int = 0
    ending: tuple[SubscriptionId, ...] = ()
    fault: BillingFault | None = None
    grace_until: datetime | None = None
    has_lapsed: bool = False
    pay_again: bool = False
    touched_at: datetime | None = None
    due_at: datetime | None = None
    leased_until: datetime | None = None
    attempts: int = 0
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, scope: Scope, now: datetime) -> Self:
        account_id = BillingAccountId(f"bill_{scope.scope_type}_{scope.scope_id}")
        return cls(billing_account_id=account_id, scope=scope, created_at=now, updated_at=now)

    def touched(self, now: datetime, paid: PaidChange | None = None) -> Self:
        """Somebody is to look at it now. ``paid`` is how what it pays for changes by that."""
        due_at = now if self.due_at is None else min(self.due_at, now)
        touched_at = now if paid is PaidChange.OTHER else self.touched_at
        if paid is PaidChange.LESS and touched_at is None:
            touched_at = now
        return evolve(
            self,
            revision=self.revision + 1,
            due_at=due_at,
            touched_at=touched_at,
            updated_at=now,
        )

    def claimed(self, until: datetime) -> Self:
        return evolve(self, revision=self.revision + 1, leased_until=until, due_at=until)

    def ended(self) -> Self:
        """Its subscription is to be cancelled, and what is paid for later begins another."""
        if self.subscription_id is None:
            return self
        ending = tuple(dict.fromkeys((*self.ending, self.subscription_id)))
        return evolve(self, subscription_id=None, ending=ending, trial_days=None)

    def is_in_the_making(self, now: datetime) -> bool:
        """Whether a subscription may be being made, or is about to be, of which nothing is known
        here yet."""
        is_looked_at = self.leased_until is not None and self.leased_until > now
        is_tried = self.touched_at is not None or self.attempts > 0
        is_wanted = is_tried and not self.has_lapsed
        return is_looked_at or is_wanted or self.pay_again

    @property
    def has_ended(self) -> bool:
        """Whether its subscription is known to be over, and nobody has asked for another one: it
        is kept until then, though its customer be lost."""
        return self.fault is BillingFault.SUBSCRIPTION_ENDED and self.subscription_id is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing of its is left at the provider that costs anybody anything."""
        return self.subscription_id is None and not self.ending


SWEEP_EVERY: Final = timedelta(hours=6)
"""How often the provider is compared with what it should have, where nothing happens."""

_LONGEST_WAIT: Final = timedelta(minutes=30)


def pause_after(attempts: int) -> timedelta:
    """Until the provider is asked again that has failed so many times in a row."""
    return min(timedelta(seconds=2 ** min(attempts, 12)), _LONGEST_WAIT)
