"""A key of another account, or of another mode, does nothing."""

from typing import Any

import pytest
from attrs import define, evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.ids import CustomerId, MerchantId
from ktrlplane.domain.services.merchants import ASKED_FOR, bind
from ktrlplane.entrypoints.merchants import LOOKED_AT_EVERY_S, RequireMerchant
from ktrlplane.ports.payments import AnotherMerchant
from tests.builders import NOW, on

OURS, THEIRS = MerchantId("simulated"), MerchantId("other_simulated")


class Nameless(MemoryPayments):
    def merchant(self) -> Any:
        return None


@define
class Desk:
    """A database, the account in which its customers are, and another one."""

    units: MemoryUnitsOfWork
    ours: MemoryPayments
    theirs: MemoryPayments
    time: float = 0.0

    def require(self, there: MemoryPayments) -> RequireMerchant:
        return RequireMerchant(there, lambda: self.units, lambda: self.time)

    def know(self, customer_id: CustomerId) -> None:
        account = BillingAccount.of(on(f"project {customer_id.value.replace('_', '-')}"), NOW)
        with self.units.begin() as work:
            work.billing.change(evolve(account, customer_id=customer_id))

    def customer(self, key: str = "acme") -> CustomerId:
        profile = Profile(scope=on("organization acme"), name="A", email="a@example.com")
        return self.ours.open_customer(profile, key=key).customer_id

    @property
    def bound(self) -> MerchantId | None:
        with self.units.view() as work:
            return work.billing.merchant()


@pytest.fixture
def desk() -> Desk:
    clock = ManualClock(NOW)
    return Desk(MemoryUnitsOfWork(), MemoryPayments(clock), MemoryPayments(clock, mark="other_"))


def test_before_there_is_a_customer_any_will_do(desk: Desk) -> None:
    desk.require(desk.theirs)()
    desk.require(desk.ours)()
    assert desk.bound is None


def test_the_first_is_who_has_one_of_them(desk: Desk) -> None:
    required = desk.require(desk.ours)
    required()
    desk.know(desk.customer())
    required()
    assert desk.bound == OURS
    required()


def test_from_then_on_no_other_is_asked(desk: Desk) -> None:
    desk.know(desk.customer())
    desk.require(desk.ours)()
    with pytest.raises(AnotherMerchant, match="KTRLPLANE_STRIPE_SECRET_KEY"):
        desk.require(desk.theirs)()
    assert desk.bound == OURS


def test_nor_is_one_who_has_none_of_those_who_came(desk: Desk) -> None:
    """A key that is wrong from the beginning."""
    for number in range(3):
        desk.know(desk.customer(f"{number}"))
    with pytest.raises(AnotherMerchant):
        desk.require(desk.theirs)()
    assert desk.bound is None
    desk.require(desk.ours)()
    assert desk.bound == OURS


def test_that_some_who_came_are_gone_says_nothing(desk: Desk) -> None:
    kept = desk.customer("kept")
    for number in range(ASKED_FOR - 1):
        customer_id = desk.customer(f"{number}")
        desk.know(customer_id)
        desk.ours.lose(customer_id)
    desk.know(kept)
    desk.require(desk.ours)()
    assert desk.bound == OURS


def test_nor_that_all_are_once_it_is_known(desk: Desk) -> None:
    customer_id = desk.customer()
    desk.know(customer_id)
    desk.require(desk.ours)()
    desk.ours.lose(customer_id)
    desk.require(desk.ours)()


def test_who_runs_the_platform_may_say_another(desk: Desk) -> None:
    desk.know(desk.customer())
    former, required = desk.require(desk.ours), desk.require(desk.theirs)
    former()
    former()
    for _ in range(2):
        with pytest.raises(AnotherMerchant):
            required()
    with desk.units.begin() as work:
        assert bind(work, THEIRS) == OURS
    with pytest.raises(AnotherMerchant):
        required()
    desk.time += LOOKED_AT_EVERY_S
    required()
    with pytest.raises(AnotherMerchant):
        former()


def test_where_nobody_says_whose_it_is_all_goes_on(desk: Desk) -> None:
    desk.know(desk.customer())
    desk.require(Nameless(ManualClock(NOW)))()
    assert desk.bound is None


def test_what_was_refused_is_told_once_in_a_while(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.know(desk.customer())
    desk.require(desk.ours)()
    required = desk.require(desk.theirs)
    for _ in range(5):
        with pytest.raises(AnotherMerchant):
            required()
    (told,) = [one for one in caplog.records if one.message == "another_merchant"]
    assert (vars(told)["bound"], vars(told)["present"]) == (str(OURS), str(THEIRS))
