"""Inviting people and letting them in: product.md R1.5, R1.8 and R1.9."""

from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import RoleAssignment
from ktrlplane.domain.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidTransition,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from ktrlplane.domain.ids import InvitationId, PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.assignments import GrantRole, grant_role
from ktrlplane.domain.services.invitations import (
    list_invitations,
    read_invitation,
    resend_invitation,
    revoke_invitation,
)
from ktrlplane.ports.invitations import InvitationView
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DATA_OWNER,
    DAY,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_invitation,
    on,
)
from tests.platforms import Acting
from tests.unit.acme import (
    DORA,
    ERIN,
    ORG,
    PAGE,
    PROJECT,
    RESOURCE,
    SCOPES,
    STEWARD,
    faults,
    furnished,
    held_by,
    invited,
    picture,
)

NEW = "new@example.org"
NEVER = InvitationId("inv_never")


@pytest.fixture
def do(do: Acting) -> Acting:
    return furnished(do)


def invite(
    do: Acting, email: str = NEW, scope: str = ORG, by: PrincipalId = ALICE, **but: Any
) -> Invitation:
    known: dict[str, Any] = {"email": email, "role_id": "Viewer"}
    view = do(grant_role, on(scope), GrantRole(**known | but), by=by)
    assert isinstance(view, InvitationView)
    return view.invitation


class TestInviting:
    @pytest.mark.parametrize("scope", SCOPES)
    def test_an_address_that_is_nobodys_is_invited(self, do: Acting, scope: str) -> None:
        command = GrantRole(email="New@Example.org", role_id="Viewer", expires_at=NOW + DAY)
        view = do(grant_role, on(scope), command)
        assert isinstance(view, InvitationView)
        made = view.invitation
        assert made == Invitation(
            invitation_id=made.invitation_id,
            email="New@Example.org",
            role_id=VIEWER.role_id,
            scope=on(scope),
            invited_by=ALICE,
            created_at=NOW,
            expires_at=NOW + 7 * DAY,
            role_expires_at=NOW + DAY,
            mail_due_at=NOW,
        )
        assert (view.inviter, view.role) == (a_user(ALICE), VIEWER)
        assert do(read_invitation, on(scope), made.invitation_id) == view
        assert do(list_invitations, on(scope), PAGE).items == [view]

    def test_lasts_as_long_as_the_platform_says(self, do: Acting) -> None:
        short = Acting(do.units, evolve(do.platform, invitation_ttl=HOUR))
        assert invite(short).expires_at == NOW + HOUR

    @pytest.mark.parametrize("email", [NEW, "NEW@Example.ORG"])
    def test_the_same_again_is_refused_while_it_is_open(
        self, do: Acting, clock: ManualClock, email: str
    ) -> None:
        first = invite(do)
        clock.set(NOW + 7 * DAY - NOW.resolution)
        with pytest.raises(AlreadyExists):
            invite(do, email)
        clock.set(NOW + 7 * DAY)
        again = invite(do, email)
        assert again.invitation_id != first.invitation_id
        assert invited(do, NEW) == [again]

    def test_one_address_may_be_invited_to_several_roles_and_scopes(self, do: Acting) -> None:
        made = [
            invite(do),
            invite(do, role_id="Editor"),
            invite(do, scope=PROJECT),
            invite(do, "new@example.net"),
        ]
        assert len({one.invitation_id for one in made}) == 4

    @pytest.mark.parametrize(
        "email", ["dora@example.org", "DORA@example.ORG"], ids=["as it is", "in other case"]
    )
    def test_who_has_proven_the_address_is_let_in_at_once(self, do: Acting, email: str) -> None:
        do(grant_role, on(ORG), GrantRole(email=email, role_id="Viewer"))
        assert [held.role_id for held in held_by(do, DORA)] == [VIEWER.role_id]
        assert invited(do, email) == []
        with pytest.raises(AlreadyExists):
            do(grant_role, on(ORG), GrantRole(email=email, role_id="Viewer"))

    @pytest.mark.parametrize(
        "but", [{"email_verified": False}, {"is_service_account": True}], ids=["liar", "machine"]
    )
    def test_who_only_says_so_is_not(self, do: Acting, but: dict[str, Any]) -> None:
        liar = PrincipalId("auth0|liar")
        do.keep(a_user(liar, email=NEW, **but))
        invite(do)
        assert held_by(do, liar) == []

    @pytest.mark.parametrize("email", ["<new@example.org>", '"new"@example.org', "new@127.0.0.1"])
    def test_what_no_mail_can_go_to_is_refused(self, do: Acting, email: str) -> None:
        with pytest.raises(ValidationFailed) as refused:
            invite(do, email)
        assert faults(refused) == [("/email", "invalid")]

    def test_nobody_is_invited_to_what_is_on_its_way_out(self, do: Acting) -> None:
        do.keep(a_project("going", status=ProjectStatus.DELETING))
        do.keep(a_resource("falling", status=Status.DELETING))
        for scope in ("project going", "resource falling"):
            with pytest.raises(InvalidTransition):
                invite(do, scope=scope)


class TestManaging:
    @pytest.mark.parametrize(
        ("held", "scope", "refusal"),
        [
            (None, ORG, NotFound),
            (DATA_OWNER, ORG, NotFound),
            (OWNER, RESOURCE, NotFound),
            (VIEWER, ORG, Forbidden),
            (EDITOR, PROJECT, Forbidden),
        ],
    )
    def test_is_for_who_may_manage_access_there(
        self, do: Acting, held: Any, scope: str, refusal: type[Exception]
    ) -> None:
        made = invite(do, scope=PROJECT)
        if held is not None:
            do.keep(an_assignment(BOB, held, scope))
        before = picture(do)
        for service in (read_invitation, resend_invitation, revoke_invitation):
            with pytest.raises(refusal):
                do(service, on(PROJECT), made.invitation_id, by=BOB)
        with pytest.raises(refusal):
            do(list_invitations, on(PROJECT), PAGE, by=BOB)
        assert picture(do) == before

    def test_finds_those_to_the_scope_itself_alone(self, do: Acting) -> None:
        made = invite(do, scope=PROJECT)
        theirs = an_invitation(scope="organization other", invited_by=CAROL)
        do.keep(theirs)
        wrong = [
            (ORG, made.invitation_id),
            (RESOURCE, made.invitation_id),
            (ORG, theirs.invitation_id),
            (ORG, NEVER),
        ]
        for service in (read_invitation, resend_invitation, revoke_invitation):
            for scope, identity in wrong:
                with pytest.raises(NotFound, match=f"no invitation {identity} to {scope} itself"):
                    do(service, on(scope), identity)
            with pytest.raises(NotFound):
                do(service, on("organization other"), theirs.invitation_id)
        for scope in (ORG, RESOURCE):
            assert do(list_invitations, on(scope), PAGE).items == []

    def test_sending_again_makes_it_the_senders_for_the_whole_time(
        self, do: Acting, clock: ManualClock
    ) -> None:
        made = invite(do)
        do.keep(an_assignment(BOB, STEWARD, ORG))
        for later in (HOUR, 30 * DAY):
            clock.set(NOW + later)
            again = do(resend_invitation, on(ORG), made.invitation_id, by=BOB).invitation
            assert again == evolve(
                made,
                invited_by=BOB,
                expires_at=NOW + later + 7 * DAY,
                mail_due_at=NOW + later,
                mail_attempts=0,
            )
            assert invited(do, NEW) == [again]

    def test_what_has_nothing_to_give_any_more_is_not_sent_again(
        self, do: Acting, clock: ManualClock
    ) -> None:
        made = invite(do, expires_at=NOW + HOUR)
        clock.advance(HOUR)
        with pytest.raises(Conflict):
            do(resend_invitation, on(ORG), made.invitation_id)
        do(revoke_invitation, on(ORG), made.invitation_id)
        assert invited(do, NEW) == []

    def test_what_is_on_its_way_out_invites_nobody_again(self, do: Acting) -> None:
        do.keep(a_project("going", status=ProjectStatus.DELETING))
        made = an_invitation(NEW, scope="project going")
        do.keep(made)
        with pytest.raises(InvalidTransition):
            do(resend_invitation, on("project going"), made.invitation_id)
        do(revoke_invitation, on("project going"), made.invitation_id)
        assert invited(do, NEW) == []

    def test_the_too_weak_may_revoke_what_they_could_not_give(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, ORG))
        made = invite(do, role_id="Owner")
        with pytest.raises(Forbidden):
            do(resend_invitation, on(ORG), made.invitation_id, by=BOB)
        do(revoke_invitation, on(ORG), made.invitation_id, by=BOB)
        assert invited(do, NEW) == []

    def test_who_saw_something_else_changes_nothing(self, do: Acting) -> None:
        made = invite(do)
        for service in (resend_invitation, revoke_invitation):
            with pytest.raises(PreconditionFailed):
                do(service, on(ORG), made.invitation_id, as_seen=lambda _: False)
        do(revoke_invitation, on(ORG), made.invitation_id, as_seen=lambda v: v.invitation == made)

    def test_shows_those_that_expired_too(self, do: Acting, clock: ManualClock) -> None:
        made = invite(do)
        clock.set(NOW + 30 * DAY)
        assert [view.invitation for view in do(list_invitations, on(ORG), PAGE).items] == [made]
        assert do(read_invitation, on(ORG), made.invitation_id).invitation == made


def test_an_invitation_is_nothing_yet(do: Acting) -> None:
    """Whoever is invited holds nothing until they prove to be who was meant."""
    before: list[list[RoleAssignment]] = [held_by(do, who) for who in (DORA, ERIN, BOB)]
    invite(do, role_id="Owner")
    assert [held_by(do, who) for who in (DORA, ERIN, BOB)] == before
