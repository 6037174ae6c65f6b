"""What people are told that it will cost is what it costs."""

from datetime import timedelta
from typing import Any

import pytest

from ktrlplane.domain.billing import Interval, Money
from ktrlplane.domain.errors import Forbidden, NotFound, ValidationFailed
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.services import billing, subscribing
from ktrlplane.domain.services.estimates import Estimate
from tests.builders import NOW
from tests.buying import ACME, GOLD, GRAND, MILL, OTHER, PLANT, TYPE, Scene

ONE = ResourceId("one")
HALF_A_MONTH = timedelta(days=15, hours=7)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def next_due(told: Estimate) -> int | None:
    return None if told.next_invoice is None else told.next_invoice.due.amount


def test_what_is_paid_need_not_be_what_the_catalog_says_by_now(scene: Scene) -> None:
    scene.buy("one", "grand")
    scene.raise_prices(900)
    told = scene.estimate(type=TYPE, sku="grand")
    assert (told.now, told.then) == (Money(GRAND, "eur"), Money(2 * GRAND + 900, "eur"))
    told = scene.estimate(resource_id=ONE, sku="gold")
    assert told.then == Money(GOLD + 900, "eur")


def test_who_may_not_spend_money_does_not_by_prices_that_rose(scene: Scene) -> None:
    scene.buy("one", "grand")
    scene.control.sign_in("ben", email="ben@example.com")
    scene.control.grant("Editor", to="ben", on="project:plant")
    scene.raise_prices(GRAND - GOLD + 1)  # gold costs one more by now than is paid for grand
    ben = scene.control.sign_in("ben", email="ben@example.com")
    with pytest.raises(Forbidden, match="manage_billing"):
        ben.update_resource("one", sku="gold")
    assert ben.update_resource("one", sku="few").sku == "few"


def test_the_tier_that_it_has_costs_what_it_costs(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.raise_prices(900)
    told = scene.estimate(resource_id=ONE, sku="gold")
    assert told.now == told.then == Money(GOLD, "eur")
    assert next_due(told) == GOLD


def test_in_place_of_what_was_never_paid(scene: Scene) -> None:
    scene.there.decline(scene.account(ACME).customer_id)
    scene.buy("one", "gold")
    told = scene.estimate(resource_id=ONE, sku="few")
    assert (next_due(told), told.billed_at) == (400, scene.clock.now())


@pytest.mark.parametrize("sku", ["grand", "few"])
def test_a_change_costs_what_was_said(scene: Scene, sku: str) -> None:
    scene.buy("one", "gold")
    scene.clock.advance(HALF_A_MONTH)
    told = scene.estimate(resource_id=ONE, sku=sku)
    assert told.next_invoice is not None
    scene.ada.update_resource("one", sku=sku)
    living = scene.living()
    assert told.billed_at == living.current_period_end
    scene.clock.set(living.current_period_end)
    assert scene.billed()[0] == told.next_invoice.total.amount


def test_giving_up_all_costs_what_was_said(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.clock.advance(HALF_A_MONTH)
    scene.ada.update_resource("one", sku="grand")
    scene.clock.advance(timedelta(days=3))
    told = scene.estimate(resource_id=ONE)
    assert (told.then, told.billed_at) == (None, scene.clock.now())
    assert told.next_invoice is not None
    scene.ada.delete_resource("one")
    assert scene.billed()[0] == told.next_invoice.total.amount
    assert scene.estimate().next_invoice is None


def test_who_has_cancelled_is_promised_no_invoice(scene: Scene) -> None:
    scene.buy("one", "gold")
    assert next_due(scene.estimate()) == GOLD
    scene.act(lambda work, **asked: billing.cancel(work, ACME, key="c1", **asked))
    told = scene.estimate()
    assert (told.now, told.next_invoice, told.billed_at) == (Money(GOLD, "eur"), None, None)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"type": TYPE}, "/sku"),
        ({"sku": "gold"}, "/type"),
        ({"type": TYPE, "resource_id": ONE}, "/sku"),
        ({"type": "Acme.Sensor", "sku": "gold", "resource_id": ONE}, "/type"),
    ],
)
def test_half_of_a_question_is_none(scene: Scene, asked: dict[str, Any], pointer: str) -> None:
    scene.buy("one", "gold")
    with pytest.raises(ValidationFailed) as refused:
        scene.estimate(**asked)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_what_is_not_sold_costs_nothing_that_could_be_told(scene: Scene) -> None:
    scene.buy("one", "gold")
    account = scene.account(ACME)
    assert account.terms.interval is Interval.MONTH
    kettle, *_ = scene.catalog.resource_types
    assert {price.currency for tier in kettle.tiers for price in tier.prices} == {"eur", "usd"}
    with pytest.raises(NotFound):
        scene.estimate(type=TYPE, sku="none")
    scene.ada.delete_resource("one")
    with pytest.raises(NotFound):
        scene.estimate(resource_id=ONE)


def test_a_card_that_was_added_since_pays_what_is_open(scene: Scene) -> None:
    """Though the one that is declined is the default still."""
    scene.buy("one", "gold")
    customer_id = scene.account(ACME).customer_id
    scene.there.decline(customer_id)
    scene.clock.set(scene.living().current_period_end)
    scene.control.catch_up()
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    assert scene.state() == "past_due"
    added = scene.there.add_method(customer_id)
    scene.act(subscribing.subscribe, ACME, subscribing.Subscribe())
    scene.control.catch_up()
    assert (scene.state(), scene.account(ACME).fault) == ("active", None)
    customer = scene.there.customer(customer_id)
    assert customer is not None
    assert customer.default_method == added


def test_a_new_card_that_does_not_pay_does_not_become_the_default(scene: Scene) -> None:
    scene.buy("one", "gold")
    customer_id = scene.account(ACME).customer_id
    before = scene.there.customer(customer_id)
    scene.there.decline(customer_id)
    scene.clock.set(scene.living().current_period_end)
    scene.there.add_method(customer_id, declined=True)
    scene.act(subscribing.subscribe, ACME, subscribing.Subscribe())
    scene.control.catch_up()
    after = scene.there.customer(customer_id)
    assert before is not None
    assert after is not None
    assert after.default_method == before.default_method


def test_an_older_card_is_not_asked_for_what_the_default_does_not_pay(scene: Scene) -> None:
    customer_id = scene.account(ACME).customer_id
    scene.clock.advance(timedelta(hours=1))
    scene.there.add_method(customer_id)
    scene.clock.advance(timedelta(hours=1))
    scene.buy("one", "gold")
    scene.there.decline(customer_id)
    scene.clock.set(scene.living().current_period_end)
    scene.act(subscribing.subscribe, ACME, subscribing.Subscribe())
    scene.control.catch_up()
    assert scene.state() == "past_due"


def test_a_grace_that_has_begun_is_not_taken_back(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.there.lose(scene.account(ACME).customer_id)
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    grace = scene.account(ACME).grace_until
    assert grace == NOW + timedelta(days=7, hours=7)
    scene.act(billing.open_customer, ACME)
    scene.control.catch_up()
    account = scene.account(ACME)
    assert (account.fault, account.has_lapsed) == ("payment_method_missing", False)
    assert account.grace_until == grace


def test_what_another_pays_for_is_asked_there(scene: Scene) -> None:
    scene.inherit("mill", inherits=False)
    scene.buy("one", "gold", "mill")
    with pytest.raises(ValidationFailed) as refused:
        scene.estimate(resource_id=ONE)
    assert [fault.code for fault in refused.value.faults] == ["paid_elsewhere"]
    assert scene.estimate(MILL, resource_id=ONE).now == Money(GOLD, "eur")


@pytest.fixture
def trying() -> Scene:
    """Gold may be tried for twenty days."""
    tried = Scene({"gold": 20})
    tried.buy("one", "gold")
    tried.buy("two", "gold")
    tried.clock.advance(timedelta(days=1))
    return tried


@pytest.mark.parametrize("asked", [{"type": TYPE}, {"resource_id": ResourceId("two")}])
def test_a_free_tier_leaves_a_trial_as_it_is(trying: Scene, asked: dict[str, Any]) -> None:
    told = trying.estimate(**asked, sku="free")
    if "type" in asked:
        trying.buy("three", "free")
    else:
        trying.ada.update_resource("two", sku="free")
    assert told.billed_at == trying.estimate().billed_at == NOW + timedelta(days=20)
    assert trying.state() == "trialing"


def test_whoever_is_asked_knows_what_was_tried_in_a_project(trying: Scene) -> None:
    for name in ("one", "two"):
        trying.ada.update_resource(name, sku="free")
    trying.ada.create_project(id="far", name="P", org_id="other")
    trying.buy("three", "gold", "far")
    trying.ada.move_project("plant", org_id="other")
    assert trying.state(OTHER) == "trialing"
    told = [trying.estimate(scope, resource_id=ONE, sku="gold") for scope in (OTHER, PLANT)]
    assert [one.billed_at for one in told] == [trying.clock.now()] * 2
    trying.ada.update_resource("one", sku="gold")
    assert trying.state(OTHER) == "active"
