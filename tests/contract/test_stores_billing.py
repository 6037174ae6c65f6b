from datetime import timedelta
from typing import Any

from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault, PaidChange, Terms
from ktrlplane.domain.ids import (
    BillingAccountId,
    CustomerId,
    MerchantId,
    PriceId,
    SubscriptionId,
)
from ktrlplane.domain.lifecycle import Hold, Status
from ktrlplane.ports.billing import Paid
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, HOUR, NOW, a_project, a_resource, an_organization, keep, on

ACME, WEB, ALONE = on("organization acme"), on("project web"), on("project alone")
MINUTE = timedelta(minutes=1)


def an_account(scope: Scope = ACME, **but: Any) -> BillingAccount:
    return evolve(BillingAccount.of(scope, NOW), **but)


def found(units: UnitsOfWork, scope: Scope = ACME) -> BillingAccount | None:
    with units.view() as work:
        return work.billing.find(scope)


def changed(units: UnitsOfWork, *accounts: BillingAccount) -> None:
    with units.begin() as work:
        for one in accounts:
            work.billing.change(one)


def touched(
    units: UnitsOfWork, *scopes: Scope, at: Any = NOW, paid: PaidChange | None = None
) -> None:
    with units.begin() as work:
        work.billing.touch(scopes, at, paid=paid)


def claimed(units: UnitsOfWork, now: Any = NOW, **but: Any) -> list[BillingAccount]:
    with units.begin() as work:
        return list(work.billing.claim(now, now + MINUTE, **{"limit": 10} | but))


def test_an_account_comes_back_as_it_went_in(bare: UnitsOfWork) -> None:
    whole = an_account(
        customer_id=CustomerId("cus_1"),
        subscription_id=SubscriptionId("sub_1"),
        opened_by=ALICE,
        customers=2,
        has_subscribed=True,
        trial_days=14,
        terms=Terms("eur", Interval.YEAR),
        ending=(SubscriptionId("sub_2"), SubscriptionId("sub_3")),
        fault=BillingFault.PAYMENT_FAILED,
        grace_until=NOW + HOUR,
        has_lapsed=True,
        pay_again=True,
    )
    changed(bare, whole, an_account(WEB))
    assert found(bare) == whole
    assert found(bare, WEB) == an_account(WEB)
    assert found(bare, ALONE) is None
    with bare.view() as work:
        assert work.billing.of_customer(CustomerId("cus_1")) == whole
        assert work.billing.of_customer(CustomerId("cus_2")) is None
        assert work.billing.with_customers() == [ACME]
    again = evolve(whole, customer_id=None, ending=(), fault=None, terms=Terms())
    changed(bare, again)
    assert found(bare) == again


def test_scopes_of_the_same_name_have_accounts_of_their_own(bare: UnitsOfWork) -> None:
    same = [on("organization same"), on("project same")]
    touched(bare, *same)
    assert [getattr(found(bare, scope), "billing_account_id", None) for scope in same] == [
        BillingAccountId("bill_organization_same"),
        BillingAccountId("bill_project_same"),
    ]


def test_what_is_touched_is_due_and_has_another_revision(bare: UnitsOfWork) -> None:
    with bare.begin() as work:
        work.billing.touch([ACME, WEB], NOW)
        assert set(work.billing.touched) == {ACME, WEB}
    assert found(bare) == evolve(an_account(), revision=1, due_at=NOW)
    touched(bare, ACME, at=NOW + HOUR)
    account = found(bare)
    assert account is not None
    assert (account.revision, account.due_at, account.touched_at) == (2, NOW, None)
    changed(bare, evolve(account, revision=77, due_at=None, leased_until=NOW, attempts=9))
    assert found(bare) == account
    with bare.begin() as work:
        assert work.billing.touched == frozenset()


def test_it_is_kept_from_when_on_something_else_is_paid_for(bare: UnitsOfWork) -> None:
    less, other = PaidChange.LESS, PaidChange.OTHER
    said = [(less, 1), (None, 2), (less, 3), (other, 4), (None, 5), (other, 6), (less, 7)]
    kept = []
    for paid, hours in said:
        touched(bare, ACME, at=NOW + hours * HOUR, paid=paid)
        account = found(bare)
        assert account is not None
        assert account.touched_at is not None
        kept.append((account.touched_at - NOW) // HOUR)
    assert kept == [1, 1, 1, 4, 4, 6, 6]


def test_what_is_claimed_is_nobody_elses_until_its_lease_ends(bare: UnitsOfWork) -> None:
    touched(bare, ACME)
    touched(bare, WEB, at=NOW + MINUTE)
    assert claimed(bare, NOW - MINUTE) == []
    (acme,) = claimed(bare)
    assert (acme.scope, acme.revision, acme.leased_until) == (ACME, 2, NOW + MINUTE)
    assert claimed(bare) == []
    touched(bare, ACME)
    assert claimed(bare) == []
    again = claimed(bare, NOW + MINUTE)
    assert {one.scope: one.revision for one in again} == {ACME: 4, WEB: 2}


def test_those_are_claimed_that_have_waited_longest_or_are_asked_for(bare: UnitsOfWork) -> None:
    touched(bare, ACME, at=NOW + MINUTE)
    touched(bare, WEB)
    touched(bare, ALONE, at=NOW + 2 * MINUTE)
    later = NOW + HOUR
    assert [one.scope for one in claimed(bare, later, limit=1)] == [WEB]
    assert claimed(bare, later, among=[WEB]) == []
    assert [one.scope for one in claimed(bare, later, among=[ALONE, WEB])] == [ALONE]
    assert [one.scope for one in claimed(bare, later, among=[])] == []
    assert [one.scope for one in claimed(bare, later)] == [ACME]


def settled(
    units: UnitsOfWork, claim: BillingAccount, account: BillingAccount, due_at: Any
) -> bool:
    with units.begin() as work:
        return work.billing.settle(claim, account, due_at)


def test_what_was_found_is_kept_by_who_has_the_lease(bare: UnitsOfWork) -> None:
    touched(bare, ACME)
    (claim,) = claimed(bare)
    after = evolve(claim, customer_id=CustomerId("cus_1"), attempts=3)
    assert settled(bare, claim, after, NOW + HOUR)
    assert found(bare) == evolve(after, leased_until=None, due_at=NOW + HOUR)
    assert not settled(bare, claim, evolve(after, attempts=4), NOW)
    (stale,) = claimed(bare, NOW + HOUR)
    (fresh,) = claimed(bare, NOW + 2 * HOUR)
    assert not settled(bare, stale, stale, NOW)
    assert settled(bare, fresh, fresh, NOW + 9 * HOUR)


def test_what_is_touched_meanwhile_is_looked_at_again_at_once(bare: UnitsOfWork) -> None:
    touched(bare, ACME)
    (claim,) = claimed(bare)
    touched(bare, ACME, at=NOW + timedelta(seconds=1), paid=PaidChange.OTHER)
    assert settled(bare, claim, evolve(claim, touched_at=None), NOW + HOUR)
    (again,) = claimed(bare, NOW + MINUTE)
    assert (again.revision, again.touched_at) == (4, NOW + timedelta(seconds=1))
    assert settled(bare, again, evolve(again, touched_at=None), NOW + HOUR)
    account = found(bare)
    assert account is not None
    assert (account.touched_at, account.due_at) == (None, NOW + HOUR)


def test_what_is_only_looked_at_again_is_wanted_as_it_was(bare: UnitsOfWork) -> None:
    touched(bare, ACME)
    (claim,) = claimed(bare)
    assert settled(bare, claim, evolve(claim, touched_at=None), NOW + HOUR)

    def look_at(*scopes: Scope, at: Any) -> None:
        with bare.begin() as work:
            for scope in scopes:
                work.billing.look_at(scope, at)
            assert work.billing.touched == {ACME}

    look_at(ACME, WEB, at=NOW + 2 * HOUR)
    account = found(bare)
    assert account is not None
    assert (account.revision, account.due_at, found(bare, WEB)) == (2, NOW + HOUR, None)
    look_at(ACME, at=NOW + MINUTE)
    (again,) = claimed(bare, NOW + MINUTE)
    assert again.touched_at is None
    look_at(ACME, at=NOW + MINUTE + timedelta(seconds=1))
    assert settled(bare, again, again, NOW + 2 * HOUR)
    account = found(bare)
    assert account is not None
    assert (account.revision, account.due_at) == (3, NOW + MINUTE + timedelta(seconds=1))


def test_who_pays_for_what(units: UnitsOfWork) -> None:
    keep(
        units,
        an_organization("acme"),
        a_project("web", "acme", inherits_billing_from_org=True),
        a_project("own", "acme", inherits_billing_from_org=False),
        a_project("alone", None, inherits_billing_from_org=True),
    )
    price = {"stripe_price_id": "price_1"}
    keep(
        units,
        a_resource("a", "web", "acme", **price),
        a_resource("b", "web", "acme", **price, status=Status.SUSPENDED, holds=(Hold.PAYMENT,)),
        a_resource("c", "web", "acme"),
        a_resource("d", "web", "acme", **price, status=Status.DELETING),
        a_resource("e", "own", "acme", **price),
        a_resource("f", "alone", None, **price),
        a_resource("g", "alone", None, **price, status=Status.DELETED),
        a_resource("h", "web", "acme", came_unpriced=True),
        a_resource("i", "alone", None, came_unpriced=True, status=Status.DELETING),
    )
    with units.view() as work:
        paid = work.billing.paid_for(ACME)
        assert [(one.price_id, one.count) for one in paid] == [(None, 2), (PriceId("price_1"), 2)]
        assert all(isinstance(one, Paid) for one in paid)
        ids = {
            scope: [one.resource_id.value for one in work.billing.resources_of(scope)]
            for scope in (ACME, WEB, on("project own"), ALONE)
        }
        assert ids == {ACME: ["a", "b", "c", "h"], WEB: [], on("project own"): ["e"], ALONE: ["f"]}
        held = work.billing.resources_of(ACME, unpaid=True)
        assert [one.resource_id.value for one in held] == ["b"]
        free = work.billing.resources_of(ACME, unpaid=False)
        assert [one.resource_id.value for one in free] == ["a", "c", "h"]
        came = {scope: work.billing.unpriced(scope) for scope in (ACME, WEB, ALONE)}
        assert [one.resource_id.value for one in came[ACME]] == ["h"]
        assert came[WEB] == came[ALONE] == []


def test_who_has_subscribed_in_a_tenant(units: UnitsOfWork) -> None:
    keep(
        units,
        *(an_organization(org) for org in ("acme", "other")),
        *(a_project(name, "acme") for name in ("web", "own")),
        *(a_project(name, None) for name in ("alone", "lone")),
        a_project("far", "other"),
    )
    own, other, far, lone = map(
        on, ("project own", "organization other", "project far", "project lone")
    )

    def who() -> set[Scope]:
        with units.view() as work:
            every = (ACME, WEB, ALONE, own, other, far, lone)
            return {scope for scope in every if work.billing.have_subscribed(scope)}

    changed(units, an_account(), an_account(far), an_account(lone))
    assert who() == set()
    changed(units, an_account(WEB, has_subscribed=True))
    assert who() == {ACME, WEB, own}
    changed(units, an_account(ALONE, has_subscribed=True))
    assert who() == {ACME, WEB, own, ALONE}
    changed(units, an_account(other, has_subscribed=True))
    assert who() == {ACME, WEB, own, ALONE, other, far}


def test_a_notice_is_new_once(bare: UnitsOfWork) -> None:
    def note(number: int, at: Any = NOW) -> bool:
        with bare.begin() as work:
            return work.billing.note(f"evt_{number}", at)

    assert [note(1), note(1), note(2, NOW + HOUR)] == [True, False, True]
    with bare.begin() as work:
        assert work.billing.forget_notices(NOW + MINUTE, 10) == 1
    assert [note(1), note(2)] == [True, False]


def test_an_account_of_nothing_owes_nothing() -> None:
    account = an_account()
    assert account.is_settled
    assert account.ended() == account
    living = evolve(account, subscription_id=SubscriptionId("sub_1"))
    assert not living.is_settled
    assert living.ended().ending == (SubscriptionId("sub_1"),)
    assert living.ended().subscription_id is None
    assert not living.ended().is_settled


def test_all_customers_are_one_merchant_s(bare: UnitsOfWork) -> None:
    with bare.begin() as work:
        assert work.billing.merchant() is None
        work.billing.set_merchant(MerchantId("acct_1.test"))
        assert work.billing.merchant() == MerchantId("acct_1.test")
    with bare.begin() as work:
        work.billing.set_merchant(MerchantId("acct_1.live"))
    with bare.view() as work:
        assert work.billing.merchant() == MerchantId("acct_1.live")


def test_some_customers_are_the_last(bare: UnitsOfWork) -> None:
    first, second, third = (CustomerId(f"cus_{number}") for number in range(3))
    changed(
        bare,
        an_account(ACME, customer_id=first, updated_at=NOW),
        an_account(WEB, customer_id=second, updated_at=NOW + 2 * HOUR),
        an_account(ALONE, customer_id=third, updated_at=NOW + HOUR),
        an_account(on("organization none"), updated_at=NOW + 3 * HOUR),
    )
    with bare.view() as work:
        assert list(work.billing.some_customers(9)) == [second, third, first]
        assert list(work.billing.some_customers(2)) == [second, third]
