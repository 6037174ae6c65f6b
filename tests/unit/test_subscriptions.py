"""What is to be paid for, and what leads there, against oracles of their own."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import (
    Money,
    Plan,
    Subscription,
    SubscriptionItems,
    SubscriptionState,
    prorated,
)
from ktrlplane.domain.ids import (
    CustomerId,
    OrganizationId,
    PriceId,
    ProjectId,
    SubscriptionId,
)
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.subscriptions import (
    ItemChange,
    changes,
    desired_by_payer,
    desired_items,
    paying_scope,
)
from tests.builders import a_project, a_resource

PRICES = {"standard": PriceId("price_s"), "large": PriceId("price_l")}
SKUS = ["free", *PRICES]
price_ids = st.sampled_from([PriceId(f"price_{letter}") for letter in "abcde"])
some_items = st.dictionaries(price_ids, st.integers(1, 99)).map(SubscriptionItems)


def price_of(resource: Resource) -> PriceId | None:
    return PRICES.get(resource.sku)


@st.composite
def estates(draw: st.DrawFn) -> tuple[dict[ProjectId, Project], list[Resource]]:
    projects = {}
    for number in range(draw(st.integers(1, 5))):
        org = draw(st.sampled_from([None, "acme", "bolt"]))
        name, inherits = f"project-{number}", draw(st.booleans())
        projects[ProjectId(name)] = a_project(name, org, inherits_billing_from_org=inherits)
    resources = [
        a_resource(
            f"r-{number}",
            str(draw(st.sampled_from(sorted(projects)))),
            sku=draw(st.sampled_from(SKUS)),
            status=draw(st.sampled_from(list(Status))),
        )
        for number in range(draw(st.integers(0, 20)))
    ]
    return projects, resources


@given(estates())
def test_each_resource_is_paid_for_once_by_the_scope_that_consents(
    estate: tuple[dict[ProjectId, Project], list[Resource]],
) -> None:
    projects, resources = estate
    told: dict[tuple[Scope, PriceId], int] = {}
    for resource in resources:
        if resource.sku == "free" or resource.status in ("Deleting", "Deleted"):
            continue
        project = projects[resource.project_id]
        if project.inherits_billing_from_org and project.org_id:
            payer = Scope.of(OrganizationId(str(project.org_id)))
        else:
            payer = Scope.of(project.project_id)
        key = payer, PRICES[resource.sku]
        told[key] = told.get(key, 0) + 1
    by_payer = desired_by_payer(projects, resources, price_of)
    assert {(s, p): count for s, items in by_payer.items() for p, count in items} == told
    assert set(by_payer) == {paying_scope(project) for project in projects.values()}


@given(estates(), st.randoms(use_true_random=False))
def test_the_order_of_resources_does_not_matter(estate, random) -> None:
    _, resources = estate
    mixed = list(resources)
    random.shuffle(mixed)
    assert desired_items(mixed, price_of) == desired_items(resources, price_of)


def test_free_tiers_need_nothing() -> None:
    assert not desired_items([a_resource(sku="free")] * 3, price_of)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.FAILED, Status.CREATING])
def test_what_is_kept_for_somebody_is_paid_for(status: Status) -> None:
    items = desired_items([a_resource(sku="large", status=status)], price_of)
    assert dict(items) == {PRICES["large"]: 1}


@given(some_items, some_items)
def test_changes_lead_from_one_to_the_other(one, other) -> None:
    quantities = dict(one)
    for change in changes(one, other):
        assert quantities.pop(change.price_id, 0) == change.before != change.after
        if change.after:
            quantities[change.price_id] = change.after
    assert SubscriptionItems(quantities) == other
    back = [ItemChange(c.price_id, c.after, c.before) for c in changes(one, other)]
    assert list(changes(other, one)) == back


@given(some_items)
def test_nothing_leads_to_the_same(items) -> None:
    assert changes(items, items) == ()


@given(st.integers(0, 10**9), st.integers(1, 32_000_000), st.data())
def test_a_part_is_the_nearest_amount(amount: int, period_s: int, data: st.DataObject) -> None:
    left_s = data.draw(st.integers(0, period_s))
    part = prorated(amount, left_s, period_s)
    exact = Fraction(amount * left_s, period_s)
    assert -Fraction(1, 2) < part - exact <= Fraction(1, 2) or part == exact
    assert prorated(amount, 0, period_s) == 0
    assert prorated(amount, period_s, period_s) == amount


@pytest.mark.parametrize("wrong", [(1, 2, 1), (1, -1, 1), (1, 0, 0), (-1, 0, 1)])
def test_there_is_no_part_of_nothing(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="part of a period"):
        prorated(*wrong)


def test_items_are_there_at_least_once() -> None:
    with pytest.raises(ValueError, match="at least once"):
        SubscriptionItems({PriceId("price_a"): 0})
    with pytest.raises(ValueError, match="cancelled"):
        Plan(items=SubscriptionItems(), revision=1)
    with pytest.raises(ValueError, match="revision"):
        Plan(items=SubscriptionItems({PriceId("price_a"): 1}), revision=0)


@given(some_items)
def test_items_cannot_be_changed_from_outside(items) -> None:
    before = dict(items)
    source = dict(items)
    copy = SubscriptionItems(source)
    source.clear()
    assert dict(copy) == before
    with pytest.raises(TypeError):
        copy.quantities[PriceId("price_z")] = 1  # type: ignore[index]


def test_amounts_of_two_currencies_have_no_sum() -> None:
    assert Money(1, "eur") + Money(2, "eur") == Money(3, "eur")
    assert Money(7, "eur") * 3 == Money(21, "eur")
    with pytest.raises(ValueError, match="two currencies"):
        Money(1, "eur") + Money(2, "usd")


@pytest.mark.parametrize("state", list(SubscriptionState))
@pytest.mark.parametrize("revision", [4, 5, 6])
def test_only_a_newer_plan_is_taken_and_only_by_what_lives(
    state: SubscriptionState, revision: int
) -> None:
    now = datetime(2026, 4, 1, tzinfo=UTC)
    items = SubscriptionItems({PriceId("price_a"): 1})
    one = Subscription(
        subscription_id=SubscriptionId("sub_1"),
        customer_id=CustomerId("cus_1"),
        state=state,
        items=items,
        revision=5,
        current_period_start=now,
        current_period_end=now,
    )
    fixed = state in ("incomplete", "incomplete_expired", "canceled")
    plan = Plan(items=items, revision=revision)
    assert one.takes(plan) is (revision == 6 and not fixed)
    assert one.follows(plan) is (revision == 5)
