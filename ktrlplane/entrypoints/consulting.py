"""Asking the payment provider for what units of work need to know."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final

from attrs import define, field

from ktrlplane.domain.billing import Price
from ktrlplane.ports.payment_questions import PricesOf, Question
from ktrlplane.ports.payments import Payments

PRICES_KEPT_S: Final = 300.0
"""For so long a price is quoted as it was, after it has been replaced. Who buys meanwhile pays
what was quoted."""


@define
class ConsultPayments:
    """Prices are kept for a while: every creation asks for one, and they hardly change."""

    _payments: Callable[[], Payments]
    _monotonic: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Price]] = field(factory=dict)
    _lock: Lock = field(factory=Lock)

    def __call__(self, question: Question[Any]) -> Any:
        """Raises: what ``Payments`` does."""
        if isinstance(question, PricesOf):
            return self._prices(question)
        return question.ask(self._payments())

    def _prices(self, question: PricesOf) -> Mapping[str, Price]:
        now = self._monotonic()
        with self._lock:
            known = {
                key: price
                for key, (until, price) in self._kept.items()
                if key in question.lookup_keys and until > now
            }
        missing = tuple(key for key in question.lookup_keys if key not in known)
        if not missing:
            return known
        found = self._payments().prices(missing)
        with self._lock:
            self._kept |= {key: (now + PRICES_KEPT_S, price) for key, price in found.items()}
        return {**known, **found}
