"""A payment provider's own pages, where it is a simulation that this platform serves itself."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.billing import Customer, PaymentMethod, Subscription
from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.invoices import Invoice


@frozen(kw_only=True)
class PaymentPage:
    """``customer`` is None once it is gone. ``acts`` are the names of what can be done there,
    ``said`` what came of the last. ``return_url`` is None for who came from nowhere."""

    customer: Customer | None
    methods: Sequence[PaymentMethod]
    subscriptions: Sequence[Subscription]
    invoices: Sequence[Invoice]
    acts: Sequence[str]
    said: str
    return_url: str | None


class PaymentPages(Protocol):
    """``secret`` is what let somebody in: good for an hour, and impossible to guess."""

    @property
    @abstractmethod
    def at(self) -> str:
        """The path that portals lead to."""

    @abstractmethod
    def page(self, secret: str) -> PaymentPage:
        """Raises: NotFound."""

    @abstractmethod
    def act(self, secret: str, what: str) -> CustomerId:
        """To whom it was done. Raises: NotFound, also for what is not among its ``acts``;
        BillingChanged."""
