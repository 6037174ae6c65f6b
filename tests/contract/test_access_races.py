"""What the rules of access promise when several act at the same moment."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from attrs import frozen

from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.services import custom_roles, group_members, groups
from ktrlplane.domain.services.assignments import (
    ChangeAssignment,
    GrantRole,
    change_assignment,
    grant_role,
    revoke_assignment,
)
from ktrlplane.domain.services.moves import MoveProject, move_project
from ktrlplane.domain.services.operator import operator_revoke
from ktrlplane.domain.services.ownership import has_lasting_owner
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.recognition import welcome
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_group,
    a_member,
    a_project,
    a_role,
    a_user,
    an_assignment,
    an_organization,
    keep,
    on,
)
from tests.contract.test_serial import at_once
from tests.platforms import a_platform, opened

ACME, OTHER, WEB = OrganizationId("acme"), OrganizationId("other"), ProjectId("web")
ORG = "organization acme"
ROUNDS = 8
STEWARD = a_role("Steward", "read", "manage_access")


@frozen
class Scene:
    units: UnitsOfWork
    platform: Platform

    def doing(self, service: Callable[..., object], *args: Any, by: PrincipalId) -> Any:
        """Something to be done by ``by``, tried again where it collides."""
        act = partial(_act, service, args, by, self.platform)
        return lambda: Transact(self.units)(act)

    def holders(self, scope: str) -> list[str]:
        with self.units.view() as work:
            return [str(held.holder) for held in work.assignments.on(on(scope), NOW)]


def _act(
    service: Callable[..., object], args: Any, by: PrincipalId, platform: Platform, work: Any
) -> object:
    return service(work, *args, actor=by, platform=platform)


@pytest.fixture
def scene(bare: UnitsOfWork) -> Scene:
    platform = a_platform()
    return Scene(opened(bare, platform), platform)


# -- the last owner (R1.6) ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["organization", "project"])
def test_an_owner_remains_whatever_five_do_to_each_other_at_once(scene: Scene, kind: str) -> None:
    people = [PrincipalId(f"auth0|owner-{number}") for number in range(5)]
    keep(scene.units, *(a_user(who) for who in people))
    until = ChangeAssignment(expires_at=NOW + DAY)
    for number in range(ROUNDS):
        scope = f"{kind} place-{number}"
        place = an_organization if kind == "organization" else partial(a_project, org_id=None)
        held = [an_assignment(who, OWNER, scope) for who in people]
        keep(scene.units, place(f"place-{number}"), *held)
        acts = []
        for index, mine in enumerate(held):
            next_one = held[(index + 1) % len(held)]
            where = (on(scope), mine.assignment_id)
            theirs = (on(scope), next_one.assignment_id)
            who = people[index]
            acts += [
                scene.doing(revoke_assignment, *where, by=who),
                scene.doing(revoke_assignment, *theirs, by=who),
                scene.doing(change_assignment, *theirs, until, by=who),
            ]
        outcomes = at_once(*acts)
        assert set(outcomes) <= {"done", "LastOwner", "NotFound", "Forbidden"}, outcomes
        with scene.units.view() as work:
            assert has_lasting_owner(work, on(scope), NOW)


def test_the_operator_and_the_owners_together_leave_one(scene: Scene) -> None:
    for number in range(ROUNDS):
        scope = f"organization o-{number}"
        held = [an_assignment(who, OWNER, scope) for who in (ALICE, BOB)]
        keep(scene.units, an_organization(f"o-{number}"), *held)

        def by_hand(scope: str = scope) -> None:
            Transact(scene.units)(
                lambda work: operator_revoke(
                    work, BOB, "Owner", on(scope), platform=scene.platform
                )
            )

        leaving = scene.doing(revoke_assignment, on(scope), held[0].assignment_id, by=ALICE)
        assert sorted(at_once(by_hand, leaving)) == ["LastOwner", "done"]


def test_a_project_does_not_leave_its_organization_without_an_owner(scene: Scene) -> None:
    for number in range(ROUNDS):
        scope, project = f"project p-{number}", ProjectId(f"p-{number}")
        org_id = f"o-{number}"
        mine = an_assignment(BOB, OWNER, scope)
        keep(scene.units, an_organization(org_id), a_project(project.value, org_id), mine)
        keep(scene.units, an_assignment(ALICE, OWNER, f"organization {org_id}"))
        moving = scene.doing(move_project, project, MoveProject(org_id=None), by=ALICE)
        leaving = scene.doing(revoke_assignment, on(scope), mine.assignment_id, by=BOB)
        assert sorted(at_once(moving, leaving)) == ["LastOwner", "done"]
        with scene.units.view() as work:
            alone = work.projects.get(project).org_id is None
            assert has_lasting_owner(work, on(scope), NOW) == alone


# -- what an organization lends ----------------------------------------------------------------


def test_what_is_granted_to_a_group_that_goes_goes_too(scene: Scene) -> None:
    keep(scene.units, an_organization(), an_assignment(ALICE, OWNER, ORG))
    for number in range(ROUNDS):
        crew = a_group(f"Crew {number}")
        keep(scene.units, crew)
        command = GrantRole(group_id=crew.group_id, role_id="Viewer")
        outcome = at_once(
            scene.doing(groups.delete_group, crew.group_id, by=ALICE),
            scene.doing(grant_role, on(ORG), command, by=ALICE),
            scene.doing(group_members.put_member, crew.group_id, BOB, by=ALICE),
        )
        assert outcome[0] == "done"
        assert set(outcome[1:]) <= {"done", "ValidationFailed", "NotFound"}, outcome
        assert scene.holders(ORG) == [str(ALICE)]


def test_a_role_that_somebody_gets_is_not_deleted(scene: Scene) -> None:
    keep(scene.units, an_organization(), an_assignment(ALICE, OWNER, ORG))
    for number in range(ROUNDS):
        role = a_role(f"Own {number}", "read", is_system=False, org_id=ACME)
        keep(scene.units, role)
        command = GrantRole(user_id=BOB, role_id=role.role_id.value)
        outcome = at_once(
            scene.doing(custom_roles.delete_role, ACME, role.role_id.value, by=ALICE),
            scene.doing(grant_role, on(ORG), command, by=ALICE),
        )
        assert outcome in (["done", "ValidationFailed"], ["NotEmpty", "done"])
        with scene.units.view() as work:
            assert (work.roles.find(role.role_id) is None) == (outcome[0] == "done")


def test_nothing_lent_goes_with_a_project_that_moves(scene: Scene) -> None:
    crew = a_group()
    keep(scene.units, an_organization(), an_organization("other"), crew, a_member(crew))
    keep(scene.units, *(an_assignment(ALICE, OWNER, f"organization {o}") for o in (ACME, OTHER)))
    command = GrantRole(group_id=crew.group_id, role_id="Viewer")
    for number in range(ROUNDS):
        project = ProjectId(f"p-{number}")
        keep(scene.units, a_project(project.value))
        outcome = at_once(
            scene.doing(move_project, project, MoveProject(org_id=OTHER), by=ALICE),
            scene.doing(grant_role, on(f"project {project}"), command, by=ALICE),
        )
        assert outcome in (["done", "done"], ["done", "ValidationFailed"])
        assert scene.holders(f"project {project}") == []


def test_who_is_let_into_a_group_gains_no_more_than_could_be_granted(scene: Scene) -> None:
    """A steward lets Carol in while the owner makes the group one of owners."""
    with scene.units.begin() as work:
        work.roles.synchronize([*work.roles.system(), STEWARD], work.roles.permissions())
    keep(scene.units, an_organization(), an_assignment(ALICE, OWNER, ORG))
    keep(scene.units, an_assignment(BOB, STEWARD, ORG))
    for number in range(ROUNDS):
        crew = a_group(f"Crew {number}")
        keep(scene.units, crew)
        command = GrantRole(group_id=crew.group_id, role_id="Owner")
        joined, granted = at_once(
            scene.doing(group_members.put_member, crew.group_id, CAROL, by=BOB),
            scene.doing(grant_role, on(ORG), command, by=ALICE),
        )
        assert granted == "done"  # who adds the role later knows who is in the group
        assert joined in ("done", "Forbidden")
        with scene.units.view() as work:
            assert (CAROL in work.groups.member_ids(crew.group_id)) == (joined == "done")


# -- invitations -------------------------------------------------------------------------------


def test_a_first_sign_in_and_a_grant_to_its_address_do_not_miss_each_other(scene: Scene) -> None:
    keep(scene.units, an_organization(), an_assignment(ALICE, OWNER, ORG))
    for number in range(ROUNDS * 2):
        who, email = PrincipalId(f"auth0|new-{number}"), f"new-{number}@example.org"
        claims = Claims(
            principal_id=who,
            email=email.upper(),
            email_verified=True,
            name=None,
            is_service_account=False,
            issued_at=NOW,
            expires_at=NOW + HOUR,
        )
        command = GrantRole(email=email, role_id="Viewer")
        transact = Transact(scene.units)
        outcome = at_once(
            partial(welcome, transact, claims, scene.platform),
            scene.doing(grant_role, on(ORG), command, by=ALICE),
        )
        assert outcome == ["done", "done"]
        with scene.units.view() as work:
            left = work.invitations.to(email)
            held = [one.role_id for one in work.assignments.of(who)]
        # Busy tenants are passed over at a sign-in: then the next call accepts.
        if left:
            welcome(transact, claims, scene.platform)
            with scene.units.view() as work:
                left = work.invitations.to(email)
                held = [one.role_id for one in work.assignments.of(who)]
        assert (list(left), held) == ([], [VIEWER.role_id])


def test_of_those_who_invite_the_same_address_at_once_one_does(scene: Scene) -> None:
    keep(scene.units, an_organization(), an_assignment(ALICE, OWNER, ORG))
    keep(scene.units, an_assignment(BOB, OWNER, ORG))
    for number in range(ROUNDS):
        acts = [
            scene.doing(grant_role, on(ORG), GrantRole(email=email, role_id="Viewer"), by=by)
            for by in (ALICE, BOB)
            for email in (f"new-{number}@example.org", f"NEW-{number}@Example.org")
        ]
        assert sorted(at_once(*acts)) == ["AlreadyExists"] * 3 + ["done"]
