"""A trial is had once, and by nothing that has none."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.billing import Customer, Plan
from ktrlplane.domain.errors import Forbidden
from ktrlplane.domain.ids import CustomerId, ResourceId
from ktrlplane.domain.services import billing
from ktrlplane.domain.services.estimates import Estimate
from tests.builders import NOW, on
from tests.buying import ACME, FEW, GOLD, GRAND, MILL, OTHER, PLANT, Scene
from tests.payment_faults import Fault, Killed
from tests.stateful.test_billing import a_catalog

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


def test_what_was_bought_counts_though_it_is_given_up(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.buy("two", "few")
    assert billed_at(scene.estimate(resource_id=ResourceId("two"))) == NOW + 10 * DAY
    scene.ada.delete_resource("two")
    scene.pass_time(11 * DAY)
    assert (scene.state(), scene.billed()) == ("active", [GOLD, 0])


def test_a_trial_lasts_as_it_was_promised_whatever_the_catalog_says_later(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.clock.advance(DAY)
    scene.catalog = a_catalog({"gold": 5})
    scene.serve()
    scene.pass_time(11 * DAY)
    assert (scene.state(), scene.billed()) == ("trialing", [0])
    assert billed_at(scene.estimate()) == NOW + 20 * DAY


def test_a_trial_that_somebody_else_has_granted_is_left_alone(scene: Scene) -> None:
    """By a platform of before, or at the provider itself."""
    customer_id = scene.account(ACME).customer_id
    scene.buy("one", "grand")
    ended = scene.living()
    granted = Plan(items=ended.items, revision=99)
    scene.there.cancel_now(ended.subscription_id, key="end")
    living = scene.there.subscribe(customer_id, granted, trial_days=60)
    with scene.control.transact.units.begin() as work:
        account = scene.account(ACME)
        work.billing.change(evolve(account, subscription_id=living.subscription_id))
        work.billing.touch([ACME], scene.clock.now())
    scene.control.catch_up()
    assert scene.state() == "trialing"


def test_who_may_only_write_ends_no_trial(scene: Scene) -> None:
    """Though what they choose costs less."""
    scene.buy("one", "gold")
    scene.control.sign_in("ben", email="ben@example.com")
    scene.control.grant("Editor", to="ben", on="project:plant")
    ben = scene.control.sign_in("ben", email="ben@example.com")
    with pytest.raises(Forbidden, match="manage_billing"):
        ben.update_resource("one", sku="few")
    assert ben.update_resource("one", name="Renamed").name == "Renamed"


def test_who_may_only_write_ends_no_trial_by_a_free_tier(scene: Scene) -> None:
    """It is over once nothing is left that is tried, and is had once."""
    scene.buy("one", "gold")
    scene.buy("two", "gold")
    scene.control.sign_in("ben", email="ben@example.com")
    scene.control.grant("Editor", to="ben", on="project:plant")
    ben = scene.control.sign_in("ben", email="ben@example.com")
    assert ben.update_resource("two", sku="free").sku == "free"
    with pytest.raises(Forbidden, match="manage_billing"):
        ben.update_resource("one", sku="free")
    assert (scene.state(), scene.living().current_period_end) == ("trialing", NOW + 20 * DAY)
    assert scene.ada.update_resource("one", sku="free").sku == "free"
    assert scene.there.subscriptions(scene.account(ACME).customer_id) == []


def test_who_may_only_write_stops_what_is_paid_for(scene: Scene) -> None:
    """Where nothing is tried any more it costs the payer nothing."""
    scene.buy("one", "gold")
    scene.pass_time(21 * DAY)
    scene.control.sign_in("ben", email="ben@example.com")
    scene.control.grant("Editor", to="ben", on="project:plant")
    ben = scene.control.sign_in("ben", email="ben@example.com")
    assert ben.update_resource("one", sku="free").sku == "free"


def test_a_look_during_which_a_trial_ends_is_followed_by_another(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.buy("two", "few")
    scene.clock.set(NOW + 10 * DAY - timedelta(seconds=1))
    there = scene.there
    real = there.customer

    def slowly(customer_id: CustomerId) -> Customer | None:
        scene.clock.advance(timedelta(seconds=2))
        return real(customer_id)

    there.customer = slowly  # type: ignore[method-assign]
    with scene.control.transact.units.begin() as work:
        work.billing.look_at(ACME, scene.clock.now())
    scene.control.catch_up()
    there.customer = real  # type: ignore[method-assign]
    scene.pass_time(timedelta(0))
    assert (scene.state(), scene.billed()) == ("active", [GOLD + FEW, 0])


@pytest.mark.parametrize("to", ["other", None])
def test_what_was_tried_is_not_tried_by_moving_it_while_it_is_free(
    scene: Scene, to: str | None
) -> None:
    scene.buy("one", "gold")
    scene.ada.update_resource("one", sku="free")
    scene.ada.move_project("plant", org_id=to)
    payer = PLANT if to is None else OTHER
    scene.ada.update_resource("one", sku="gold")
    assert (scene.state(payer), scene.billed(payer)) == ("active", [GOLD])


def test_two_moves_in_a_moment_are_no_way_to_another_trial(scene: Scene) -> None:
    third = scene.ada.create_organization(id="third", name="third")
    assert third
    scene.act(billing.open_customer, on("organization third"))
    customer_id = scene.account(on("organization third")).customer_id
    method = scene.there.add_method(customer_id)
    scene.there.make_default(customer_id, method, key="third")
    scene.buy("one", "gold")
    scene.payments.writes_coming.append(Fault.REFUSED)  # nobody has heard of the first move yet
    scene.ada.move_project("plant", org_id="other")
    scene.ada.move_project("plant", org_id="third")
    scene.pass_time(timedelta(minutes=5))
    assert scene.state(on("organization third")) == "active"


def test_what_is_tried_elsewhere_does_not_ride_on_anothers_trial(scene: Scene) -> None:
    scene.ada.create_project(id="far", name="P", org_id="other")
    scene.buy("two", "gold", "far")
    scene.buy("one", "gold")
    scene.ada.update_resource("one", sku="free")
    scene.ada.move_project("plant", org_id="other")
    assert scene.state(OTHER) == "trialing"
    scene.ada.update_resource("one", sku="gold")
    assert (scene.state(OTHER), scene.billed(OTHER)) == ("active", [2 * GOLD, 0])


def test_after_a_trial_there_is_no_grace_for_who_never_paid(scene: Scene) -> None:
    scene.there.decline(scene.account(ACME).customer_id)
    scene.buy("one", "gold")
    scene.buy("two", "grand")
    account = scene.account(ACME)
    assert (scene.state(), account.has_lapsed) == ("past_due", True)


def test_who_cancelled_is_not_billed_for_that(scene: Scene) -> None:
    """Nor do they have for longer what has no such trial."""
    scene.buy("one", "gold")
    scene.buy("two", "few")
    scene.act(lambda work, **asked: billing.cancel(work, ACME, key="c1", **asked))
    scene.pass_time(8 * DAY)
    assert (scene.state(), scene.billed()) == ("trialing", [0])
    scene.pass_time(3 * DAY)
    account = scene.account(ACME)
    assert (account.fault, account.has_lapsed) == ("subscription_ended", True)
    assert scene.there.subscriptions(account.customer_id) == []
    assert scene.billed() == [0]


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


def test_who_has_paid_by_credit_has_paid(scene: Scene) -> None:
    """And has their grace, once that is used up."""
    scene.buy("one", "grand")
    scene.clock.advance(timedelta(hours=1))
    scene.ada.delete_resource("one")
    customer_id = scene.account(ACME).customer_id
    credit = scene.there.customer(customer_id)
    assert credit is not None
    assert credit.credit is not None
    scene.buy("two", "gold")
    assert scene.there.invoices(customer_id, limit=1)[0].due.amount == 0
    scene.there.decline(customer_id)
    for _ in range(2):
        scene.clock.set(scene.living().current_period_end)
        scene.control.catch_up()
        scene.clock.advance(timedelta(hours=7))
        scene.control.catch_up()
    account = scene.account(ACME)
    assert (account.fault, account.has_lapsed) == ("payment_failed", False)
    assert account.grace_until is not None


def test_what_comes_to_be_paid_has_no_longer_trial_than_it_would_have_had(scene: Scene) -> None:
    """Also where the provider fails, and nobody has subscribed to anything yet."""
    scene.inherit("mill", inherits=False)
    scene.payments.writes_coming.append(Fault.REFUSED)
    scene.buy("one", "gold")
    scene.buy("two", "grand", "mill")
    scene.inherit("mill", inherits=True)
    scene.pass_time(timedelta(minutes=5))
    assert (scene.state(), scene.billed()) == ("active", [GOLD + GRAND])


@pytest.mark.parametrize("is_heard", [True, False])
def test_what_was_tried_in_an_organization_is_not_tried_there_again_once_it_has_left(
    scene: Scene, *, is_heard: bool
) -> None:
    """One project after the other, each paying for itself; or before anybody has heard of it."""
    states = []
    for name in ("first", "second", "third"):
        scene.ada.create_project(id=name, name="P", org_id="other")
        scene.inherit(name, inherits=False)
        own = on(f"project {name}")
        scene.act(billing.open_customer, own)
        scene.pass_time(timedelta(minutes=1))
        customer_id = scene.account(own).customer_id
        method = scene.there.add_method(customer_id)
        scene.there.make_default(customer_id, method, key=name)
        if not is_heard:
            scene.payments.writes_coming.append(Fault.REFUSED)
        scene.buy(f"its-{name}", "gold", name)
        scene.ada.move_project(name, org_id=None)
        for _ in range(2):
            scene.pass_time(timedelta(minutes=5))
        states.append(scene.state(own))
    assert states == ["trialing", "active", "active"]
    scene.ada.create_project(id="last", name="P", org_id="other")
    assert scene.estimate(OTHER, type="Acme.Kettle", sku="gold").billed_at == scene.clock.now()
    scene.buy("its-last", "gold", "last")
    scene.pass_time(timedelta(0))
    assert (scene.state(OTHER), scene.billed(OTHER)) == ("active", [GOLD])


def test_a_project_in_which_nothing_was_paid_for_leaves_a_trial_where_it_was(scene: Scene) -> None:
    scene.buy("one", "free")
    scene.ada.move_project("plant", org_id="other")
    scene.buy("two", "gold", "mill")
    assert scene.state() == "trialing"
