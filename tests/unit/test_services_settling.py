"""What is to happen when the payment provider fails, tells something, or is asked twice."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Plan, SubscriptionItems
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault, pause_after
from ktrlplane.domain.errors import LimitExceeded, UpstreamError
from ktrlplane.domain.ids import (
    CustomerId,
    InvoiceId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
    SubscriptionId,
)
from ktrlplane.domain.invoices import InvoiceState
from ktrlplane.domain.lifecycle import Hold
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import billing, subscribing
from ktrlplane.domain.services.agreeing import Found, agree
from ktrlplane.domain.services.payment_notices import heed_notice
from ktrlplane.domain.services.settlement import SUBSCRIBED_ELSEWHERE, WAITING, settle_account
from ktrlplane.domain.services.settling import claim_accounts, put_off, wanted_of
from ktrlplane.domain.services.transitions import keep
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from ktrlplane.ports.payment_notices import Notice
from ktrlplane.ports.payments import Payments
from tests.builders import NOW, on
from tests.paying import a_provider
from tests.payment_faults import Fault, FaultyPayments, Killed
from tests.platforms import a_platform
from tests.stateful.test_billing import a_catalog
from tests.witness import WitnessingUnits

ADA = PrincipalId("ada")
ACME = on("organization acme")
MINUTE = timedelta(minutes=1)
UNAVAILABLE = BillingFault.PROVIDER_UNAVAILABLE


class Scene:
    """Ada owns the organization acme, which has a card, and the project plant in it."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.there = a_provider(self.clock, a_catalog())
        self.payments = FaultyPayments(self.there)
        faulty: Any = self.payments
        given: dict[str, Payments] = {"payments": faulty}
        self.units = WitnessingUnits()
        self.control = ControlPlane(
            units=self.units,
            clock=self.clock,
            catalog=a_catalog(),
            validator=a_platform().validator,
            deletion_grace=timedelta(0),
            **given,
        )
        self.ada: Session = self.control.sign_in(ADA, email="ada@example.com")
        self.ada.create_organization(id="acme", name="Acme")
        self.ada.create_project(id="plant", name="Plant", org_id="acme")
        self.asked = {"actor": ADA, "platform": self.control.platform}
        self.control.transact(lambda work: billing.open_customer(work, ACME, **self.asked))
        self.there.add_method(self.customer)

    @property
    def account(self) -> BillingAccount:
        with self.units.view() as work:
            account = work.billing.find(ACME)
        assert account is not None
        return account

    @property
    def customer(self) -> CustomerId:
        assert self.account.customer_id is not None
        return self.account.customer_id

    def buy(self, name: str = "one", sku: str = "gold") -> Resource:
        return self.ada.create_resource("plant", id=name, name="R", type="Acme.Kettle", sku=sku)

    def resource(self, name: str = "one") -> Resource:
        with self.units.view() as work:
            return work.resources.get(ResourceId(name))

    def billed(self) -> int:
        return sum(
            count for one in self.there.subscriptions(self.customer) for _, count in one.items
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_while_the_provider_fails_it_is_seen_and_then_made_good(scene: Scene) -> None:
    scene.payments.writes_coming.extend([Fault.REFUSED] * 3)
    made = scene.buy()
    assert scene.resource() == evolve(made, status_reason=WAITING)
    assert scene.account.fault is BillingFault.PROVIDER_UNAVAILABLE
    assert scene.account.due_at == NOW + pause_after(1)
    assert scene.billed() == 0
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert scene.billed() == 1
    assert scene.account.fault is None
    assert scene.resource().status_reason is None


def test_where_the_provider_cannot_even_be_asked_nothing_is_bought(scene: Scene) -> None:
    scene.payments.reads_coming.append(Fault.REFUSED)
    with pytest.raises(UpstreamError):
        scene.buy()
    with scene.units.view() as work:
        assert work.resources.among([ResourceId("one")]) == []


def test_requests_leave_a_provider_that_failed_to_the_worker_for_a_while(scene: Scene) -> None:
    scene.payments.writes_coming.append(Fault.REFUSED)
    scene.buy()
    calls = scene.payments.calls
    scene.ada.delete_resource("one")
    assert scene.payments.calls == calls


def test_an_answer_that_is_lost_is_found_again(scene: Scene) -> None:
    scene.payments.writes_coming.extend([Fault.NONE, Fault.LOST])  # a default, a subscription
    scene.buy()
    assert scene.account.subscription_id is None
    (living,) = scene.there.subscriptions(scene.customer)
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert scene.account.subscription_id == living.subscription_id
    assert scene.there.subscriptions(scene.customer) == [living]


def test_an_old_look_keeps_nothing(scene: Scene) -> None:
    transact, platform = scene.control.transact, scene.control.platform
    with scene.units.begin() as work:
        work.billing.touch([ACME], NOW)

    def claimed() -> BillingAccount:
        (account,) = transact(
            lambda work: claim_accounts(work, lease=MINUTE, limit=1, platform=platform)
        )
        return account

    old = claimed()
    wanted = transact(lambda work: wanted_of(work, old, platform=platform))
    assert wanted is not None
    found = agree(scene.there, wanted)
    scene.clock.advance(2 * MINUTE)
    claimed()
    before = scene.account
    assert transact(lambda work: wanted_of(work, old, platform=platform)) is None
    transact(lambda work: settle_account(work, old, wanted, found, platform=platform))
    transact(lambda work: put_off(work, old, fault=UNAVAILABLE, platform=platform))
    assert scene.account == before


def test_what_is_touched_while_somebody_looks_is_looked_at_again(scene: Scene) -> None:
    transact, platform = scene.control.transact, scene.control.platform
    with scene.units.begin() as work:
        work.billing.touch([ACME], NOW)
    (account,) = transact(
        lambda work: claim_accounts(work, lease=MINUTE, limit=1, platform=platform)
    )
    wanted = transact(lambda work: wanted_of(work, account, platform=platform))
    assert wanted is not None
    scene.buy()  # which cannot be settled at once: somebody has the lease
    assert scene.billed() == 0
    found = Found(customer_id=scene.customer)
    transact(lambda work: settle_account(work, account, wanted, found, platform=platform))
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert scene.billed() == 1


def test_a_notice_is_a_reason_to_look_and_nothing_else(scene: Scene) -> None:
    scene.buy()
    notice = Notice(notice_id="evt_1", customer_id=scene.customer)
    scene.there.decline(scene.customer)
    scene.clock.advance(timedelta(days=32))

    def told(one: Notice) -> bool:
        return scene.control.transact(
            lambda work: heed_notice(work, one, platform=scene.control.platform)
        )

    assert scene.account.fault is None
    assert told(notice)
    assert scene.account.fault is BillingFault.PAYMENT_FAILED
    revision = scene.account.revision
    assert not told(notice)
    assert not told(Notice(notice_id="evt_2", customer_id=CustomerId("cus_of_others")))
    assert not told(Notice(notice_id="evt_3", customer_id=None))
    assert scene.account.revision == revision
    good = scene.there.add_method(scene.customer)
    scene.there.make_default(scene.customer, good, key="good")
    assert told(Notice(notice_id="evt_4", customer_id=scene.customer, about_method=True))
    assert scene.account.fault is None


def test_a_project_is_gone_once_nothing_of_its_is_billed(scene: Scene) -> None:
    scene.ada.create_project(id="alone", name="Alone")
    alone = on("project alone")
    scene.control.transact(lambda work: billing.open_customer(work, alone, **scene.asked))
    with scene.units.view() as work:
        account = work.billing.find(alone)
    assert account is not None
    assert account.customer_id is not None
    scene.there.add_method(account.customer_id)
    scene.ada.create_resource("alone", id="own", name="R", type="Acme.Kettle", sku="gold")
    assert len(scene.there.subscriptions(account.customer_id)) == 1
    scene.payments.writes_coming.extend([Fault.REFUSED] * 2)
    scene.ada.delete_project("alone", cascade=True)

    def status() -> ProjectStatus:
        with scene.units.view() as work:
            return work.projects.get(ProjectId("alone")).status

    scene.clock.advance(timedelta(seconds=1))
    scene.control.catch_up()
    assert status() is ProjectStatus.DELETING
    assert len(scene.there.subscriptions(account.customer_id)) == 1
    for _ in range(4):
        scene.clock.advance(MINUTE)
        scene.control.catch_up()
    assert scene.there.subscriptions(account.customer_id) == []
    assert status() is ProjectStatus.DELETED


def test_what_came_without_a_price_gets_one(scene: Scene) -> None:
    scene.buy()
    with scene.units.unwitnessed() as work:
        came = evolve(scene.resource(), stripe_price_id=None, came_unpriced=True)
        work.resources.replace(came)
        work.billing.touch([ACME], NOW)
    scene.control.catch_up()
    assert scene.resource().stripe_price_id is not None
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert scene.billed() == 1


def test_what_came_without_a_price_gets_one_though_the_provider_fails_at_first(
    scene: Scene,
) -> None:
    scene.buy()
    with scene.units.unwitnessed() as work:
        came = evolve(scene.resource(), stripe_price_id=None, came_unpriced=True)
        work.resources.replace(came)
        work.billing.touch([ACME], NOW)
    scene.clock.advance(timedelta(minutes=6))  # no price is remembered
    scene.payments.reads_coming.append(Fault.REFUSED)
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.PROVIDER_UNAVAILABLE
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert scene.resource().stripe_price_id is not None


def test_a_customer_that_is_lost_is_made_anew_for_who_asks(scene: Scene) -> None:
    """By one call, and for nobody who has not asked."""
    former = scene.customer
    scene.there.lose(former)
    scene.control.transact(lambda work: billing.open_customer(work, ACME, **scene.asked))
    scene.control.catch_up()
    assert scene.customer != former
    assert scene.account.customers == 2
    scene.there.lose(scene.customer)
    scene.clock.advance(timedelta(hours=7))
    for _ in range(2):
        scene.control.catch_up()
    assert scene.account.customer_id is None


def test_who_has_a_tier_for_nothing_is_not_billed_once_it_has_a_price(scene: Scene) -> None:
    scene.buy("paid")
    scene.buy("one", "free")
    catalog = scene.control.platform.catalog
    kettle, *others = catalog.resource_types
    priced = next(tier.prices for tier in kettle.tiers if tier.sku == "few")
    tiers = tuple(
        evolve(tier, prices=priced) if tier.sku == "free" else tier for tier in kettle.tiers
    )
    dearer = evolve(catalog, resource_types=(evolve(kettle, tiers=tiers), *others))
    control = ControlPlane(
        units=scene.units,
        clock=scene.clock,
        catalog=dearer,
        validator=a_platform().validator,
        payments=scene.there,
    )
    scene.clock.advance(timedelta(hours=7))
    control.catch_up()
    assert scene.resource("one").stripe_price_id is None
    assert scene.billed() == 1


def test_drift_is_found_and_repaired(scene: Scene) -> None:
    scene.buy()
    scene.buy("two")
    (living,) = scene.there.subscriptions(scene.customer)
    items = evolve(living.items, quantities={next(iter(living.items))[0]: 7})
    contract = scene.there._contracts[living.subscription_id]
    contract.subscription = evolve(living, items=items)
    assert scene.billed() == 7
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    assert scene.billed() == 2


def test_what_another_made_by_hand_is_left_alone(scene: Scene) -> None:
    """One without a revision is none of ours."""
    scene.buy()
    (living,) = scene.there.subscriptions(scene.customer)
    contract = scene.there._contracts[living.subscription_id]
    contract.subscription = evolve(living, revision=0, subscription_id=SubscriptionId("sub_hand"))
    scene.ada.delete_resource("one")
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert [one.subscription_id for one in scene.there.subscriptions(scene.customer)] == [
        SubscriptionId("sub_hand")
    ]


def test_an_organization_that_is_gone_is_settled(scene: Scene) -> None:
    scene.buy()
    scene.payments.writes_coming.extend([Fault.LOST, Fault.TIMED_OUT])
    scene.ada.delete_organization("acme", cascade=True)
    for _ in range(4):
        scene.clock.advance(MINUTE)
        scene.control.catch_up()
    assert scene.there.subscriptions(scene.customer) == []
    assert scene.account.is_settled


def test_pauses_grow_and_end() -> None:
    pauses = [pause_after(attempts) for attempts in range(40)]
    assert pauses == sorted(pauses)
    assert (pauses[1], pauses[-1]) == (timedelta(seconds=2), timedelta(minutes=30))


def test_a_scope_names_its_account() -> None:
    scope = Scope.of(OrganizationId("acme"))
    assert BillingAccount.of(scope, NOW).billing_account_id.value == "bill_organization_acme"


def test_who_never_paid_has_no_grace(scene: Scene) -> None:
    """A card that is taken away right after it was seen buys nothing."""
    scene.payments.reads_coming.extend([Fault.NONE] * 3 + [Fault.REFUSED])
    scene.buy()
    (method,) = scene.there.payment_methods(scene.customer)
    scene.there.remove_method(scene.customer, method.payment_method_id)
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.PAYMENT_METHOD_MISSING
    assert scene.account.has_lapsed
    assert scene.resource().holds == (Hold.PAYMENT,)


def test_who_was_never_asked_is_asked_first(scene: Scene) -> None:
    """What came from the platform's former system."""
    scene.ada.create_project(id="old", name="Old")
    scene.ada.create_resource("old", id="old-one", name="R", type="Acme.Kettle", sku="free")
    with scene.units.unwitnessed() as work:
        old = work.resources.get(ResourceId("old-one"))
        work.resources.replace(evolve(old, sku="gold", came_unpriced=True))
        work.billing.touch([on("project old")], NOW)
    scene.control.catch_up()
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    with scene.units.view() as work:
        account = work.billing.find(on("project old"))
    assert account is not None
    assert account.fault is BillingFault.PAYMENT_METHOD_MISSING
    assert not account.has_lapsed
    assert account.grace_until is not None
    scene.clock.advance(timedelta(days=8))
    scene.control.catch_up()
    assert scene.resource("old-one").holds == (Hold.PAYMENT,)


def test_what_is_free_by_now_is_not_held(scene: Scene) -> None:
    scene.buy()
    scene.buy("two")
    (living,) = scene.there.subscriptions(scene.customer)
    scene.there.end(living.subscription_id)
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    assert scene.resource().holds == (Hold.PAYMENT,)
    scene.ada.update_resource("one", sku="free")
    assert scene.resource().holds == ()
    assert scene.resource("two").holds == (Hold.PAYMENT,)


def test_who_comes_back_as_another_customer_is_billed_again(scene: Scene) -> None:
    scene.buy()
    scene.there.lose(scene.customer)
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    assert (scene.account.fault, scene.account.customer_id) == (BillingFault.CUSTOMER_GONE, None)
    assert not scene.account.has_lapsed
    scene.control.transact(lambda work: billing.open_customer(work, ACME, **scene.asked))
    scene.there.add_method(scene.customer)
    notice = Notice(notice_id="evt_1", customer_id=scene.customer, about_method=True)
    scene.control.transact(lambda work: heed_notice(work, notice, platform=scene.control.platform))
    assert scene.account.fault is None
    assert scene.billed() == 1


def test_no_more_is_sold_than_one_subscription_can_contain(scene: Scene) -> None:
    scene.buy()
    with scene.units.unwitnessed() as work:
        for number in range(19):
            other = evolve(
                scene.resource(),
                resource_id=ResourceId(f"other-{number}"),
                stripe_price_id=f"price_other_{number}",
            )
            work.resources.add(other)
    with pytest.raises(LimitExceeded, match="20 different tiers"):
        scene.buy("two", "grand")
    assert scene.buy("three").stripe_price_id == scene.resource().stripe_price_id


def test_a_first_payment_that_failed_recovers_though_something_else_is_wanted(
    scene: Scene,
) -> None:
    """And though whoever sees to that dies, or there is no card for a while."""
    (card,) = scene.there.payment_methods(scene.customer)
    scene.there.remove_method(scene.customer, card.payment_method_id)
    declined = scene.there.add_method(scene.customer, declined=True)
    scene.there.use(scene.customer, declined)
    scene.buy("one", "gold")
    scene.there.remove_method(scene.customer, declined)
    scene.payments.writes_coming.append(Fault.DIES_BEFORE)
    with suppress(Killed):
        scene.ada.update_resource("one", sku="few")
    scene.clock.advance(2 * MINUTE)
    scene.control.catch_up()
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.PAYMENT_METHOD_MISSING
    assert Hold.PAYMENT in scene.resource().holds
    scene.there.add_method(scene.customer)
    notice = Notice(notice_id="n1", customer_id=scene.customer, about_method=True)
    scene.control.transact(lambda work: heed_notice(work, notice, platform=scene.control.platform))
    scene.control.catch_up()
    assert (scene.account.fault, scene.billed()) == (None, 1)
    assert scene.resource().holds == ()


def test_what_the_provider_refuses_is_told_and_holds_up_nobody_else(scene: Scene) -> None:
    scene.buy("one", "gold")
    with scene.units.begin() as work:
        one = work.resources.get(ResourceId("one"))
        lost = evolve(one, stripe_price_id="price_of_another_account")
        keep(work, [(one, lost)], actor=None, platform=scene.control.platform)
        work.billing.touch([ACME], scene.clock.now())
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.PRICE_MISSING
    scene.ada.create_organization(id="other", name="Other")
    calls = scene.payments.calls
    other = on("organization other")
    scene.control.transact(lambda work: billing.open_customer(work, other, **scene.asked))
    assert scene.payments.calls > calls, "it is looked at at once"


@pytest.mark.parametrize("act", [billing.cancel, billing.resume])
def test_who_repeats_a_request_is_not_told_what_is_so_no_more(scene: Scene, act: Any) -> None:
    """Its effect was never answered, and somebody has undone it since."""
    scene.buy("one", "gold")
    undo = billing.resume if act is billing.cancel else billing.cancel
    if act is billing.resume:
        scene.control.transact(lambda work: billing.cancel(work, ACME, key="k0", **scene.asked))

    def ask() -> Any:
        return scene.control.transact(lambda work: act(work, ACME, key="k1", **scene.asked))

    scene.payments.writes_coming.append(Fault.LOST)
    with pytest.raises(UpstreamError):
        ask()
    scene.control.transact(lambda work: undo(work, ACME, key="k2", **scene.asked))
    assert ask().cancel_at_period_end is (act is billing.cancel)
    (living,) = scene.there.subscriptions(scene.customer)
    assert living.cancel_at_period_end is (act is billing.cancel)


def test_what_is_owed_is_told_though_nothing_is_left_to_pay_for(scene: Scene) -> None:
    """Until it is paid: by another card, or by its link."""
    scene.buy()
    scene.there.decline(scene.customer)
    scene.clock.advance(timedelta(days=32))
    scene.control.catch_up()
    scene.ada.delete_resource("one")
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.PAYMENT_FAILED

    def subscribe() -> None:
        scene.control.transact(
            lambda work: subscribing.subscribe(work, ACME, subscribing.Subscribe(), **scene.asked)
        )

    subscribe()
    assert scene.account.fault is BillingFault.PAYMENT_FAILED
    for _ in range(2):
        scene.clock.advance(timedelta(hours=7))
        scene.control.catch_up()
        assert scene.account.fault is BillingFault.PAYMENT_FAILED
    assert not scene.account.has_lapsed
    good = scene.there.add_method(scene.customer)
    scene.there.make_default(scene.customer, good, key="good")
    subscribe()
    assert scene.account.fault is None


def test_what_the_provider_has_ended_is_told_as_ended_though_it_is_owed(scene: Scene) -> None:
    """And is not begun again while it is, by whoever asks."""
    scene.buy()
    scene.there.decline(scene.customer)
    scene.clock.advance(timedelta(days=32))
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.PAYMENT_FAILED
    (living,) = scene.there.subscriptions(scene.customer)
    scene.there.end(living.subscription_id)
    scene.clock.advance(timedelta(hours=7))
    scene.control.catch_up()
    assert scene.account.fault is BillingFault.SUBSCRIPTION_ENDED
    assert scene.resource().holds == (Hold.PAYMENT,)
    scene.control.transact(
        lambda work: subscribing.subscribe(work, ACME, subscribing.Subscribe(), **scene.asked)
    )
    for _ in range(3):
        assert (scene.account.fault, scene.billed()) == (BillingFault.PAYMENT_FAILED, 0)
        scene.clock.advance(timedelta(hours=7))
        scene.control.catch_up()


def test_what_is_owed_is_told_though_nobody_had_heard_of_it(scene: Scene) -> None:
    scene.buy()
    scene.there.decline(scene.customer)
    scene.clock.advance(timedelta(days=32))
    scene.ada.delete_resource("one")
    assert scene.account.fault is BillingFault.PAYMENT_FAILED
    (open_one,) = [
        one
        for one in scene.there.invoices(scene.customer, limit=9)
        if one.state is InvoiceState.OPEN
    ]
    good = scene.there.add_method(scene.customer)
    scene.there.make_default(scene.customer, good, key="good")
    scene.there.pay(open_one.invoice_id, key="by its link")
    notice = Notice(notice_id="paid", customer_id=scene.customer)
    scene.control.transact(lambda work: heed_notice(work, notice, platform=scene.control.platform))
    assert scene.account.fault is None


def pending(scene: Scene) -> int:
    """What the next invoice is dearer by."""
    (living,) = scene.there.subscriptions(scene.customer)
    lines = scene.there._contracts[living.subscription_id].pending
    return sum(line.total.amount for line in lines)


@pytest.mark.parametrize("is_looked_at", [False, True])
@pytest.mark.parametrize("act", ["delete", "buy", "delete both"])
def test_what_changed_is_prorated_from_when_it_did_whoever_asks_meanwhile(
    scene: Scene, act: str, *, is_looked_at: bool
) -> None:
    """The provider fails for ten hours. Nobody pays for what they gave up an hour after that
    began, or for what they had not bought yet."""
    for name in ("one", "two", "three"):
        scene.buy(name)
    scene.clock.advance(timedelta(days=5))
    began, before = scene.clock.now(), pending(scene)
    scene.payments.writes_coming.extend([Fault.REFUSED] * 60)
    if act == "buy":
        scene.buy("four", "grand")
    else:
        scene.ada.delete_resource("two")
    for _ in range(10):
        scene.clock.advance(timedelta(hours=1))
        scene.control.catch_up()
    if act == "delete both":
        scene.ada.delete_resource("three")
    if is_looked_at:
        scene.control.transact(lambda work: billing.open_customer(work, ACME, **scene.asked))
    assert scene.account.touched_at == began
    scene.payments.writes_coming.clear()
    scene.clock.advance(timedelta(hours=1))
    scene.control.catch_up()
    (living,) = scene.there.subscriptions(scene.customer)
    left_s = int((living.current_period_end - began).total_seconds())
    period_s = int((living.current_period_end - living.current_period_start).total_seconds())
    sign, each = (1, 2500) if act == "buy" else (-1, 1000)
    count = 2 if act == "delete both" else 1
    exact = sign * count * each * left_s / period_s
    assert abs(pending(scene) - before - exact) <= 1
    assert scene.account.touched_at is None


def test_what_somebody_has_invoiced_by_hand_is_neither_paid_nor_in_the_way(scene: Scene) -> None:
    """At the provider, to be paid within thirty days by a transfer."""
    scene.buy()
    real, paid = scene.there.invoices, []
    by_hand = evolve(
        real(scene.customer, limit=1)[0],
        invoice_id=InvoiceId("in_hand"),
        subscription_id=None,
        state=InvoiceState.OPEN,
    )

    def invoices(customer_id: CustomerId, **asked: Any) -> Any:
        return [by_hand, *real(customer_id, **asked)]

    def pay(invoice_id: InvoiceId, **_: Any) -> None:
        paid.append(invoice_id)

    given: Any = scene.there
    given.invoices, given.pay = invoices, pay
    scene.buy("two")
    scene.there.add_method(scene.customer)
    notice = Notice(notice_id="card", customer_id=scene.customer, about_method=True)
    scene.control.transact(lambda work: heed_notice(work, notice, platform=scene.control.platform))
    assert (paid, scene.account.fault, scene.billed()) == ([], None, 2)
    scene.ada.delete_resource("one")
    scene.ada.delete_resource("two")
    assert (paid, scene.account.fault, scene.billed()) == ([], None, 0)


def test_a_subscription_that_nobody_here_has_made_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """While it lives the customer can have no other, and nothing is paid for."""
    price = scene.there.prices(["few-eur-month"])["few-eur-month"].price_id
    plan = Plan(items=SubscriptionItems({price: 1}), revision=1)
    (method,) = scene.there.payment_methods(scene.customer)
    scene.there.make_default(scene.customer, method.payment_method_id, key="default")
    theirs = scene.there.subscribe(scene.customer, plan)
    contract = scene.there._contracts[theirs.subscription_id]
    contract.subscription = evolve(contract.subscription, revision=0)
    scene.buy()
    assert scene.account.fault is BillingFault.SUBSCRIPTION_UNKNOWN
    assert scene.resource().status_reason == SUBSCRIBED_ELSEWHERE
    (told,) = [one for one in caplog.records if one.message == "account_put_off"]
    assert (told.levelname, theirs.subscription_id.value in told.__dict__["reason"]) == (
        "WARNING",
        True,
    )
    scene.there.end(theirs.subscription_id)
    scene.clock.advance(MINUTE)
    scene.control.catch_up()
    assert (scene.account.fault, scene.resource().status_reason) == (None, None)
    assert scene.billed() == 1


def test_what_changes_whenever_somebody_looks_is_told_in_the_end(scene: Scene) -> None:
    scene.buy()
    (living,) = scene.there.subscriptions(scene.customer)
    contract = scene.there._contracts[living.subscription_id]
    contract.subscription = evolve(living, revision=living.revision + 1000)
    scene.buy("two")
    faults = [scene.account.fault]
    for _ in range(6):
        scene.clock.advance(MINUTE)
        scene.control.catch_up()
        faults.append(scene.account.fault)
    assert faults == [None] * 5 + [BillingFault.PROVIDER_UNAVAILABLE] * 2
    assert scene.resource("two").status_reason == WAITING
