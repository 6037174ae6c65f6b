"""What a principal holds by the groups they are in."""

from datetime import datetime

import pytest

from ktrlplane.domain.access import Holder, Role
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import AssignmentId, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.standings import Grant, Standing
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    ROBOT,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
    on,
)

PATHS = {
    "organization acme": ("organization acme",),
    "project web": ("organization acme", "project web"),
    "resource kettle": ("organization acme", "project web", "resource kettle"),
    "project app": ("organization acme", "project app"),
    "project solo": ("project solo",),
    "resource toaster": ("project solo", "resource toaster"),
    "organization other": ("organization other",),
    "global": ("global",),
}
SCOPES = ["organization acme", "project web", "resource kettle"]
CREW, STAFF = a_group("Crew"), a_group("Staff")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Alice in the groups Crew and Staff, Bob in Staff, Robot in Crew."""
    keep(units, an_organization(), an_organization("other"))
    keep(units, a_project(), a_project("app"), a_project("solo", None))
    keep(units, a_resource(), a_resource("toaster", "solo", None), CREW, STAFF)
    keep(units, a_member(CREW, ALICE), a_member(STAFF, ALICE), a_member(STAFF, BOB))
    keep(units, a_member(CREW, ROBOT))
    return units


def standing(units: UnitsOfWork, who: PrincipalId, scope: str, at: datetime = NOW) -> Standing:
    with units.view() as work:
        (found,) = work.access.standings([(who, on(scope))], at)
    assert found is not None
    return found


def ids(grants: tuple[Grant, ...]) -> list[AssignmentId]:
    return sorted(grant.assignment_id for grant in grants)


@pytest.mark.parametrize("granted", SCOPES)
@pytest.mark.parametrize("asked", PATHS)
def test_what_a_group_has_its_members_have_there_and_below_and_nowhere_else(
    inside: UnitsOfWork, granted: str, asked: str
) -> None:
    expires_at = NOW + HOUR + NOW.resolution
    given = an_assignment(CREW.group_id, EDITOR, granted, expires_at=expires_at)
    keep(inside, given)
    for who in (ALICE, ROBOT):
        found = standing(inside, who, asked)
        assert found.path == tuple(map(on, PATHS[asked]))
        if granted not in PATHS[asked]:
            assert found.grants == ()
            continue
        (grant,) = found.grants
        assert (grant.assignment_id, grant.role_id) == (given.assignment_id, EDITOR.role_id)
        assert (grant.group_id, grant.scope) == (CREW.group_id, on(granted))
        assert grant.expires_at == expires_at
        assert set(grant.permissions) == set(EDITOR.permissions)
    for who in (BOB, CAROL, PrincipalId(CREW.group_id.value)):
        assert standing(inside, who, asked).grants == ()


@pytest.mark.parametrize("scope", SCOPES)
def test_an_expired_role_of_a_group_does_not_count_from_its_last_moment_on(
    inside: UnitsOfWork, scope: str
) -> None:
    keep(inside, an_assignment(CREW.group_id, EDITOR, scope, expires_at=NOW + HOUR))
    moments = (NOW, NOW + HOUR - NOW.resolution, NOW + HOUR, NOW + 2 * HOUR)
    counted = [len(standing(inside, ALICE, scope, moment).grants) for moment in moments]
    assert counted == [1, 1, 0, 0]


def test_what_one_holds_in_person_has_no_group(inside: UnitsOfWork) -> None:
    mine = an_assignment(ALICE, EDITOR, "project web", 1)
    ours = an_assignment(CREW.group_id, EDITOR, "project web", 2)
    keep(inside, mine, ours)
    found = standing(inside, ALICE, "project web")
    assert {(g.assignment_id, g.group_id, g.expires_at) for g in found.grants} == {
        (mine.assignment_id, None, None),
        (ours.assignment_id, CREW.group_id, None),
    }


def test_everything_counts_once_by_whatever_way_it_comes_oldest_first(
    inside: UnitsOfWork,
) -> None:
    helper = a_custom_role("Helper", "read", "Acme.Kettle:water/*")
    ways: list[tuple[Holder, Role, str]] = [
        (STAFF.group_id, helper, "resource kettle"),
        (ALICE, VIEWER, "organization acme"),
        (CREW.group_id, VIEWER, "organization acme"),
        (STAFF.group_id, VIEWER, "organization acme"),
        (CREW.group_id, DATA_OWNER, "project web"),
        (ALICE, helper, "project web"),
    ]
    given = [
        an_assignment(*way, number, created_at=NOW + HOUR * (number // 2))
        for number, way in enumerate(ways)
    ]
    keep(inside, helper, *given[::-1])
    found = standing(inside, ALICE, "resource kettle")
    assert [grant.assignment_id for grant in found.grants] == [one.assignment_id for one in given]
    theirs = standing(inside, BOB, "resource kettle")
    assert ids(theirs.grants) == sorted(
        one.assignment_id for one in given if one.holder == STAFF.group_id
    )


def test_many_questions_are_answered_alike(inside: UnitsOfWork) -> None:
    for number, scope in enumerate(SCOPES):
        keep(inside, an_assignment(CREW.group_id, VIEWER, scope, number))
        keep(inside, an_assignment(STAFF.group_id, EDITOR, scope, 10 + number))
        keep(inside, an_assignment(ALICE, DATA_OWNER, scope, 20 + number))
    asked = [(who, scope) for scope in PATHS for who in (BOB, ALICE, CAROL, ROBOT)]
    with inside.view() as work:
        together = work.access.standings([(who, on(scope)) for who, scope in asked], NOW)
    for (who, scope), found in zip(asked, together, strict=True):
        assert found == standing(inside, who, scope)
        inherited = len([one for one in SCOPES if one in PATHS[scope]])
        ways = {ALICE: 3, BOB: 1, CAROL: 0, ROBOT: 1}[who]
        assert len(found.grants) == ways * inherited


def test_reading_a_thing_with_standing_tells_the_same(inside: UnitsOfWork) -> None:
    for number, scope in enumerate(SCOPES):
        keep(inside, an_assignment(CREW.group_id, VIEWER, scope, number))
        keep(inside, an_assignment(STAFF.group_id, VIEWER, scope, 9 - number))
        late = NOW + HOUR
        keep(inside, an_assignment(CREW.group_id, EDITOR, scope, 20 + number, expires_at=late))
    for who in (ALICE, BOB, CAROL):
        for at in (NOW, NOW + HOUR):
            with inside.view() as work:
                _, on_organization = work.organizations.with_standing(
                    OrganizationId("acme"), who, at
                )
                _, on_project = work.projects.with_standing(ProjectId("web"), who, at)
                _, on_resource = work.resources.with_standing(ResourceId("kettle"), who, at)
            read = [on_organization, on_project, on_resource]
            assert read == [standing(inside, who, scope, at) for scope in SCOPES]


def join(units: UnitsOfWork, group: Group, who: PrincipalId) -> None:
    with units.begin() as work:
        work.groups.put_member(a_member(group, who))


def test_joining_and_leaving_count_at_once(inside: UnitsOfWork) -> None:
    keep(inside, an_assignment(CREW.group_id, VIEWER, "project web"))

    def grants() -> int:
        return len(standing(inside, CAROL, "resource kettle").grants)

    assert grants() == 0
    join(inside, CREW, CAROL)
    assert grants() == 1
    with inside.begin() as work:
        work.groups.remove_member(CREW.group_id, CAROL)
    assert grants() == 0
    join(inside, CREW, CAROL)
    with inside.begin() as work:
        work.groups.leave(CAROL, OrganizationId("acme"))
    assert grants() == 0
    join(inside, CREW, CAROL)
    with inside.begin() as work:
        work.groups.remove(CREW.group_id)
    assert grants() == 0


@pytest.mark.parametrize("scope", ["organization other", "project solo", "global"])
def test_a_group_means_nothing_outside_of_its_organization(
    inside: UnitsOfWork, scope: str
) -> None:
    """No service grants it there; were it there all the same, nobody would have it."""
    keep(inside, an_assignment(CREW.group_id, EDITOR, scope))
    assert standing(inside, ALICE, scope).grants == ()
