"""What Stripe posts: signed, in any order, at least once."""

import json
from typing import Any, Final

import stripe

from ktrlplane.domain.errors import Fault, Unauthenticated, ValidationFailed
from ktrlplane.domain.ids import CustomerId
from ktrlplane.ports.payment_notices import Notice, PaymentNotices
from ktrlplane.ports.payments import PAID_BY

TOLERANCE_S: Final = 300
"""So old a signature may be: else somebody who has one could send it again and again."""

_LONGEST_ID: Final = 255
_ABOUT_METHODS: Final = frozenset(
    {
        "payment_method.attached",
        "payment_method.automatically_updated",
        "payment_method.updated",
        "setup_intent.succeeded",
    }
)


class StripeNotices(PaymentNotices):
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def read(self, body: bytes, signature: str | None) -> Notice:
        try:
            text = body.decode()
            # What cannot be a signature is compared with none: the library takes ASCII alone.
            if not (signature or "").isascii():
                raise ValueError("A signature is in ASCII.")  # noqa: TRY301
            stripe.WebhookSignature.verify_header(text, signature or "", self._secret, TOLERANCE_S)
        except (ValueError, stripe.SignatureVerificationError) as error:
            raise Unauthenticated(
                "The payment provider has not signed this, or not within five minutes."
            ) from error
        try:
            return _notice(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            detail = "This is no event of the payment provider."
            raise ValidationFailed([Fault("", "not_an_event", detail)]) from error


def _notice(event: dict[str, Any]) -> Notice:
    it = event["data"]["object"]
    customer = it["id"] if it.get("object") == "customer" else it.get("customer")
    if isinstance(customer, dict):
        customer = customer["id"]
    notice_id = str(event["id"])
    if "\0" in notice_id or not notice_id.isascii() or len(notice_id) > _LONGEST_ID:
        raise ValueError("An id is in ASCII, and short.")
    return Notice(
        notice_id=notice_id,
        customer_id=None if customer is None else CustomerId(customer),
        about_method=event["type"] in _ABOUT_METHODS or _has_new_default(event),
    )


def _has_new_default(event: dict[str, Any]) -> bool:
    """By somebody else than the platform itself, which has done so in order to pay by it: to pay
    once more for that would have no end."""
    key = (event.get("request") or {}).get("idempotency_key") or ""
    if event["type"] != "customer.updated" or f"/{PAID_BY}/" in key:
        return False
    before = event["data"].get("previous_attributes") or {}
    return "default_payment_method" in (before.get("invoice_settings") or {})
