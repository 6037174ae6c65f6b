"""What does not change is looked at ever more seldom, and never without end."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile, Subscription, SubscriptionItems, SubscriptionState
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault, pause_after
from ktrlplane.domain.ids import CustomerId, PriceId, ProjectId, SubscriptionId
from ktrlplane.domain.services import billing
from ktrlplane.domain.services.agreeing import Found, Wanted
from ktrlplane.domain.services.payment_notices import heed_notice
from ktrlplane.domain.services.settlement import settle_account
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.ports.payment_notices import Notice
from tests.builders import ALICE, NOW, on
from tests.buying import ACME, OTHER, Scene
from tests.payment_faults import Fault

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ITEMS = SubscriptionItems({PriceId("price_1"): 1})
CUSTOMER, SUBSCRIPTION = CustomerId("cus_1"), SubscriptionId("sub_1")
LOOKS = 12
SOON = 3
"""Something may be done at once, a grace end and a trial end a moment later: each one time."""


@pytest.fixture
def scene() -> Scene:
    return Scene({"gold": 20, "few": 10})


def moments(scene: Scene, scope: Scope) -> Sequence[int]:
    """The revisions after each of some looks at whatever is due by then."""
    revisions = []
    for _ in range(6):
        scene.control.catch_up()
        revisions.append(scene.account(scope).revision)
    return revisions


subscriptions = st.builds(
    Subscription,
    subscription_id=st.just(SUBSCRIPTION),
    customer_id=st.just(CUSTOMER),
    state=st.sampled_from([one for one in SubscriptionState if not one.is_over]),
    items=st.just(ITEMS),
    revision=st.just(1),
    current_period_start=st.just(NOW - timedelta(days=10)),
    current_period_end=st.sampled_from([NOW, NOW + MINUTE, NOW + timedelta(days=20)]),
)
faults = st.none() | st.sampled_from(BillingFault)
accounts = st.builds(
    evolve,
    st.just(BillingAccount.of(ACME, NOW)),
    customer_id=st.none() | st.just(CUSTOMER),
    subscription_id=st.none() | st.just(SUBSCRIPTION),
    opened_by=st.none() | st.just(ALICE),
    customers=st.integers(0, 2),
    trial_days=st.none() | st.integers(0, 30),
    ending=st.just(()) | st.just((SubscriptionId("sub_0"),)),
    fault=faults,
    grace_until=st.none() | st.sampled_from([NOW, NOW + MINUTE]),
    pay_again=st.booleans(),
)
finds = st.builds(
    Found,
    customer_id=st.none() | st.just(CUSTOMER),
    subscription=st.none() | subscriptions,
    fault=faults,
    was_never_paid=st.booleans(),
    is_outgrown=st.booleans(),
)
profiles = st.none() | st.just(Profile(scope=ACME, name="Acme", email="a@example.com"))


@given(accounts, finds, st.sampled_from([ITEMS, SubscriptionItems()]), profiles)
def test_an_unchanged_world_is_never_looked_at_without_end(
    account: BillingAccount, found: Found, items: SubscriptionItems, profile: Profile | None
) -> None:
    units, clock = MemoryUnitsOfWork(), ManualClock(NOW)
    control = ControlPlane(units=units, clock=clock)
    control.sign_in("alice", email="alice@example.com").create_organization(id="acme", name="A")
    with units.begin() as work:
        work.billing.change(account)
        work.billing.touch([ACME], NOW)
    soon: list[datetime] = []
    for _ in range(LOOKS):
        with units.begin() as work:
            (claimed,) = work.billing.claim(clock.now(), clock.now() + MINUTE, limit=1)
            wanted = Wanted(account=claimed, items=items, at=clock.now(), profile=profile)
            settle_account(work, claimed, wanted, found, platform=control.platform)
            kept = work.billing.find(ACME)
        assert kept is not None
        assert kept.due_at is not None
        if kept.due_at < clock.now() + pause_after(1):
            soon.append(kept.due_at)
        clock.set(max(clock.now(), kept.due_at))
    assert len(soon) <= SOON
    assert soon == sorted(soon)


def test_who_is_gone_gets_no_customer_and_no_further_look(scene: Scene) -> None:
    """A customer was asked for, and the organization deleted before there was one."""
    scene.ada.create_organization(id="third", name="third")
    third = on("organization third")
    scene.payments.writes_coming.append(Fault.REFUSED)
    scene.act(billing.open_customer, third)
    assert scene.account(third).customer_id is None
    scene.ada.delete_organization("third")
    scene.clock.advance(HOUR)
    first, *later = moments(scene, third)
    assert set(later) == {first}
    assert scene.account(third).opened_by is None


def test_what_is_lost_and_then_gone_is_looked_at_once_more(scene: Scene) -> None:
    scene.there.lose(scene.account(OTHER).customer_id)
    with scene.control.transact.units.begin() as work:
        work.billing.change(evolve(scene.account(OTHER), opened_by=ALICE))
    scene.ada.delete_organization("other")
    scene.clock.advance(HOUR)
    *_, before, last = moments(scene, OTHER)
    assert before == last
    assert scene.account(OTHER).opened_by is None


def test_an_account_that_was_looked_at_without_end_is_so_no_more(scene: Scene) -> None:
    """As a former version has left it."""
    scene.ada.create_organization(id="third", name="third")
    scene.ada.delete_organization("third")
    third = on("organization third")
    with scene.control.transact.units.begin() as work:
        work.billing.change(evolve(BillingAccount.of(third, NOW), opened_by=ALICE))
        work.billing.touch([third], NOW)
    first, *later = moments(scene, third)
    assert set(later) == {first}


def test_what_a_look_itself_has_caused_to_be_told_is_no_reason_to_pay_again(scene: Scene) -> None:
    """A payment that fails is told while somebody looks still: once more is not asked for."""
    scene.buy("one", "grand")
    customer_id = scene.account(ACME).customer_id
    scene.there.decline(customer_id)
    scene.pass_time(timedelta(days=32))
    assert scene.account(ACME).fault is BillingFault.PAYMENT_FAILED
    there, tries = scene.payments.there, []
    real = there.pay

    def pay(*args: object, **kwargs: object) -> object:
        tries.append(args)
        notice = Notice(notice_id=f"failed_{len(tries)}", customer_id=customer_id)
        heed(notice)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    def heed(notice: Notice) -> None:
        platform = scene.control.platform
        with scene.control.transact.units.begin() as work:
            heed_notice(work, notice, platform=platform)

    there.pay = pay  # type: ignore[method-assign,assignment]
    heed(Notice(notice_id="asked", customer_id=customer_id, about_method=True))
    for _ in range(10):
        scene.pass_time(timedelta(seconds=1))
    assert len(tries) == 1
    assert not scene.account(ACME).pay_again


def test_a_project_that_ends_does_not_hurry_a_provider_that_fails(scene: Scene) -> None:
    scene.inherit("plant", inherits=False)
    scene.buy("one", "grand")
    scene.payments.writes_coming.extend([Fault.REFUSED] * 60)
    scene.ada.delete_project("plant", cascade=True)
    calls = scene.payments.calls
    for _ in range(20):
        scene.pass_time(timedelta(seconds=1))
    assert scene.payments.calls - calls < 20
    scene.payments.writes_coming.clear()
    for _ in range(3):
        scene.pass_time(HOUR)
    with scene.control.transact.units.view() as work:
        assert work.projects.get(ProjectId("plant")).status == "Deleted"
