from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from ktrlplane.adapters.memory.payment_visits import Visit
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.memory.playing import PLAYS
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import CustomerId
from ktrlplane.ports.payment_pages import PaymentPage, PaymentPages

T = TypeVar("T")

_OF_A_SETUP: Final = ("add-card", "add-declined-card")
_INVOICES: Final = 50


class Played(Protocol):
    """A provider in memory, or one that keeps its state elsewhere."""

    def play(self, act: Callable[[MemoryPayments], T]) -> T: ...


class PlayedPages(PaymentPages):
    def __init__(self, there: Played, at: str) -> None:
        self._there = there
        self._at = at

    @property
    def at(self) -> str:
        return self._at

    def page(self, secret: str) -> PaymentPage:
        return self._there.play(lambda there: _page(there, _visit(there, secret)))

    def act(self, secret: str, what: str) -> CustomerId:
        def done(there: MemoryPayments) -> CustomerId:
            visit = _visit(there, secret)
            if what not in _acts(visit):
                raise NotFound("This cannot be done here.")
            there.say(secret, PLAYS[what](there, visit.customer_id))
            return visit.customer_id

        return self._there.play(done)


def _visit(there: MemoryPayments, secret: str) -> Visit:
    visit = there.visit(secret)
    if visit is None:
        raise NotFound("This was never opened, or more than an hour ago: open it again.")
    return visit


def _acts(visit: Visit) -> Sequence[str]:
    return _OF_A_SETUP if visit.return_url is None else tuple(sorted(PLAYS))


def _page(there: MemoryPayments, visit: Visit) -> PaymentPage:
    customer_id = visit.customer_id
    customer, is_setup = there.customer(customer_id), visit.return_url is None
    return PaymentPage(
        customer=customer,
        methods=there.payment_methods(customer_id),
        subscriptions=() if is_setup else there.subscriptions(customer_id),
        invoices=() if is_setup else there.invoices(customer_id, limit=_INVOICES),
        acts=() if customer is None else _acts(visit),
        said=visit.said,
        return_url=visit.return_url,
    )
