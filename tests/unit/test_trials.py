"""A trial is had once, and by nothing that has none."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Subscription, SubscriptionState
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import billing, inheritance
from ktrlplane.domain.services.estimates import Estimate, EstimateOf, estimate
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from ktrlplane.ports.payments import Payments
from tests.builders import NOW, on
from tests.paying import a_provider
from tests.payment_faults import Fault, FaultyPayments, Killed
from tests.platforms import a_platform
from tests.stateful.test_billing import a_catalog

ADA = PrincipalId("ada")
ACME, PLANT, MILL = map(on, ("organization acme", "project plant", "project mill"))
OTHER = on("organization other")
DAY = timedelta(days=1)
GOLD, GRAND, FEW = 1000, 2500, 400


class Scene:
    """Everybody has a card. Gold may be tried for twenty days, few for ten, grand not at all."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        catalog = a_catalog({"gold": 20, "few": 10})
        self.there = a_provider(self.clock, catalog)
        self.payments = FaultyPayments(self.there)
        faulty: Any = self.payments
        given: dict[str, Payments] = {"payments": faulty}
        self.control = ControlPlane(
            units=MemoryUnitsOfWork(),
            clock=self.clock,
            catalog=catalog,
            validator=a_platform().validator,
            deletion_grace=timedelta(0),
            **given,
        )
        self.ada: Session = self.control.sign_in(ADA, email="ada@example.com")
        for org_id in ("acme", "other"):
            self.ada.create_organization(id=org_id, name=org_id)
        for project_id in ("plant", "mill"):
            self.ada.create_project(id=project_id, name="P", org_id="acme")
        for scope in (ACME, OTHER, PLANT, MILL):
            self.act(billing.open_customer, scope)
            customer_id = self.account(scope).customer_id
            method = self.there.add_method(customer_id)
            self.there.make_default(customer_id, method, key=f"{scope}")

    def act(self, service: Any, *args: Any) -> Any:
        asked = {"actor": ADA, "platform": self.control.platform}
        return self.control.transact(lambda work: service(work, *args, **asked))

    def account(self, scope: Scope) -> Any:
        with self.control.transact.units.view() as work:
            return work.billing.find(scope)

    def buy(self, name: str, sku: str, project: str = "plant") -> Resource:
        return self.ada.create_resource(project, id=name, name="R", type="Acme.Kettle", sku=sku)

    def inherit(self, project: str, *, inherits: bool) -> None:
        command = inheritance.SetInheritance(inherits=inherits)
        self.act(inheritance.set_inheritance, ProjectId(project), command)

    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.control.catch_up()

    def living(self, scope: Scope = ACME) -> Subscription:
        (one,) = self.there.subscriptions(self.account(scope).customer_id)
        return one

    def state(self, scope: Scope = ACME) -> SubscriptionState:
        return self.living(scope).state

    def billed(self, scope: Scope = ACME) -> list[int]:
        invoices = self.there.invoices(self.account(scope).customer_id, limit=9)
        return [one.total.amount for one in invoices]

    def estimate(self, scope: Scope = ACME, **asked: Any) -> Estimate:
        told: Estimate = self.act(estimate, scope, EstimateOf(**asked))
        return told


@pytest.fixture
def scene() -> Scene:
    return Scene()


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
