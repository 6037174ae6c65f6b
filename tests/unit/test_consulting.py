"""What is kept of what the payment provider has said, and for how long."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.offers import offers_of
from ktrlplane.entrypoints import consulting
from ktrlplane.entrypoints.consulting import ConsultPayments
from ktrlplane.ports.payment_questions import MethodsOf, PricesOf, StatusOf
from tests.builders import NOW, on
from tests.paying import MAIL, a_provider
from tests.payment_faults import Fault, FaultyPayments
from tests.stateful.test_billing import a_catalog

KEY, OTHER = "gold-eur-month", "few-eur-year"


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.there = a_provider(self.clock, a_catalog())
        self.payments = FaultyPayments(self.there)
        asked: Any = self.payments
        self.consult = ConsultPayments(lambda: asked, lambda: self.clock.now().timestamp())


def test_a_price_is_asked_for_once_in_a_while() -> None:
    desk = Desk()
    first = desk.consult(PricesOf((KEY,)))
    assert desk.consult(PricesOf((KEY,))) == first
    assert desk.payments.calls == 1
    assert desk.consult(PricesOf((KEY, OTHER))).keys() == {KEY, OTHER}
    assert desk.payments.calls == 2
    (offer,) = (one for one in offers_of(a_catalog()) if one.lookup_key == KEY)
    desk.there.offer(evolve(offer, each=offer.each * 2), key="dearer")
    assert desk.consult(PricesOf((KEY,))) == first
    desk.clock.advance(timedelta(seconds=consulting.PRICES_KEPT_S))
    assert desk.consult(PricesOf((KEY,)))[KEY].each == offer.each * 2


def test_what_is_not_sold_is_asked_for_each_time() -> None:
    desk = Desk()
    for calls in (1, 2):
        assert desk.consult(PricesOf(("nothing",))) == {}
        assert desk.payments.calls == calls


def test_a_failure_is_not_kept() -> None:
    desk = Desk()
    desk.payments.reads_coming.append(Fault.REFUSED)
    with pytest.raises(UpstreamError):
        desk.consult(PricesOf((KEY,)))
    assert desk.consult(PricesOf((KEY,)))


def test_whether_something_is_paid_is_as_of_a_moment_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    profile = Profile(scope=on("organization acme"), name="Acme", email=MAIL)
    customer_id = desk.there.open_customer(profile, key="acme").customer_id
    asked = StatusOf(customer_id, None)
    assert not desk.consult(asked).has_method
    desk.there.add_method(customer_id)
    assert not desk.consult(asked).has_method
    assert desk.consult(MethodsOf(customer_id))
    desk.clock.advance(timedelta(seconds=consulting.STATUS_KEPT_S))
    assert desk.consult(asked).has_method
    calls = desk.payments.calls
    monkeypatch.setattr(consulting, "STATUSES_KEPT", 1)
    other = desk.there.open_customer(profile, key="other").customer_id
    desk.consult(StatusOf(other, None))
    desk.consult(asked)
    assert desk.payments.calls == calls + 2
