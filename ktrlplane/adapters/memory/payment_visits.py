"""Who was let in to a provider's own pages, by a secret that they were given."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, frozen

from ktrlplane.adapters.memory.payment_keys import Once
from ktrlplane.domain.ids import CustomerId

VISIT_FOR: Final = timedelta(hours=1)


@frozen(kw_only=True)
class Visit:
    """``return_url`` is None for who may add payment methods and do nothing else. ``said`` is
    what came of the last thing that they did."""

    customer_id: CustomerId
    return_url: str | None
    until: datetime
    said: str = ""


class MemoryVisits(Once):
    def __init__(self) -> None:
        super().__init__()
        self._visits: Mapping[str, Visit] = {}

    @abstractmethod
    def _now(self) -> datetime: ...

    def visit(self, secret: str) -> Visit | None:
        """None once it is over."""
        with self._lock:
            found = self._visits.get(secret)
            return found if found is not None and self._now() < found.until else None

    def say(self, secret: str, said: str) -> None:
        with self._lock:
            self._visits = {**self._visits, secret: evolve(self._visits[secret], said=said)}

    def prolong_visits(self, by: timedelta) -> None:
        with self._lock:
            self._visits = {
                secret: evolve(one, until=one.until + by) for secret, one in self._visits.items()
            }

    def _let_in(self, kind: str, customer_id: CustomerId, return_url: str | None) -> str:
        now, secret = self._now(), self._new_secret(kind)
        going_on = {known: one for known, one in self._visits.items() if now < one.until}
        new = Visit(customer_id=customer_id, return_url=return_url, until=now + VISIT_FOR)
        self._visits = {**going_on, secret: new}
        return secret
