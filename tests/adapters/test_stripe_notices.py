"""What the provider posts: signed, and taken for what it is signed for."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from ktrlplane.adapters.stripe.notices import TOLERANCE_S, StripeNotices
from ktrlplane.domain.errors import Unauthenticated, ValidationFailed
from ktrlplane.domain.ids import CustomerId

SECRET = "whsec_test"


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def event(kind: str = "invoice.paid", **thing: Any) -> bytes:
    it = {"object": "invoice", "id": "in_1", "customer": "cus_1"} | thing
    return json.dumps({"id": "evt_1", "type": kind, "data": {"object": it}}).encode()


@pytest.mark.parametrize("mark", ["é", "\u0130"])
def test_a_signature_that_is_no_ascii_is_refused(mark: str) -> None:
    with pytest.raises(Unauthenticated):
        StripeNotices(SECRET).read(event(), f"t={int(time.time())},v1={mark}")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        event().replace(b"evt_1", b"evt\\u0000"),
        event().replace(b"evt_1", b"\\ud800"),
    ],
)
def test_what_is_signed_and_cannot_be_kept_is_told_so(body: bytes) -> None:
    with pytest.raises(ValidationFailed):
        StripeNotices(SECRET).read(body, signed(body))


def test_what_is_signed_is_read() -> None:
    notice = StripeNotices(SECRET).read(event(), signed(event()))
    assert (notice.notice_id, notice.customer_id) == ("evt_1", CustomerId("cus_1"))
    assert not notice.about_method


@pytest.mark.parametrize(
    ("thing", "customer"),
    [
        ({"object": "customer", "id": "cus_7"}, CustomerId("cus_7")),
        ({"customer": {"id": "cus_8"}}, CustomerId("cus_8")),
        ({"object": "price", "customer": None}, None),
    ],
)
def test_whom_it_is_about(thing: dict[str, Any], customer: CustomerId | None) -> None:
    body = event(**thing)
    assert StripeNotices(SECRET).read(body, signed(body)).customer_id == customer


@pytest.mark.parametrize("kind", ["payment_method.attached", "setup_intent.succeeded"])
def test_a_new_way_to_pay_is_told_apart(kind: str) -> None:
    assert StripeNotices(SECRET).read(event(kind), signed(event(kind))).about_method


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "x",
        "t=1",
        "t=x,v1=y",
        signed(event(), secret="whsec_other"),
        signed(event() + b" "),
        signed(event(), at=time.time() - TOLERANCE_S - 60),
        "t=99999999999999999999,v1=aa",
    ],
)
def test_what_is_not_signed_so_is_refused(signature: str | None) -> None:
    with pytest.raises(Unauthenticated):
        StripeNotices(SECRET).read(event(), signature)


@pytest.mark.parametrize("body", [b"\xff", b"\x00"])
def test_bytes_that_are_no_text_are_refused(body: bytes) -> None:
    with pytest.raises((Unauthenticated, ValidationFailed)):
        StripeNotices(SECRET).read(body, signed(body))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"id": "e", "data": 1}', b'{"id":"e","data":{"object":[]}}'],
)
def test_what_is_signed_and_no_event_is_told_so(body: bytes) -> None:
    with pytest.raises(ValidationFailed):
        StripeNotices(SECRET).read(body, signed(body))


@pytest.mark.parametrize(
    ("request_of", "is_about"),
    [
        ({"id": None, "idempotency_key": None}, True),
        (None, True),
        ({"id": "req_1", "idempotency_key": "d1b5c1f0-6c9a"}, True),
        ({"id": "req_3", "idempotency_key": "cus_7/default/pm_1/7"}, True),
        ({"id": "req_2", "idempotency_key": "in_1/pay/7/paid-by/pm_1"}, False),
    ],
)
def test_a_default_of_the_platforms_own_is_nobodys_wish_to_pay(
    request_of: dict[str, Any] | None, *, is_about: bool
) -> None:
    told = json.loads(event("customer.updated", object="customer", id="cus_7"))
    before = {"invoice_settings": {"default_payment_method": "pm_0"}}
    told["data"]["previous_attributes"] = before
    body = json.dumps(told | {"request": request_of}).encode()
    assert StripeNotices(SECRET).read(body, signed(body)).about_method is is_about
