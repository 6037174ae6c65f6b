"""What the payment provider tells by itself."""

from abc import abstractmethod
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.ids import CustomerId


@frozen(kw_only=True)
class Notice:
    """Something has changed at the provider. ``about_method`` where a way to pay was added or
    chosen: then what is open may go through."""

    notice_id: str
    customer_id: CustomerId | None
    about_method: bool = False


class PaymentNotices(Protocol):
    @abstractmethod
    def read(self, body: bytes, signature: str | None) -> Notice:
        """``body`` as it came. Raises: Unauthenticated for what the provider has not signed, or
        too long ago; ValidationFailed for what is signed and cannot be read."""
