"""Asking the payment provider for what units of work need to know."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final

from attrs import define, field

from ktrlplane.domain.billing import Price
from ktrlplane.domain.ids import PriceId
from ktrlplane.ports.payment_questions import (
    KnownPrices,
    PaymentStatus,
    PricesOf,
    Question,
    StatusOf,
)
from ktrlplane.ports.payments import Payments

PRICES_KEPT_S: Final = 300.0
"""For so long a price is quoted as it was, after it has been replaced. Who buys meanwhile pays
what was quoted."""
STATUS_KEPT_S: Final = 5.0
"""Every page of an application may ask, and the provider bounds how often it is asked."""
STATUSES_KEPT: Final = 10_000
PRICES_KNOWN: Final = 10_000


@define
class ConsultPayments:
    """Prices are kept for a while, since every creation asks for one and they hardly change;
    and who looks whether something is paid for is told what was so a moment ago."""

    _payments: Callable[[], Payments]
    _monotonic: Callable[[], float] = time.monotonic
    _prices: dict[str, tuple[float, Price]] = field(factory=dict)
    _statuses: dict[StatusOf, tuple[float, PaymentStatus]] = field(factory=dict)
    _known: dict[PriceId, Price] = field(factory=dict)
    _lock: Lock = field(factory=Lock)

    def __call__(self, question: Question[Any]) -> Any:
        """Raises: what ``Payments`` does."""
        if isinstance(question, PricesOf):
            return self._priced(question)
        if isinstance(question, KnownPrices):
            return self._known_prices(question)
        if isinstance(question, StatusOf):
            return self._status(question)
        return question.ask(self._payments())

    def _priced(self, question: PricesOf) -> Mapping[str, Price]:
        now = self._monotonic()
        with self._lock:
            known = {
                key: price
                for key, (until, price) in self._prices.items()
                if key in question.lookup_keys and until > now
            }
        missing = tuple(key for key in question.lookup_keys if key not in known)
        if not missing:
            return known
        found = self._payments().prices(missing)
        with self._lock:
            self._prices |= {key: (now + PRICES_KEPT_S, price) for key, price in found.items()}
        return {**known, **found}

    def _known_prices(self, question: KnownPrices) -> Mapping[PriceId, Price]:
        """A price never changes."""
        with self._lock:
            known = {one: self._known[one] for one in question.price_ids if one in self._known}
        missing = [one for one in question.price_ids if one not in known]
        if not missing:
            return known
        found = self._payments().known_prices(missing)
        with self._lock:
            if len(self._known) >= PRICES_KNOWN:
                self._known.clear()
            self._known |= found
        return {**known, **found}

    def _status(self, question: StatusOf) -> PaymentStatus:
        now = self._monotonic()
        with self._lock:
            until, status = self._statuses.get(question, (now, None))
        if status is not None and until > now:
            return status
        found = question.ask(self._payments())
        with self._lock:
            if len(self._statuses) >= STATUSES_KEPT:
                self._statuses.clear()
            self._statuses[question] = now + STATUS_KEPT_S, found
        return found
