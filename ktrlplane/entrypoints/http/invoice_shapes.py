"""Invoices, as they go over the wire."""

from datetime import datetime

from attrs import frozen

from ktrlplane.domain.ids import InvoiceId
from ktrlplane.domain.invoices import Invoice, InvoiceLine, InvoiceState, Preview


@frozen(kw_only=True)
class ShownLine:
    """``is_proration`` is for a part of a period, after a change; a credit where negative."""

    description: str
    amount: int
    quantity: int
    is_proration: bool

    @classmethod
    def of(cls, line: InvoiceLine) -> "ShownLine":
        return cls(
            description=line.description,
            amount=line.total.amount,
            quantity=line.quantity,
            is_proration=line.is_proration,
        )


@frozen(kw_only=True)
class ShownInvoice:
    """Amounts in minor units. ``amount_due`` is what of the ``total`` is to be paid, after
    credit. ``url`` and ``pdf_url`` open it for whoever has them."""

    invoice_id: InvoiceId
    number: str | None
    status: InvoiceState
    currency: str
    total: int
    amount_due: int
    amount_paid: int
    created_at: datetime
    url: str | None
    pdf_url: str | None
    lines: tuple[ShownLine, ...]

    @classmethod
    def of(cls, invoice: Invoice) -> "ShownInvoice":
        return cls(
            invoice_id=invoice.invoice_id,
            number=invoice.number,
            status=invoice.state,
            currency=invoice.total.currency,
            total=invoice.total.amount,
            amount_due=invoice.due.amount,
            amount_paid=invoice.paid.amount,
            created_at=invoice.created_at,
            url=invoice.url,
            pdf_url=invoice.pdf_url,
            lines=tuple(map(ShownLine.of, invoice.lines)),
        )


@frozen(kw_only=True)
class NextInvoice:
    """As it would be if nothing else happened until it is billed; ``amount_due`` is after
    credit."""

    currency: str
    total: int
    amount_due: int
    lines: tuple[ShownLine, ...]
    billed_at: datetime | None

    @classmethod
    def of(cls, preview: Preview, billed_at: datetime | None) -> "NextInvoice":
        return cls(
            billed_at=billed_at,
            currency=preview.total.currency,
            total=preview.total.amount,
            amount_due=preview.due.amount,
            lines=tuple(map(ShownLine.of, preview.lines)),
        )
