"""The machines that organizations work with, as every store keeps them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.users import ServiceAccount
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    HOUR,
    NOW,
    ROBOT,
    VIEWER,
    a_service_account,
    a_user,
    an_assignment,
    an_organization,
    keep,
)
from tests.contract.walking import walk

ACME, OTHER = OrganizationId("acme"), OrganizationId("other")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), an_organization("other"))
    return units


def change(units: UnitsOfWork, act: Callable[[UnitOfWork], Any]) -> None:
    with units.begin() as work:
        act(work)


def listed(units: UnitsOfWork, org_id: OrganizationId = ACME) -> list[ServiceAccount]:
    with units.view() as work:
        found = work.service_accounts.of(org_id, PageRequest(include_total=True))
    assert found.total == len(found.items)
    return list(found.items)


@pytest.mark.parametrize(
    "account",
    [
        a_service_account(),
        a_service_account(
            name="Ünï 'quoted' \\ %_", created_by=None, created_at=NOW + timedelta(microseconds=1)
        ),
        a_service_account(created_by=PrincipalId("who|left")),
    ],
    ids=lambda account: account.name,
)
def test_what_was_added_comes_back(inside: UnitsOfWork, account: ServiceAccount) -> None:
    keep(inside, account)
    with inside.view() as work:
        assert work.service_accounts.get(ACME, ROBOT) == account
    assert (listed(inside), listed(inside, OTHER)) == ([account], [])


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    keep(inside, a_service_account(org_id="other"))
    missing: list[Callable[[UnitOfWork], Any]] = [
        lambda work: work.service_accounts.get(ACME, ROBOT),
        lambda work: work.service_accounts.remove(ACME, ROBOT),
        lambda work: work.service_accounts.get(OTHER, PrincipalId("robot")),
    ]
    for act in missing:
        with pytest.raises(NotFound):
            change(inside, act)
    assert len(listed(inside, OTHER)) == 1


def test_an_organization_works_with_a_client_once(inside: UnitsOfWork) -> None:
    account = a_service_account()
    keep(inside, account)
    with pytest.raises(AlreadyExists):
        keep(inside, a_service_account(name="Another", created_at=NOW + HOUR))
    assert listed(inside) == [account]


def test_several_organizations_may_work_with_the_same_client(inside: UnitsOfWork) -> None:
    mine, theirs = a_service_account(), a_service_account(org_id="other", name="Theirs")
    keep(inside, mine, theirs)
    change(inside, lambda work: work.service_accounts.remove(ACME, ROBOT))
    assert (listed(inside), listed(inside, OTHER)) == ([], [theirs])
    keep(inside, mine)
    change(inside, lambda work: work.service_accounts.remove_of(OTHER))
    change(inside, lambda work: work.service_accounts.remove_of(OrganizationId("nowhere")))
    assert (listed(inside), listed(inside, OTHER)) == ([mine], [])


def test_names_need_not_differ(inside: UnitsOfWork) -> None:
    again = a_user(PrincipalId("again@clients"))
    keep(inside, again, a_service_account(), a_service_account("again", name="Robot"))
    assert [account.name for account in listed(inside)] == ["Robot", "Robot"]


def test_the_user_and_its_roles_stay_where_they_are(inside: UnitsOfWork) -> None:
    """What a service account may do goes with a decision of the domain's, not by itself."""
    held = an_assignment(ROBOT, VIEWER, "organization acme")
    keep(inside, a_service_account(), held)
    change(inside, lambda work: work.service_accounts.remove(ACME, ROBOT))
    with inside.view() as work:
        assert work.assignments.of(ROBOT) == [held]
        assert work.users.find(ROBOT) is not None


@pytest.mark.parametrize(
    "account",
    [a_service_account("nobody"), a_service_account(org_id="nowhere")],
    ids=["no user", "no organization"],
)
def test_its_user_and_its_organization_must_be_there(
    inside: UnitsOfWork, account: ServiceAccount
) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, account)
    assert listed(inside, account.org_id) == []


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_they_come_by_time_of_creation_whatever_is_asked_for(
    inside: UnitsOfWork, sort: Sort, limit: int
) -> None:
    made = []
    for number in range(5):
        client = f"client-{(number * 3) % 5}"
        at = NOW + HOUR * (number // 2)
        made.append(a_service_account(client, name=f"{9 - number}", created_at=at))
        keep(inside, a_user(made[-1].user_id), made[-1])
    keep(inside, a_service_account(org_id="other"))
    made.sort(key=lambda one: (one.created_at, one.user_id), reverse=sort.descending)
    page = PageRequest(limit=limit, sort=sort.by_time, include_total=True)
    with inside.view() as work:
        assert walk(lambda page: work.service_accounts.of(ACME, page), page) == made
        by_any = work.service_accounts.of(ACME, PageRequest(limit=limit, sort=sort)).items
        assert work.service_accounts.of(ACME, page).total == 5
    assert list(by_any) == made[:limit]
