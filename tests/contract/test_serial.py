"""Units of work that meet: two that hold the same tenant run one after the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from attrs import evolve

from ktrlplane.domain.access import RoleAssignment, Scope
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.services.assignments import revoke_assignment
from ktrlplane.domain.services.organizations import delete_organization
from ktrlplane.domain.services.projects import CreateProject, create_project
from ktrlplane.domain.services.resources import CreateResource, create_resource
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    NOW,
    OWNER,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
    keep,
    on,
)
from tests.platforms import a_platform, opened

ACME, WEB = OrganizationId("acme"), ProjectId("web")


def at_once(*acts: Callable[[], object]) -> list[str]:
    """What came of ``acts``, which began together: ``done``, or the name of a refusal."""
    ready = threading.Barrier(len(acts))

    def outcome(act: Callable[[], object]) -> str:
        ready.wait()
        try:
            act()
        except DomainError as refusal:
            return type(refusal).__name__
        return "done"

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(outcome, acts))


@pytest.mark.parametrize("scope", ["organization acme", "project web", "resource kettle"])
def test_no_change_is_lost_however_its_tenant_was_held(units: UnitsOfWork, scope: str) -> None:
    keep(units, an_organization(), a_project(name="0"), a_resource())

    def add_one(work: UnitOfWork) -> None:
        work.access.hold(on(scope))
        project = work.projects.get(WEB)
        work.projects.replace(evolve(project, name=str(int(project.name) + 1)))

    transact = Transact(units)

    def add_five() -> None:
        for _ in range(5):
            transact(add_one)

    assert at_once(*[add_five] * 4) == ["done"] * 4
    with units.view() as work:
        assert work.projects.get(WEB).name == "20"


def test_who_waited_for_a_project_sees_where_it_went(units: UnitsOfWork) -> None:
    """It moves to another tenant while others wait for it in the one where it was."""
    keep(units, an_organization(), an_organization("other"), a_project(name="0"))
    transact = Transact(units)
    there = {ACME: OrganizationId("other"), OrganizationId("other"): ACME}

    def move(work: UnitOfWork) -> None:
        work.access.hold(Scope.of(WEB), on("organization acme"), on("organization other"))
        project = work.projects.get(WEB)
        assert project.org_id is not None
        moved = evolve(project, org_id=there[project.org_id], name=str(int(project.name) + 1))
        work.projects.replace(moved)

    def add_one(work: UnitOfWork) -> None:
        work.access.hold(Scope.of(WEB))
        project = work.projects.get(WEB)
        work.projects.replace(evolve(project, name=str(int(project.name) + 1)))

    def five_times(act: Callable[[UnitOfWork], None]) -> Callable[[], object]:
        return lambda: [transact(act) for _ in range(5)]

    acts = [five_times(move), five_times(add_one), five_times(move), five_times(add_one)]
    assert at_once(*acts) == ["done"] * 4
    with units.view() as work:
        project = work.projects.get(WEB)
    assert (project.name, project.org_id) == ("20", ACME)


def test_of_two_owners_who_lay_down_their_ownership_at_once_one_remains(
    bare: UnitsOfWork,
) -> None:
    platform = a_platform()
    transact = Transact(opened(bare, platform))

    def leaving(held: RoleAssignment) -> Callable[[], None]:
        return lambda: transact(
            lambda work: revoke_assignment(
                work, held.scope, held.assignment_id, actor=held.user_id, platform=platform
            )
        )

    for number in range(5):
        scope = f"organization o-{number}"
        owners = [an_assignment(who, OWNER, scope) for who in (ALICE, BOB)]
        keep(bare, an_organization(f"o-{number}"), *owners)
        assert sorted(at_once(*map(leaving, owners))) == ["LastOwner", "done"]
        with bare.view() as work:
            assert len(work.assignments.on(on(scope), NOW)) == 1


def test_nothing_appears_in_an_organization_while_it_goes(bare: UnitsOfWork) -> None:
    platform = a_platform()
    transact = Transact(opened(bare, platform))

    def creating(org_id: OrganizationId) -> Callable[[], object]:
        command = CreateProject(id=ProjectId(f"p-{org_id}"), name="New", org_id=org_id)
        return lambda: transact(
            lambda work: create_project(work, command, actor=ALICE, platform=platform)
        )

    def deleting(org_id: OrganizationId) -> Callable[[], object]:
        return lambda: transact(
            lambda work: delete_organization(work, org_id, actor=ALICE, platform=platform)
        )

    for number in range(5):
        org_id = OrganizationId(f"o-{number}")
        keep(bare, an_organization(org_id.value))
        keep(bare, an_assignment(ALICE, OWNER, f"organization {org_id}"))
        outcome = at_once(creating(org_id), deleting(org_id))
        assert outcome in (["done", "NotEmpty"], ["NotFound", "done"])
        with bare.view() as work:
            assert len(work.projects.of(org_id)) == outcome.count("NotEmpty")


def test_of_two_who_choose_the_same_id_one_gets_it(units: UnitsOfWork) -> None:
    numbers = count()

    def choose() -> None:
        number = next(numbers)
        keep(units, an_organization("same", name=f"Number {number}"))

    assert sorted(at_once(*[choose] * 4)) == ["AlreadyExists"] * 3 + ["done"]


def test_a_cap_holds_however_many_come_at_once(bare: UnitsOfWork) -> None:
    platform = a_platform()
    transact = Transact(opened(bare, platform))
    keep(bare, an_organization(), a_project(), an_assignment(ALICE, OWNER, "organization acme"))

    def create(number: int) -> Callable[[], object]:
        command = CreateResource(
            id=ResourceId(f"kettle-{number}"), name="K", type="Acme.Kettle", sku="few"
        )
        return lambda: transact(
            lambda work: create_resource(work, WEB, command, actor=ALICE, platform=platform)
        )

    outcomes = at_once(*[create(number) for number in range(50)])
    assert sorted(outcomes) == ["LimitExceeded"] * 47 + ["done"] * 3
    with bare.view() as work:
        assert work.resources.count(on("project web"), "Acme.Kettle", "few") == 3


def test_of_two_first_calls_of_a_user_both_are_served(units: UnitsOfWork) -> None:
    newcomer = a_user(PrincipalId("auth0|newcomer"))
    assert at_once(*[lambda: keep(units, newcomer)] * 4) == ["done"] * 4
    with units.view() as work:
        assert work.users.find(newcomer.user_id) == newcomer
