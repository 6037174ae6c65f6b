"""Letting in whom was invited, once they have proven who they are: product.md R1.5 and R1.9."""

from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Role
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.assignments import revoke_assignment
from ktrlplane.domain.services.custom_roles import delete_role, update_role
from ktrlplane.domain.services.invitations import (
    accept_invitation,
    awaiting,
    resend_invitation,
    revoke_invitation,
)
from ktrlplane.domain.services.moves import MoveProject, move_project
from ktrlplane.domain.services.organizations import delete_organization
from ktrlplane.domain.services.projects import delete_project
from ktrlplane.domain.services.role_wishes import UpdateRole
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    CHECKER,
    DATA_OWNER,
    DAY,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROLES,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting
from tests.unit.acme import (
    ACME,
    MANAGER,
    ORG,
    OTHER,
    PROJECT,
    SCOPES,
    STEWARD,
    WEB,
    furnished,
    held_by,
    invited,
    permissions,
)
from tests.unit.arriving import NEW, NINA, TWIN, keep, sign_in


@pytest.fixture
def do(do: Acting) -> Acting:
    return furnished(do)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role_expires_at", [None, NOW + 2 * HOUR])
def test_who_proves_the_address_has_the_role(
    do: Acting, clock: ManualClock, scope: str, role_expires_at: Any
) -> None:
    keep(do, EDITOR, scope, role_expires_at=role_expires_at)
    clock.advance(HOUR)
    (held,) = sign_in(do)
    assert (held.role_id, held.scope) == (EDITOR.role_id, on(scope))
    assert (held.assigned_by, held.created_at) == (ALICE, NOW + HOUR)
    assert held.expires_at == role_expires_at
    assert invited(do, NEW) == []
    assert sign_in(do) == [held]


@pytest.mark.parametrize("email", ["NEW@EXAMPLE.ORG", "New@example.org"])
def test_the_case_of_an_address_does_not_matter(do: Acting, email: str) -> None:
    keep(do)
    assert len(sign_in(do, email=email)) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email": None},
        {"email": "else@example.org"},
        {"email": "nEw@example.org.evil"},
        {"is_service_account": True, "email_verified": False},
        {
            "who": PrincipalId("nina@clients"),
            "is_service_account": True,
            "email_verified": False,
        },
    ],
    ids=str,
)
def test_who_does_not_prove_it_has_nothing(do: Acting, claims: dict[str, Any]) -> None:
    made = keep(do)
    assert sign_in(do, **claims) == []
    assert invited(do, NEW) == [made]


def test_who_proves_it_later_is_let_in_then(do: Acting, clock: ManualClock) -> None:
    keep(do)
    assert sign_in(do, email_verified=False) == []
    clock.advance(HOUR)
    assert len(sign_in(do)) == 1


def test_a_proof_of_the_past_does_not_undo_a_later_word(do: Acting, clock: ManualClock) -> None:
    clock.advance(HOUR)
    assert sign_in(do, email="else@example.org") == []
    keep(do)
    assert sign_in(do, issued_at=NOW) == []
    assert len(invited(do, NEW)) == 1


def test_who_changed_their_address_answers_to_the_new_one_alone(
    do: Acting, clock: ManualClock
) -> None:
    sign_in(do, email="old@example.org")
    keep(do, email="old@example.org", number=1)
    clock.advance(HOUR)
    assert sign_in(do, email="moved@example.org") == []
    clock.advance(HOUR)
    assert sign_in(do, email="old@example.org", email_verified=False) == []
    keep(do, EDITOR, email="moved@example.org", number=2)
    clock.advance(HOUR)
    (held,) = sign_in(do, email="moved@example.org")
    assert held.role_id == EDITOR.role_id
    clock.advance(HOUR)
    # Whoever has the old address now, is meant by the old invitation.
    (theirs,) = sign_in(do, TWIN, email="old@example.org")
    assert theirs.role_id == VIEWER.role_id


def test_a_token_without_an_address_leaves_the_proof_in_force(
    do: Acting, clock: ManualClock
) -> None:
    sign_in(do)
    keep(do)
    clock.advance(HOUR)
    assert len(sign_in(do, email=None)) == 1


def test_two_invitations_are_accepted_both_the_older_first(do: Acting) -> None:
    keep(do, VIEWER, ORG, number=2, created_at=NOW - HOUR)
    keep(do, EDITOR, PROJECT, number=1)
    assert {held.role_id for held in sign_in(do)} == {VIEWER.role_id, EDITOR.role_id}
    assert invited(do, NEW) == []


def test_of_two_who_have_proven_one_address_the_first_to_come_is_let_in(do: Acting) -> None:
    keep(do)
    assert len(sign_in(do)) == 1
    assert sign_in(do, TWIN) == []


def test_whoever_is_there_already_is_let_in_when_they_come(do: Acting) -> None:
    sign_in(do)
    keep(do)
    assert len(sign_in(do)) == 1


@pytest.mark.parametrize(
    "ends", [{"expires_at": NOW + HOUR}, {"role_expires_at": NOW + HOUR}], ids=str
)
def test_one_that_expired_lets_nobody_in_and_stays(
    do: Acting, clock: ManualClock, ends: dict[str, Any]
) -> None:
    made = keep(do, **ends)
    clock.set(NOW + HOUR - NOW.resolution)
    with do.units.view() as work:
        sign_in(do, TWIN, email="else@example.org")
        assert awaiting(work, TWIN, platform=do.platform) == []
    clock.set(NOW + HOUR)
    assert sign_in(do) == []
    do.alone(accept_invitation, made.invitation_id, NINA)
    assert held_by(do, NINA) == []
    assert invited(do, NEW) == [made]
    if "expires_at" in ends:
        do(resend_invitation, on(ORG), made.invitation_id)
        assert len(sign_in(do)) == 1


def test_a_revoked_one_lets_nobody_in(do: Acting) -> None:
    made = keep(do)
    do(revoke_invitation, on(ORG), made.invitation_id)
    do.alone(accept_invitation, made.invitation_id, NINA)
    assert sign_in(do) == []


def test_nobody_accepts_what_is_not_to_them(do: Acting) -> None:
    made = keep(do)
    for who in (BOB, CAROL, PrincipalId("nobody")):
        do.alone(accept_invitation, made.invitation_id, who)
        assert [held.scope for held in held_by(do, who)] == (
            [on("organization other")] if who == CAROL else []
        )
    assert invited(do, NEW) == [made]


@pytest.mark.parametrize("expires_at", [None, NOW + DAY], ids=["lasting", "until tomorrow"])
def test_who_holds_the_role_already_keeps_what_they_have(do: Acting, expires_at: Any) -> None:
    sign_in(do)
    held = an_assignment(NINA, VIEWER, ORG, expires_at=expires_at)
    do.keep(held)
    keep(do)
    assert sign_in(do) == [held]
    assert invited(do, NEW) == []


def test_what_had_expired_is_renewed(do: Acting) -> None:
    sign_in(do)
    do.keep(an_assignment(NINA, VIEWER, ORG, expires_at=NOW))
    keep(do)
    (held,) = sign_in(do)
    assert held.expires_at is None


class TestTheInviter:
    """Who invites must still be able to grant it when it is accepted."""

    WEAK: tuple[tuple[Role | None, ...], ...] = (
        (),
        (VIEWER,),
        (EDITOR,),
        (STEWARD,),
        (MANAGER,),
        (VIEWER, DATA_OWNER, EDITOR),
    )
    STRONG: tuple[tuple[Role | None, ...], ...] = ((OWNER,), (STEWARD, EDITOR))

    @pytest.mark.parametrize("roles", WEAK, ids=lambda roles: "+".join(r.name for r in roles))
    def test_who_is_too_weak_by_now_lets_nobody_in(
        self, do: Acting, roles: tuple[Role, ...]
    ) -> None:
        do.keep(*(an_assignment(BOB, role, ORG) for role in roles))
        keep(do, EDITOR, PROJECT, invited_by=BOB)
        assert sign_in(do) == []
        assert invited(do, NEW) == []

    @pytest.mark.parametrize("roles", STRONG, ids=lambda roles: "+".join(r.name for r in roles))
    def test_who_is_strong_enough_still_does(self, do: Acting, roles: tuple[Role, ...]) -> None:
        do.keep(*(an_assignment(BOB, role, ORG) for role in roles))
        keep(do, EDITOR, PROJECT, invited_by=BOB)
        assert len(sign_in(do)) == 1

    def test_who_lost_it_with_a_group_lets_nobody_in(self, do: Acting) -> None:
        crew = a_group()
        do.keep(crew, a_member(crew, BOB), an_assignment(crew.group_id, OWNER, ORG))
        keep(do, OWNER, PROJECT, invited_by=BOB)
        with do.arranging() as work:
            work.groups.remove_member(crew.group_id, BOB)
        assert sign_in(do) == []

    def test_who_has_expired_lets_nobody_in(self, do: Acting, clock: ManualClock) -> None:
        do.keep(an_assignment(BOB, OWNER, ORG, expires_at=NOW + HOUR))
        keep(do, OWNER, PROJECT, invited_by=BOB)
        clock.advance(HOUR)
        assert sign_in(do) == []

    def test_another_may_take_it_over_by_sending_it_again(self, do: Acting) -> None:
        owned = an_assignment(BOB, OWNER, ORG)
        do.keep(owned)
        made = keep(do, OWNER, PROJECT, invited_by=BOB)
        do(revoke_assignment, on(ORG), owned.assignment_id)
        do(resend_invitation, on(PROJECT), made.invitation_id)
        (held,) = sign_in(do)
        assert held.assigned_by == ALICE


class TestTheRole:
    HELPER = a_custom_role("Helper", "read")

    def test_one_that_is_gone_gives_nothing(self, do: Acting) -> None:
        do.keep(self.HELPER)
        keep(do, self.HELPER)
        do(delete_role, ACME, "Helper")
        assert sign_in(do) == []

    def test_one_that_was_widened_must_be_held_as_it_is_now(self, do: Acting) -> None:
        do.keep(self.HELPER, an_assignment(BOB, STEWARD, ORG))
        keep(do, self.HELPER, invited_by=BOB)
        do(update_role, ACME, "Helper", UpdateRole(permissions=("read", "write")))
        assert sign_in(do) == []

    def test_one_that_was_widened_is_given_by_who_holds_it(self, do: Acting) -> None:
        do.keep(self.HELPER)
        keep(do, self.HELPER)
        do(update_role, ACME, "Helper", UpdateRole(permissions=("read", "write")))
        sign_in(do)
        assert permissions(do, NINA, ORG) == {*VIEWER.permissions, *EDITOR.permissions}

    def test_one_that_became_hidden_is_not_given(self, do: Acting) -> None:
        keep(do, DATA_OWNER)
        hidden = evolve(DATA_OWNER, is_hidden=True)
        with do.arranging() as work:
            work.roles.synchronize([*ROLES[:-2], hidden], work.roles.permissions())
        assert sign_in(do) == []

    def test_a_hidden_one_is_never_given(self, do: Acting) -> None:
        """No service makes such an invitation; were it there, it would be nothing."""
        keep(do, CHECKER)
        assert sign_in(do) == []


class TestTheScope:
    def test_what_is_on_its_way_out_lets_nobody_in(self, do: Acting) -> None:
        do.keep(a_project("going", status=ProjectStatus.DELETING))
        do.keep(a_resource("falling", status=Status.DELETING))
        keep(do, scope="project going")
        keep(do, scope="resource falling")
        assert sign_in(do) == []
        assert invited(do, NEW) == []

    def test_what_is_gone_has_no_invitations(self, do: Acting) -> None:
        for scope in SCOPES:
            keep(do, scope=scope)
        do(delete_project, WEB, cascade=True)
        assert sign_in(do) != []  # of the organization
        assert permissions(do, NINA, PROJECT) == set(VIEWER.permissions)
        do(delete_organization, ACME, cascade=True)
        assert held_by(do, NINA) == []
        assert invited(do, NEW) == []

    def test_to_a_project_that_moved_the_inviter_must_manage_it_there(self, do: Acting) -> None:
        keep(do, EDITOR, PROJECT)
        do.keep(an_assignment(ALICE, EDITOR, "organization other"))
        do(move_project, WEB, MoveProject(org_id=OTHER))
        assert sign_in(do) == []

    def test_to_a_project_that_moved_it_holds_for_who_manages_it_still(self, do: Acting) -> None:
        keep(do, EDITOR, PROJECT)
        do.keep(an_assignment(ALICE, OWNER, PROJECT))
        do.keep(an_assignment(ALICE, EDITOR, "organization other"))
        do(move_project, WEB, MoveProject(org_id=OTHER))
        assert len(sign_in(do)) == 1

    def test_a_role_of_the_former_organization_does_not_move_along(self, do: Acting) -> None:
        helper = a_custom_role("Helper", "read")
        do.keep(helper, an_assignment(ALICE, OWNER, PROJECT))
        keep(do, helper, PROJECT)
        do(move_project, WEB, MoveProject(org_id=None))
        assert invited(do, NEW) == []
        assert sign_in(do) == []

    def test_who_invites_in_one_place_harms_nobody_in_another(self, do: Acting) -> None:
        do.keep(an_organization("evil"), an_assignment(BOB, OWNER, "organization evil"))
        keep(do, OWNER, "organization evil", invited_by=BOB)
        keep(do, VIEWER, ORG)
        assert {held.scope for held in sign_in(do)} == {on("organization evil"), on(ORG)}
        assert {held.scope for held in held_by(do, BOB)} == {on("organization evil")}
