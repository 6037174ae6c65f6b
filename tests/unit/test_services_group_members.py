"""Who is in a group, and what that gives them: product.md R1.4 to R1.8."""

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.errors import Forbidden, LastOwner, NotFound, ValidationFailed
from ktrlplane.domain.groups import GroupMember
from ktrlplane.domain.ids import GroupId, PrincipalId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.services.assignments import (
    ChangeAssignment,
    GrantRole,
    change_assignment,
    grant_role,
    revoke_assignment,
)
from ktrlplane.domain.services.group_members import put_member, read_member, remove_member
from ktrlplane.domain.services.groups import CreateGroup, create_group, delete_group, list_groups
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_group,
    a_member,
    a_project,
    an_assignment,
    on,
)
from tests.platforms import Acting
from tests.unit.acme import (
    ACME,
    DORA,
    ERIN,
    ORG,
    PROJECT,
    RESOURCE,
    SCOPES,
    STEWARD,
    faults,
    furnished,
    granted,
    permissions,
)

NEVER = GroupId("grp_never")
CREW, THEIRS = a_group("Crew"), a_group("Crew", "other")


@pytest.fixture
def do(do: Acting) -> Acting:
    """With the groups Crew of acme, which Dora is in, and Crew of other."""
    furnished(do).keep(CREW, THEIRS, a_member(CREW, DORA))
    return do


class TestMembers:
    def test_who_joins_has_what_the_group_has_everywhere(self, do: Acting) -> None:
        for scope, role in zip(SCOPES, (VIEWER, EDITOR, DATA_OWNER), strict=True):
            do.keep(an_assignment(CREW.group_id, role, scope))
        view = do(put_member, CREW.group_id, ERIN)
        assert view.member == GroupMember(
            group_id=CREW.group_id, user_id=ERIN, added_by=ALICE, added_at=NOW
        )
        assert view.user.user_id == ERIN
        gained = set(VIEWER.permissions), set(EDITOR.permissions), set(DATA_OWNER.permissions)
        assert permissions(do, ERIN, ORG) == gained[0]
        assert permissions(do, ERIN, PROJECT) == gained[0] | gained[1]
        assert permissions(do, ERIN, RESOURCE) == gained[0] | gained[1] | gained[2]
        do(remove_member, CREW.group_id, ERIN)
        assert [permissions(do, ERIN, scope) for scope in SCOPES] == [set()] * 3

    def test_who_is_a_member_stays_as_they_are(self, do: Acting, clock: ManualClock) -> None:
        first = do(put_member, CREW.group_id, ERIN)
        clock.advance(HOUR)
        do.keep(an_assignment(BOB, STEWARD, ORG))
        assert do(put_member, CREW.group_id, ERIN, by=BOB) == first

    def test_the_too_weak_may_put_a_member_again_and_nobody_new(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, ORG), an_assignment(CREW.group_id, OWNER, PROJECT))
        assert do(put_member, CREW.group_id, DORA, by=BOB).member.user_id == DORA
        for who in (ERIN, BOB):
            with pytest.raises(Forbidden, match="Crew has the role Owner on project web"):
                do(put_member, CREW.group_id, who, by=BOB)

    def test_every_grant_of_the_group_counts(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, ORG), an_assignment(BOB, OWNER, PROJECT))
        do.keep(an_assignment(CREW.group_id, EDITOR, RESOURCE))
        do(put_member, CREW.group_id, ERIN, by=BOB)
        do.keep(an_assignment(CREW.group_id, EDITOR, "project app"))
        with pytest.raises(Forbidden):
            do(put_member, CREW.group_id, CAROL, by=BOB)

    def test_what_expired_hands_out_nothing(self, do: Acting, clock: ManualClock) -> None:
        do.keep(an_assignment(BOB, STEWARD, ORG))
        do.keep(an_assignment(CREW.group_id, OWNER, ORG, expires_at=NOW + HOUR))
        with pytest.raises(Forbidden):
            do(put_member, CREW.group_id, ERIN, by=BOB)
        clock.advance(HOUR)
        do(put_member, CREW.group_id, ERIN, by=BOB)
        assert permissions(do, ERIN, ORG, NOW + HOUR) == set()

    def test_only_the_known_can_be_members(self, do: Acting) -> None:
        with pytest.raises(NotFound):
            do(put_member, CREW.group_id, PrincipalId("nobody"))
        assert do(put_member, CREW.group_id, ROBOT).user.is_service_account

    def test_who_is_none_is_not_found(self, do: Acting) -> None:
        for service in (remove_member, read_member):
            with pytest.raises(NotFound):
                do(service, CREW.group_id, ERIN)

    def test_one_may_leave_no_group_without_managing_access(self, do: Acting) -> None:
        do.keep(an_assignment(CREW.group_id, VIEWER, ORG))
        with pytest.raises(Forbidden):
            do(remove_member, CREW.group_id, DORA, by=DORA)


class TestGrants:
    def test_a_group_of_another_organization_is_unknown(self, do: Acting) -> None:
        do.keep(a_project("solo", None), an_assignment(ALICE, OWNER, "project solo"))
        unknown = [(ORG, THEIRS), (PROJECT, THEIRS), (RESOURCE, THEIRS), ("project solo", CREW)]
        for scope, group in unknown:
            for group_id in (group.group_id, NEVER):
                command = GrantRole(group_id=group_id, role_id="Viewer")
                with pytest.raises(ValidationFailed) as refused:
                    do(grant_role, on(scope), command)
                assert faults(refused) == [("/group_id", "unknown_group")]

    def test_who_may_not_read_the_organization_knows_no_group(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, OWNER, PROJECT))
        command = GrantRole(group_id=CREW.group_id, role_id="Viewer")
        with pytest.raises(ValidationFailed) as refused:
            do(grant_role, on(PROJECT), command, by=BOB)
        assert faults(refused) == [("/group_id", "unknown_group")]

    def test_expire_for_every_member_at_once(self, do: Acting, clock: ManualClock) -> None:
        command = GrantRole(group_id=CREW.group_id, role_id="Viewer", expires_at=NOW + HOUR)
        held = granted(do, ORG, command)
        do(put_member, CREW.group_id, ERIN)
        assert do(list_groups, ACME, PageRequest(), by=ERIN).items == [CREW]
        clock.advance(HOUR)
        for who in (DORA, ERIN):
            with pytest.raises(NotFound):
                do(list_groups, ACME, PageRequest(), by=who)
        with pytest.raises(NotFound):
            do(change_assignment, on(ORG), held.assignment_id, ChangeAssignment(expires_at=None))
        renewed = granted(do, ORG, evolve(command, expires_at=None))
        assert do(list_groups, ACME, PageRequest(), by=DORA).items == [CREW]
        do(revoke_assignment, on(ORG), renewed.assignment_id)
        assert permissions(do, DORA, ORG, NOW + HOUR) == set()

    def test_end_with_the_group(self, do: Acting) -> None:
        for scope in SCOPES:
            do.keep(an_assignment(CREW.group_id, OWNER, scope))
        do(delete_group, CREW.group_id, by=DORA)  # she may, as long as she is in it
        assert [permissions(do, DORA, scope) for scope in SCOPES] == [set()] * 3
        again = do(create_group, ACME, CreateGroup(name="Crew"))
        assert again.group_id != CREW.group_id
        with do.units.view() as work:
            assert work.groups.member_ids(again.group_id) == []
            assert not [held for held in work.assignments.of(None) if held.group_id]


def test_an_owner_by_a_group_does_not_count_as_the_last_owner(do: Acting) -> None:
    mine = an_assignment(ALICE, OWNER, ORG)
    do.keep(an_assignment(CREW.group_id, OWNER, ORG))
    with pytest.raises(LastOwner):
        do(revoke_assignment, on(ORG), mine.assignment_id)
    command = ChangeAssignment(expires_at=NOW + HOUR)
    with pytest.raises(LastOwner):
        do(change_assignment, on(ORG), mine.assignment_id, command)
    do.keep(an_assignment(BOB, OWNER, ORG))
    do(revoke_assignment, on(ORG), mine.assignment_id)
    assert permissions(do, DORA, ORG) == set(OWNER.permissions)
