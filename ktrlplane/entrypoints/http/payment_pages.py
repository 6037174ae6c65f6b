"""The payment simulator's portal: a plain page for who was let in, and buttons for what may
happen there. It fetches nothing, runs nothing, and is for this machine alone."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final
from urllib.parse import parse_qs, quote

import falcon
from attrs import frozen

from ktrlplane.domain.billing import Money, PaymentMethod, Subscription
from ktrlplane.domain.errors import Forbidden
from ktrlplane.domain.invoices import Invoice
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.http.bodies import raw_body
from ktrlplane.entrypoints.http.middleware import is_from_here
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.played import tell_played
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.payment_pages import PaymentPage, PaymentPages

_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = 10
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # The address has a secret in it.
    "Referrer-Policy": "no-referrer",
}


@frozen
class Portal:
    """The secret is in the query and in the form, since paths are told in the log."""

    pages: PaymentPages
    transact: Transact
    platform: Platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raises: Forbidden, NotFound."""
        _require_here(req)
        secret = req.get_param("visit", default="")
        resp.content_type = "text/html; charset=utf-8"
        resp.text = written(self.pages.page(secret), secret)
        resp.set_headers(_HEADERS)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raises: Forbidden, NotFound, Conflict, EdgeError."""
        _require_here(req)
        form = _form(req)
        secret, what = form.get("visit", ""), form.get("act", "")
        customer_id = self.pages.act(secret, what)
        tell_played(self.transact, self.platform, customer_id, what)
        resp.set_headers(_HEADERS)
        # Whoever reloads what follows does nothing twice.
        resp.status = falcon.HTTP_303
        resp.location = f"?visit={quote(secret, safe='')}"


def _require_here(req: falcon.Request) -> None:
    if not is_from_here(req):
        raise Forbidden("The payment simulator's pages are for this machine alone.")


def _form(req: falcon.Request) -> dict[str, str]:
    """The last of each."""
    if (req.content_type or "").partition(";")[0].strip().lower() != _FORM:
        raise EdgeError("unsupported_media_type", f"Send a form, as {_FORM}.")
    try:
        fields = parse_qs(raw_body(req).decode(), max_num_fields=_FIELDS)
    except ValueError:
        raise EdgeError("malformed_request", "This is no form of this page.") from None
    return {name: values[-1] for name, values in fields.items()}


def written(page: PaymentPage, secret: str) -> str:
    """As HTML: whatever people have named is text there, and nothing else."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>Payment simulator</title></head><body><main><h1>Payment simulator</h1>"
        "<p>Nobody is billed: this stands for the pages of a payment provider. Amounts are in "
        f"minor units.</p>{''.join(_parts(page, secret))}</main></body></html>"
    )


def _parts(page: PaymentPage, secret: str) -> Iterator[str]:
    if page.said:
        yield f'<p role="status">{escape(page.said)}</p>'
    if page.customer is None:
        yield "<p>The customer is gone, with all that it had.</p>"
    else:
        customer = page.customer
        yield f"<h2>{escape(customer.name)}</h2><p>{escape(customer.email)}, customer "
        yield f"<code>{escape(str(customer.customer_id))}</code>"
        credit = customer.credit
        yield f", with a credit of {credit.amount} {credit.currency}</p>" if credit else "</p>"
        yield _table("Payment methods", map(_of_method, page.methods))
        yield _table("Subscription", map(_of_subscription, page.subscriptions))
        yield _table("Invoices", map(_of_invoice, page.invoices))
    if page.acts:
        yield f'<form method="post"><input type="hidden" name="visit" value="{escape(secret)}">'
        yield " ".join(map(_button, page.acts)) + "</form>"
    if page.return_url is not None:
        yield f'<p><a href="{escape(page.return_url)}">Go back</a></p>'


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    if not lines:
        return ""
    inside = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<h3>{title}</h3><table><tbody>{inside}</tbody></table>"


def _button(act: str) -> str:
    label = act.replace("-", " ").capitalize()
    return f'<button name="act" value="{escape(act)}">{escape(label)}</button>'


def _of_method(method: PaymentMethod) -> tuple[str, ...]:
    number = f"{method.label} {method.last4 or ''}".strip()
    return method.kind, number, "default" if method.is_default else ""


def _of_subscription(one: Subscription) -> tuple[str, ...]:
    ends = " (its last)" if one.cancel_at_period_end else ""
    until = f"until {one.current_period_end:%Y-%m-%d}{ends}"
    return str(one.subscription_id), str(one.state), until


def _of_invoice(invoice: Invoice) -> tuple[str, ...]:
    when = f"{invoice.created_at:%Y-%m-%d}"
    return invoice.number or "", when, str(invoice.state), _money(invoice.due)


def _money(money: Money) -> str:
    return f"{money.amount} {money.currency.upper()}"
