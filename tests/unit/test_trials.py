"""A trial is had once, and by nothing that has none."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.services import billing
from ktrlplane.domain.services.estimates import Estimate
from tests.builders import NOW
from tests.buying import ACME, FEW, GOLD, GRAND, MILL, OTHER, PLANT, Scene
from tests.payment_faults import Fault, Killed

DAY = timedelta(days=1)


@pytest.fixture
def scene() -> Scene:
    """Gold may be tried for twenty days, few for ten, grand not at all."""
    return Scene({"gold": 20, "few": 10})


def billed_at(told: Estimate) -> datetime:
    assert told.billed_at is not None
    return told.billed_at


def test_the_shortest_trial_of_what_it_begins_with(scene: Scene) -> None:
    told = scene.estimate(type="Acme.Kettle", sku="gold")
    assert billed_at(told) == NOW + 20 * DAY
    scene.buy("one", "gold")
    assert (scene.state(), scene.billed()) == ("trialing", [0])
    assert billed_at(scene.estimate()) == NOW + 20 * DAY
    scene.pass_time(20 * DAY)
    assert (scene.state(), scene.billed()) == ("active", [GOLD, 0])


def test_what_has_no_trial_ends_that_of_what_has_one(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.clock.advance(DAY)
    told = scene.estimate(type="Acme.Kettle", sku="grand")
    assert billed_at(told) == NOW + DAY
    assert told.next_invoice is not None
    scene.buy("two", "grand")
    assert (scene.state(), scene.billed()) == ("active", [GOLD + GRAND, 0])
    assert scene.billed()[0] == told.next_invoice.total.amount
    assert scene.living().current_period_start == NOW + DAY


def test_a_shorter_trial_ends_a_longer_one_when_it_is_over(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.clock.advance(DAY)
    assert billed_at(scene.estimate(type="Acme.Kettle", sku="few")) == NOW + 10 * DAY
    scene.buy("two", "few")
    scene.pass_time(8 * DAY)
    assert (scene.state(), scene.billed()) == ("trialing", [0])
    scene.pass_time(DAY)
    assert (scene.state(), scene.billed()) == ("active", [GOLD + FEW, 0])
    assert scene.living().current_period_start == NOW + 10 * DAY


def test_what_is_given_up_in_time_shortens_nothing(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.buy("two", "few")
    told = scene.estimate(resource_id=ResourceId("two"))
    assert billed_at(told) == NOW + 20 * DAY
    scene.ada.delete_resource("two")
    scene.pass_time(11 * DAY)
    assert (scene.state(), scene.billed()) == ("trialing", [0])


def test_who_cancelled_is_not_billed_for_that(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.buy("two", "few")
    scene.act(lambda work, **asked: billing.cancel(work, ACME, key="c1", **asked))
    scene.pass_time(11 * DAY)
    assert (scene.state(), scene.billed()) == ("trialing", [0])
    scene.act(lambda work, **asked: billing.resume(work, ACME, key="r1", **asked))
    scene.control.catch_up()
    assert (scene.state(), scene.billed()) == ("active", [GOLD + FEW, 0])


def test_a_trial_is_had_once_in_an_organization(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.inherit("mill", inherits=False)
    told = scene.estimate(MILL, type="Acme.Kettle", sku="gold")
    assert billed_at(told) == NOW
    scene.buy("two", "gold", "mill")
    assert (scene.state(MILL), scene.billed(MILL)) == ("active", [GOLD])


def test_another_payer_does_not_begin_a_trial_again(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.inherit("plant", inherits=False)
    assert (scene.state(PLANT), scene.billed(PLANT)) == ("active", [GOLD])
    scene.inherit("plant", inherits=True)
    assert (scene.state(), scene.billed()) == ("active", [GOLD, 0])


@pytest.mark.parametrize("is_trying", [False, True])
def test_what_was_tried_is_not_tried_elsewhere(scene: Scene, *, is_trying: bool) -> None:
    scene.buy("one", "gold")
    scene.ada.create_project(id="far", name="P", org_id="other")
    billed = [GOLD]
    if is_trying:
        scene.buy("two", "gold", "far")
        assert scene.state(OTHER) == "trialing"
        billed = [2 * GOLD, 0]
    scene.ada.move_project("plant", org_id="other")
    assert scene.account(OTHER).beyond_trial
    assert (scene.state(OTHER), scene.billed(OTHER)) == ("active", billed)


@pytest.mark.parametrize("fault", [one for one in Fault if one is not Fault.NONE])
def test_who_ends_a_trial_may_die(scene: Scene, fault: Fault) -> None:
    scene.buy("one", "gold")
    scene.payments.writes_coming.extend([Fault.NONE, fault])  # what it contains, its trial
    with suppress(Killed):
        scene.buy("two", "grand")
    assert scene.payments.met == {("end_trial", fault): 1}
    scene.pass_time(timedelta(minutes=2))
    assert (scene.state(), scene.billed()) == ("active", [GOLD + GRAND, 0])


def test_a_first_payment_that_failed_is_no_way_to_a_trial(scene: Scene) -> None:
    scene.there.decline(scene.account(ACME).customer_id)
    scene.buy("one", "grand")
    assert scene.state() == "incomplete"
    scene.ada.update_resource("one", sku="gold")
    assert (scene.state(), scene.billed()) == ("incomplete", [GOLD, GRAND])
