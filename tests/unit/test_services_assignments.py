"""Granting and taking back roles: product.md R1.5 to R1.8."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Role, RoleAssignment
from ktrlplane.domain.errors import (
    AlreadyExists,
    Forbidden,
    InvalidTransition,
    LastOwner,
    NotFound,
    ValidationFailed,
)
from ktrlplane.domain.ids import AssignmentId, OrganizationId, PrincipalId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.assignments import (
    ChangeAssignment,
    GrantRole,
    change_assignment,
    grant_role,
    list_assignments,
    read_assignment,
    revoke_assignment,
)
from ktrlplane.domain.services.organizations import read_organization
from ktrlplane.ports.access import AssignmentView
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    CHECKER,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    a_resource,
    a_role,
    a_user,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting

SCOPES = ["organization acme", "project web", "resource kettle"]
OWNED = an_assignment(ALICE, OWNER, "organization acme")
STEWARD = a_role("Steward", "read", "manage_access")
"""May manage access, and not escalate."""


@pytest.fixture
def do(do: Acting) -> Acting:
    """With organization acme, which Alice owns, project web in it and a kettle in that."""
    with do.arranging() as work:
        work.roles.synchronize([*work.roles.system(), STEWARD], work.roles.permissions())
    do.keep(an_organization(), a_project(), a_resource(), OWNED)
    return do


def grant(
    do: Acting,
    scope: str = "organization acme",
    role: Role = VIEWER,
    to: PrincipalId = BOB,
    by: PrincipalId = ALICE,
    **but: Any,
) -> AssignmentView:
    command = GrantRole(user_id=to, role_id=role.role_id.value, **but)
    return do(grant_role, on(scope), command, by=by)


def faults(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


def everything(do: Acting) -> list[RoleAssignment]:
    with do.units.view() as work:
        return list(work.assignments.of(None))


class TestGranting:
    @pytest.mark.parametrize("scope", SCOPES)
    def test_gives_the_role_there(self, do: Acting, scope: str) -> None:
        view = grant(do, scope, expires_at=NOW + HOUR)
        made = view.assignment
        assert (made.user_id, made.role_id, made.scope) == (BOB, VIEWER.role_id, on(scope))
        assert (made.assigned_by, made.created_at) == (ALICE, NOW)
        assert made.expires_at == NOW + HOUR
        assert (view.user, view.role) == (a_user(BOB), VIEWER)

    def test_takes_the_name_of_a_role_too(self, do: Acting) -> None:
        command = GrantRole(user_id=BOB, role_id="Viewer")
        assert do(grant_role, on("project web"), command).role == VIEWER

    def test_takes_a_verified_address_whatever_its_case(self, do: Acting) -> None:
        command = GrantRole(email="BOB@example.org", role_id="Viewer")
        assert do(grant_role, on("project web"), command).user == a_user(BOB)

    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            (GrantRole(role_id="Viewer"), [("/user_id", "one_of")]),
            (GrantRole(user_id=BOB, email="b@b", role_id="Viewer"), [("/user_id", "one_of")]),
            (
                GrantRole(user_id=PrincipalId("nobody"), role_id="Viewer"),
                [("/user_id", "unknown_user")],
            ),
            (GrantRole(email="twin@x", role_id="Viewer"), [("/email", "ambiguous")]),
            (GrantRole(user_id=BOB, role_id="Nosuch"), [("/role_id", "unknown_role")]),
            (
                GrantRole(user_id=BOB, role_id=CHECKER.role_id.value),
                [("/role_id", "unknown_role")],
            ),
            (
                GrantRole(user_id=BOB, role_id="Viewer", expires_at=NOW),
                [("/expires_at", "in_the_past")],
            ),
            (
                GrantRole(user_id=BOB, role_id="Viewer", expires_at=NOW.replace(tzinfo=None)),
                [("/expires_at", "time")],
            ),
            (
                GrantRole(email="twin@x", role_id="Nosuch", expires_at=NOW - HOUR),
                [
                    ("/email", "ambiguous"),
                    ("/role_id", "unknown_role"),
                    ("/expires_at", "in_the_past"),
                ],
            ),
        ],
    )
    def test_tells_every_fault_at_once(
        self, do: Acting, command: GrantRole, expected: list[tuple[str, str]]
    ) -> None:
        for number in (1, 2):
            do.keep(a_user(PrincipalId(f"twin-{number}"), email="twin@x"))
        do.keep(a_user(PrincipalId("liar"), email="liar@x", email_verified=False))
        with pytest.raises(ValidationFailed) as refused:
            do(grant_role, on("project web"), command)
        assert faults(refused) == expected
        assert everything(do) == [OWNED]

    @pytest.mark.parametrize(
        ("held", "refusal"),
        [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden), (EDITOR, Forbidden)],
        ids=["stranger", "data owner", "viewer", "editor"],
    )
    @pytest.mark.parametrize("scope", SCOPES)
    def test_is_impossible_without_manage_access(
        self, do: Acting, scope: str, held: Role | None, refusal: type[Exception]
    ) -> None:
        if held is not None:
            do.keep(an_assignment(BOB, held, "organization acme"))
        before = everything(do)
        for role in (OWNER, VIEWER, CHECKER):
            with pytest.raises(refusal):
                grant(do, scope, role, by=BOB, to=CAROL)
        assert everything(do) == before

    def test_reaches_down_and_not_up(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, OWNER, "project web"))
        grant(do, "resource kettle", by=BOB, to=CAROL)
        with pytest.raises(NotFound):
            grant(do, "organization acme", by=BOB, to=CAROL)

    def test_nobody_hands_out_more_than_they_hold(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, "project web"))
        assert grant(do, "project web", VIEWER, by=BOB, to=CAROL).role == VIEWER
        assert grant(do, "project web", STEWARD, by=BOB, to=CAROL).role == STEWARD
        for role in (OWNER, EDITOR, DATA_OWNER):
            with pytest.raises(Forbidden):
                grant(do, "project web", role, by=BOB, to=CAROL)
            with pytest.raises(Forbidden):
                grant(do, "project web", role, by=BOB, to=BOB)

    def test_what_one_holds_above_and_by_several_roles_counts(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, "organization acme"))
        do.keep(an_assignment(BOB, EDITOR, "project web"))
        do.keep(an_assignment(BOB, DATA_OWNER, "resource kettle"))
        assert grant(do, "resource kettle", DATA_OWNER, by=BOB, to=CAROL).role == DATA_OWNER
        assert grant(do, "project web", EDITOR, by=BOB, to=CAROL).role == EDITOR
        with pytest.raises(Forbidden):
            grant(do, "organization acme", EDITOR, by=BOB, to=CAROL)

    def test_who_may_escalate_hands_out_what_they_do_not_hold(self, do: Acting) -> None:
        assert grant(do, "project web", DATA_OWNER).role == DATA_OWNER

    def test_global_scope_is_for_the_operator(self, do: Acting) -> None:
        with pytest.raises(NotFound):
            grant(do, "global")
        held = an_assignment(ALICE, OWNER, "global")
        do.keep(held)
        with pytest.raises(Forbidden):
            grant(do, "global")
        with pytest.raises(Forbidden):
            do(revoke_assignment, on("global"), held.assignment_id)

    def test_who_owns_everything_by_the_operators_word_still_owns_nothing_below(
        self, do: Acting
    ) -> None:
        do.keep(an_assignment(BOB, OWNER, "global"))
        with pytest.raises(NotFound):
            grant(do, "organization acme", by=BOB, to=CAROL)

    def test_nothing_is_granted_on_what_is_not_there(self, do: Acting) -> None:
        for scope in ("organization nowhere", "project nowhere", "resource nowhere"):
            with pytest.raises(NotFound):
                grant(do, scope)

    def test_nothing_is_granted_on_what_is_on_its_way_out(self, do: Acting) -> None:
        do.keep(a_project("going", status=ProjectStatus.DELETING))
        do.keep(a_project("ended", status=ProjectStatus.DELETED))
        do.keep(a_resource("falling", status=Status.DELETING))
        do.keep(a_resource("fallen", status=Status.DELETED))
        for scope in ("project going", "project ended", "resource falling", "resource fallen"):
            with pytest.raises(InvalidTransition):
                grant(do, scope)

    def test_the_same_again_is_refused_until_it_expired(
        self, do: Acting, clock: ManualClock
    ) -> None:
        first = grant(do, expires_at=NOW + HOUR)
        with pytest.raises(AlreadyExists):
            grant(do)
        clock.advance(HOUR)
        renewed = grant(do)
        assert renewed.assignment.assignment_id != first.assignment.assignment_id
        assert [held.user_id for held in everything(do)] == [ALICE, BOB]


class TestExpiry:
    def test_ends_everything_at_once(self, do: Acting, clock: ManualClock) -> None:
        grant(do, expires_at=NOW + HOUR)
        acme = OrganizationId("acme")
        clock.set(NOW + HOUR - timedelta(microseconds=1))
        assert do(read_organization, acme, by=BOB).org_id == acme
        clock.set(NOW + HOUR)
        with pytest.raises(NotFound):
            do(read_organization, acme, by=BOB)
        shown = do(list_assignments, on("organization acme"), PageRequest())
        assert [view.assignment.user_id for view in shown.items] == [ALICE]

    def test_of_who_manages_access_ends_that(self, do: Acting, clock: ManualClock) -> None:
        grant(do, role=OWNER, expires_at=NOW + HOUR)
        grant(do, role=VIEWER)
        clock.set(NOW + HOUR)
        with pytest.raises(Forbidden):
            grant(do, by=BOB, to=CAROL)


class TestChanging:
    def change(
        self, do: Acting, held: RoleAssignment, expires_at: datetime | None, **but: Any
    ) -> RoleAssignment:
        command = ChangeAssignment(expires_at=expires_at)
        changed = do(change_assignment, held.scope, held.assignment_id, command, **but)
        return changed.assignment

    def test_gives_a_new_expiry_or_none(self, do: Acting) -> None:
        held = grant(do).assignment
        for expires_at in (NOW + HOUR, NOW + 2 * HOUR, None):
            assert self.change(do, held, expires_at) == evolve(held, expires_at=expires_at)

    def test_of_what_expired_is_not_found(self, do: Acting, clock: ManualClock) -> None:
        held = grant(do, expires_at=NOW + HOUR).assignment
        clock.advance(HOUR)
        with pytest.raises(NotFound):
            self.change(do, held, None)

    def test_to_the_past_is_refused(self, do: Acting) -> None:
        held = grant(do).assignment
        with pytest.raises(ValidationFailed) as refused:
            self.change(do, held, NOW)
        assert faults(refused) == [("/expires_at", "in_the_past")]

    def test_prolongs_no_more_than_one_holds(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, "organization acme"))
        held = grant(do, role=EDITOR, to=CAROL, expires_at=NOW + HOUR).assignment
        with pytest.raises(Forbidden):
            self.change(do, held, None, by=BOB)

    def test_needs_manage_access(self, do: Acting) -> None:
        held = grant(do, role=EDITOR).assignment
        with pytest.raises(Forbidden):
            self.change(do, held, NOW + HOUR, by=BOB)
        with pytest.raises(NotFound):
            self.change(do, held, NOW + HOUR, by=CAROL)

    def test_of_a_hidden_role_is_for_the_operator(self, do: Acting) -> None:
        held = an_assignment(ROBOT, CHECKER, "organization acme", expires_at=NOW + HOUR)
        do.keep(held)
        with pytest.raises(Forbidden):
            self.change(do, held, None)

    def test_does_not_let_the_last_owner_expire(self, do: Acting) -> None:
        with pytest.raises(LastOwner):
            self.change(do, OWNED, NOW + HOUR)
        other = grant(do, role=OWNER).assignment
        assert self.change(do, OWNED, NOW + HOUR).expires_at == NOW + HOUR
        with pytest.raises(LastOwner):
            self.change(do, other, NOW + HOUR)
        assert self.change(do, OWNED, None).expires_at is None


class TestRevoking:
    def revoke(self, do: Acting, held: RoleAssignment, **but: Any) -> None:
        do(revoke_assignment, held.scope, held.assignment_id, **but)

    def test_takes_it_back(self, do: Acting) -> None:
        self.revoke(do, grant(do).assignment)
        assert everything(do) == [OWNED]

    def test_one_may_lay_down_ones_own_ownership_while_another_remains(self, do: Acting) -> None:
        grant(do, role=OWNER)
        self.revoke(do, OWNED)
        with pytest.raises(NotFound):
            do(read_organization, OrganizationId("acme"))

    def test_needs_manage_access(self, do: Acting) -> None:
        held = grant(do, role=EDITOR).assignment
        with pytest.raises(Forbidden):
            self.revoke(do, held, by=BOB)
        with pytest.raises(NotFound):
            self.revoke(do, held, by=CAROL)

    def test_finds_what_is_directly_on_the_scope_only(self, do: Acting) -> None:
        held = grant(do, "project web").assignment
        for scope in ("organization acme", "resource kettle"):
            with pytest.raises(NotFound):
                do(revoke_assignment, on(scope), held.assignment_id)
        with pytest.raises(NotFound):
            do(revoke_assignment, on("project web"), AssignmentId("asg_never"))

    @pytest.mark.parametrize("other", ["nobody", "expiring", "machine", "inherited", "data owner"])
    def test_the_last_lasting_owner_remains(self, do: Acting, other: str) -> None:
        do.keep(a_project("solo", None))
        match other:
            case "expiring":
                do.keep(an_assignment(BOB, OWNER, "project solo", expires_at=NOW + HOUR))
            case "machine":
                do.keep(an_assignment(ROBOT, OWNER, "project solo"))
            case "inherited":
                do.keep(an_assignment(BOB, OWNER, "global"))
            case "data owner":
                do.keep(an_assignment(BOB, DATA_OWNER, "project solo"))
        last = an_assignment(ALICE, OWNER, "project solo")
        do.keep(last)
        with pytest.raises(LastOwner):
            self.revoke(do, last)
        do.keep(an_assignment(CAROL, OWNER, "project solo"))
        self.revoke(do, last)

    def test_a_project_in_an_organization_needs_no_owner_of_its_own(self, do: Acting) -> None:
        self.revoke(do, grant(do, "project web", OWNER).assignment)

    def test_a_resource_needs_no_owner_of_its_own(self, do: Acting) -> None:
        self.revoke(do, grant(do, "resource kettle", OWNER).assignment)

    def test_is_still_possible_on_what_is_on_its_way_out(self, do: Acting) -> None:
        do.keep(a_project("going", status=ProjectStatus.DELETING))
        held = an_assignment(BOB, OWNER, "project going")
        do.keep(held)
        self.revoke(do, held)
        assert everything(do) == [OWNED]


class TestListing:
    def test_shows_what_is_inherited_too(self, do: Acting) -> None:
        for number, scope in enumerate(SCOPES[1:], start=1):
            do.keep(an_assignment(BOB, VIEWER, scope, created_at=NOW + number * HOUR))
        page = PageRequest(sort=Sort.CREATED_AT)
        shown = {
            scope: [
                (view.assignment.scope, view.scope_name)
                for view in do(list_assignments, on(scope), page).items
            ]
            for scope in SCOPES
        }
        path = list(zip(map(on, SCOPES), ["Acme", "Web", "Kettle"], strict=True))
        assert shown == {scope: path[: number + 1] for number, scope in enumerate(SCOPES)}

    def test_hides_what_is_above_what_one_may_read(self, do: Acting) -> None:
        do.keep(an_assignment(CAROL, VIEWER, "project web"))
        do.keep(an_assignment(BOB, VIEWER, "resource kettle"))
        kettle, page = on("resource kettle"), PageRequest()
        seen = {
            who: {
                view.assignment.user_id
                for view in do(list_assignments, kettle, page, by=who).items
            }
            for who in (ALICE, BOB, CAROL)
        }
        assert seen == {ALICE: {ALICE, BOB, CAROL}, BOB: {BOB}, CAROL: {CAROL, BOB}}

    def test_is_for_who_may_read_the_scope(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, VIEWER, "project web"))
        assert do(list_assignments, on("resource kettle"), PageRequest(), by=BOB).items
        for scope, who in (("organization acme", BOB), ("project web", CAROL), ("global", ALICE)):
            with pytest.raises(NotFound):
                do(list_assignments, on(scope), PageRequest(), by=who)

    def test_one_of_them_can_be_read_directly_on_its_scope(self, do: Acting) -> None:
        view = grant(do, "project web")
        identity = view.assignment.assignment_id
        assert do(read_assignment, on("project web"), identity, by=BOB) == view
        with pytest.raises(NotFound):
            do(read_assignment, on("resource kettle"), identity)
        with pytest.raises(NotFound):
            do(read_assignment, on("project web"), identity, by=CAROL)
