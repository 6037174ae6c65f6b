"""Moving a project lets people in and leaves behind what was lent (R1.5, R2.3)."""

from typing import Any

import pytest

from ktrlplane.domain.access import Permission
from ktrlplane.domain.errors import Forbidden, NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId
from ktrlplane.domain.roles import CONTROL_PLANE_ROLES
from ktrlplane.domain.services.moves import MoveProject, affected_by_move, move_project
from ktrlplane.domain.services.previews import compared
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    EDITOR,
    HOUR,
    NOW,
    VIEWER,
    a_group,
    a_member,
    a_role,
    an_assignment,
    an_invitation,
    on,
)
from tests.platforms import Acting
from tests.unit.acme import ACME, DORA, ERIN, ORG, OTHER, PROJECT, RESOURCE, WEB, furnished

THERE = MoveProject(org_id=OTHER)
ELSEWHERE = "organization other"
CREW = a_group()
MOVER = a_role("Mover", "read", "write", "delete", is_system=False, org_id=ACME)
LEADER = a_role("Leader", "read", "write", "delete", "manage_access", is_system=False, org_id=ACME)
METER = next(role for role in CONTROL_PLANE_ROLES if role.name == "service-account-meter")


@pytest.fixture
def do(do: Acting) -> Acting:
    """Bob may move project web to other, as far as deleting here and writing there go."""
    furnished(do).keep(CREW, a_member(CREW, DORA), MOVER, LEADER)
    return do


def may(do: Acting, who: PrincipalId, scope: str, action: str) -> bool:
    with do.units.view() as work:
        (standing,) = work.access.standings([(who, on(scope))], NOW)
    return standing is not None and standing.holds(Permission.parse(action))


def let_write_there(do: Acting, who: PrincipalId) -> None:
    do.keep(an_assignment(who, EDITOR, ELSEWHERE))


class TestLettingIn:
    def test_who_may_not_hand_out_what_people_there_have_does_not_move_it(
        self, do: Acting
    ) -> None:
        do.keep(an_assignment(BOB, MOVER, PROJECT))
        let_write_there(do, BOB)
        with pytest.raises(Forbidden, match="manage_access"):
            do(move_project, WEB, THERE, by=BOB)
        do.keep(an_assignment(BOB, LEADER, PROJECT))
        with pytest.raises(Forbidden, match="escalate"):
            do(move_project, WEB, THERE, by=BOB)
        assert not may(do, CAROL, PROJECT, "read")

    def test_not_even_into_an_organization_of_ones_own(self, do: Acting) -> None:
        do.keep(an_assignment(CAROL, LEADER, PROJECT))
        with pytest.raises(Forbidden, match="manage_billing"):
            do(move_project, WEB, THERE, by=CAROL)

    def test_who_holds_all_that_is_granted_there_may(self, do: Acting) -> None:
        """The owner's role there has expired, say, and everybody else only looks."""
        with do.arranging() as work:
            for held in work.assignments.on(on(ELSEWHERE), NOW):
                work.assignments.remove(held.assignment_id)
        do.keep(an_assignment(BOB, LEADER, PROJECT), an_assignment(ERIN, VIEWER, ELSEWHERE))
        let_write_there(do, BOB)
        assert do(move_project, WEB, THERE, by=BOB).org_id == OTHER
        assert may(do, ERIN, RESOURCE, "read")

    def test_what_machines_are_trusted_with_there_counts_too(self, do: Acting) -> None:
        with do.arranging() as work:
            for held in work.assignments.on(on(ELSEWHERE), NOW):
                work.assignments.remove(held.assignment_id)
        do.keep(an_assignment(BOB, LEADER, PROJECT), an_assignment(ERIN, METER, ELSEWHERE))
        let_write_there(do, BOB)
        with pytest.raises(Forbidden, match="report_usage"):
            do(move_project, WEB, THERE, by=BOB)

    def test_what_has_expired_there_does_not_count(self, do: Acting) -> None:
        with do.arranging() as work:
            for held in work.assignments.on(on(ELSEWHERE), NOW):
                work.assignments.remove(held.assignment_id)
        gone = an_assignment(ERIN, METER, ELSEWHERE, created_at=NOW - HOUR, expires_at=NOW)
        do.keep(an_assignment(BOB, LEADER, PROJECT), gone)
        let_write_there(do, BOB)
        assert do(move_project, WEB, THERE, by=BOB).org_id == OTHER

    def test_an_owner_lets_in_whoever_is_there(self, do: Acting) -> None:
        let_write_there(do, ALICE)
        do(move_project, WEB, THERE, by=ALICE)
        assert may(do, CAROL, RESOURCE, "escalate")
        assert not may(do, ALICE, RESOURCE, "delete")
        assert may(do, ALICE, RESOURCE, "write")

    def test_who_may_not_write_there_learns_nothing_of_it(self, do: Acting) -> None:
        with pytest.raises(NotFound):
            do(move_project, WEB, THERE, by=ALICE)


class TestWhatWasLent:
    @pytest.mark.parametrize("scope", [PROJECT, RESOURCE])
    def test_stays_behind_wherever_it_was(self, do: Acting, scope: str) -> None:
        let_write_there(do, ALICE)
        do.keep(an_assignment(CREW.group_id, VIEWER, scope), an_assignment(ERIN, MOVER, scope))
        do.keep(an_assignment(ERIN, VIEWER, scope))
        do(move_project, WEB, THERE, by=ALICE)
        with do.units.view() as work:
            left = [(one.holder, one.role_id) for one in work.assignments.on(on(scope), NOW)]
        assert left == [(ERIN, VIEWER.role_id)]
        assert not may(do, DORA, scope, "read")

    def test_invitations_to_its_roles_stay_behind_too(self, do: Acting) -> None:
        let_write_there(do, ALICE)
        mine = an_invitation("a@example.org", MOVER, RESOURCE, invited_by=ALICE)
        common = an_invitation("a@example.org", VIEWER, RESOURCE, invited_by=ALICE)
        do.keep(mine, common)
        do(move_project, WEB, THERE, by=ALICE)
        with do.units.view() as work:
            assert list(work.invitations.to("a@example.org")) == [common]

    def test_stays_where_it_is_when_the_project_does(self, do: Acting) -> None:
        do.keep(an_assignment(CREW.group_id, VIEWER, PROJECT))
        do(move_project, WEB, MoveProject(org_id=ACME), by=ALICE)
        assert may(do, DORA, PROJECT, "read")


class TestLookingBefore:
    def told(self, do: Acting, by: PrincipalId) -> tuple[set[str], set[str]]:
        with do.arranging() as work:
            asked: dict[str, Any] = {"actor": by, "platform": do.platform}
            affected = affected_by_move(work, WEB, THERE, **asked)
            _, change = compared(
                work, affected, lambda: move_project(work, WEB, THERE, **asked), NOW
            )
        return (
            {str(effect.user_id) for effect in change.gains},
            {str(effect.user_id) for effect in change.losses},
        )

    def test_tells_who_gains_and_who_loses(self, do: Acting) -> None:
        let_write_there(do, ALICE)
        do.keep(an_assignment(CREW.group_id, VIEWER, RESOURCE), an_assignment(ERIN, VIEWER, ORG))
        gains, losses = self.told(do, ALICE)
        assert gains == {str(CAROL)}
        assert losses == {str(one) for one in (ALICE, DORA, ERIN)}

    def test_leaves_out_people_of_an_organization_that_one_may_not_read(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, CONTROL_PLANE_ROLES[0], PROJECT))
        let_write_there(do, BOB)
        gains, losses = self.told(do, BOB)
        assert gains == {str(CAROL)}
        assert losses == set()  # Alice, who loses it, is nobody whom Bob may see

    def test_tells_nothing_to_who_may_not_move_it(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, VIEWER, PROJECT))
        let_write_there(do, BOB)
        with pytest.raises(Forbidden):
            self.told(do, BOB)


def test_who_is_affected_by_the_move_of_what_is_not_there(do: Acting) -> None:
    with do.arranging() as work:
        nowhere = ProjectId("nowhere")
        found = affected_by_move(work, nowhere, THERE, actor=ALICE, platform=do.platform)
    assert found == []
