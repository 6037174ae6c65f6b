"""What a customer was billed, and will be."""

import enum
from datetime import datetime
from typing import Final

from attrs import field, frozen

from ktrlplane.domain.billing import Money
from ktrlplane.domain.ids import CustomerId, InvoiceId, PriceId, SubscriptionId

INVOICES: Final = 20
"""So many are looked at for what is open."""


class InvoiceState(enum.StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"


@frozen(kw_only=True)
class InvoiceLine:
    """``is_proration``: for a part of a period, after a change; a credit where negative."""

    description: str = field(eq=False)
    total: Money
    price_id: PriceId | None
    quantity: int
    is_proration: bool


@frozen(kw_only=True)
class Invoice:
    """``due`` is what of the ``total`` is to be paid after credit. Its links open it for
    whoever has them."""

    invoice_id: InvoiceId
    number: str | None
    customer_id: CustomerId
    subscription_id: SubscriptionId | None
    state: InvoiceState
    total: Money
    due: Money
    paid: Money
    created_at: datetime
    lines: tuple[InvoiceLine, ...]
    url: str | None = field(default=None, repr=False)
    pdf_url: str | None = field(default=None, repr=False)

    @property
    def is_owed(self) -> bool:
        """Open, and for what is bought here. What somebody has written by hand at the provider
        is paid as they have agreed upon."""
        return self.state is InvoiceState.OPEN and self.subscription_id is not None


@frozen(kw_only=True)
class Preview:
    """The next invoice, if nothing else happened until then."""

    total: Money
    due: Money
    lines: tuple[InvoiceLine, ...]
