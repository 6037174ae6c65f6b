"""What a principal holds where, asked of every store that answers it."""

import pytest

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
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
    an_assignment,
    an_organization,
    keep,
    on,
    unwitnessed,
)

SCOPES = ["organization acme", "project web", "resource kettle", "project solo", "global"]
PATHS = {
    "organization acme": ("organization acme",),
    "project web": ("organization acme", "project web"),
    "resource kettle": ("organization acme", "project web", "resource kettle"),
    "project solo": ("project solo",),
    "resource toaster": ("project solo", "resource toaster"),
    "global": ("global",),
}


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), a_project(), a_resource())
    keep(units, a_project("solo", None), a_resource("toaster", "solo", None))
    return units


def one(work: UnitOfWork, principal: PrincipalId, scope: str) -> Standing:
    (standing,) = work.access.standings([(principal, on(scope))], NOW)
    assert standing is not None
    return standing


@pytest.mark.parametrize("scope", PATHS)
def test_the_path_runs_from_the_organization_down_to_the_scope(
    inside: UnitsOfWork, scope: str
) -> None:
    with inside.view() as work:
        assert one(work, ALICE, scope) == Standing(tuple(map(on, PATHS[scope])), [])


@pytest.mark.parametrize("granted", SCOPES)
@pytest.mark.parametrize("asked", PATHS)
def test_a_role_counts_on_its_scope_and_below_and_nowhere_else(
    inside: UnitsOfWork, granted: str, asked: str
) -> None:
    given = an_assignment(ALICE, EDITOR, granted)
    keep(inside, given, an_assignment(BOB, OWNER, granted))
    with inside.view() as work:
        standing = one(work, ALICE, asked)
    if granted not in PATHS[asked]:
        assert standing.grants == ()
        return
    (grant,) = standing.grants
    assert grant.assignment_id == given.assignment_id
    assert grant.role_id == EDITOR.role_id
    assert grant.scope == on(granted)
    assert set(grant.permissions) == set(EDITOR.permissions)


@pytest.mark.parametrize("scope", SCOPES)
def test_an_expired_role_does_not_count_from_its_last_moment_on(
    inside: UnitsOfWork, scope: str
) -> None:
    keep(inside, an_assignment(ALICE, EDITOR, scope, expires_at=NOW + HOUR))
    moments = (NOW, NOW + HOUR - NOW.resolution, NOW + HOUR, NOW + 2 * HOUR)
    with inside.view() as work:
        counted = []
        for moment in moments:
            (standing,) = work.access.standings([(ALICE, on(scope))], moment)
            assert standing is not None
            counted.append(len(standing.grants))
    assert counted == [1, 1, 0, 0]


def test_every_role_on_the_way_counts_once(inside: UnitsOfWork) -> None:
    given = [
        an_assignment(ALICE, role, scope)
        for role in (VIEWER, DATA_OWNER)
        for scope in PATHS["resource kettle"]
    ]
    keep(inside, *given)
    with inside.view() as work:
        standing = one(work, ALICE, "resource kettle")
    assert sorted(grant.assignment_id for grant in standing.grants) == sorted(
        assignment.assignment_id for assignment in given
    )


def test_there_is_one_answer_for_each_question_in_order(inside: UnitsOfWork) -> None:
    keep(inside, an_assignment(ALICE, OWNER, "organization acme"))
    keep(inside, an_assignment(ROBOT, CHECKER, "global"))
    asked = [
        (BOB, on("project web")),
        (ALICE, on("project web")),
        (ALICE, Scope.of(ProjectId("nowhere"))),
        (ALICE, Scope.of(OrganizationId("web"))),
        (ALICE, Scope.of(ResourceId("web"))),
        (ALICE, on("project web")),
        (PrincipalId("nobody"), on("global")),
        (ROBOT, on("global")),
        (ROBOT, on("organization acme")),
    ]
    with inside.view() as work:
        answers = work.access.standings(asked, NOW)
        assert work.access.standings([], NOW) == []
    assert [None if a is None else len(a.grants) for a in answers] == [
        *(0, 1, None, None, None, 1, 0, 1, 0)
    ]
    assert [a.scope for a in answers if a] == [
        scope for (_, scope), a in zip(asked, answers, strict=True) if a
    ]


def test_what_is_remembered_is_what_a_view_says_or_nothing(inside: UnitsOfWork) -> None:
    given = an_assignment(ALICE, EDITOR, "project web", expires_at=NOW + HOUR)
    asked = [(ALICE, on("resource kettle")), (BOB, on("project web")), (ALICE, on("global"))]

    def agrees() -> bool:
        for at in (NOW, NOW + HOUR):
            known = inside.remembered(asked, at)
            with inside.view(fresh=True) as work:
                if known is not None and known != work.access.standings(asked, at):
                    return False
            with inside.view() as work:
                work.access.standings(asked, at)
        return True

    for _ in range(3):
        assert agrees()
        keep(inside, given)
        assert agrees()
        with unwitnessed(inside) as work:
            work.assignments.remove(given.assignment_id)


def test_of_what_is_not_there_nothing_is_remembered(inside: UnitsOfWork) -> None:
    asked = [(ALICE, on("global")), (ALICE, on("project nowhere"))]
    for _ in range(2):
        assert inside.remembered(asked, NOW) is None
        with inside.view() as work:
            assert work.access.standings(asked, NOW)[1] is None


def test_reading_a_thing_with_standing_tells_the_same(inside: UnitsOfWork) -> None:
    for number, scope in enumerate(SCOPES):
        keep(inside, an_assignment(ALICE, VIEWER, scope, number))
    with inside.view() as work:
        _, on_organization = work.organizations.with_standing(OrganizationId("acme"), ALICE, NOW)
        _, on_project = work.projects.with_standing(ProjectId("web"), ALICE, NOW)
        _, on_resource = work.resources.with_standing(ResourceId("kettle"), ALICE, NOW)
        told = [one(work, ALICE, scope) for scope in SCOPES[:3]]
    for mine, theirs in zip((on_organization, on_project, on_resource), told, strict=True):
        assert mine.path == theirs.path
        assert set(mine.grants) == set(theirs.grants)


def test_what_expired_does_not_count_for_what_is_read_either(inside: UnitsOfWork) -> None:
    for number, scope in enumerate(SCOPES):
        keep(inside, an_assignment(ALICE, VIEWER, scope, number, expires_at=NOW + HOUR))
    with inside.view() as work:
        for at, held in ((NOW, [1, 2, 3]), (NOW + HOUR, [0, 0, 0])):
            _, on_organization = work.organizations.with_standing(
                OrganizationId("acme"), ALICE, at
            )
            _, on_project = work.projects.with_standing(ProjectId("web"), ALICE, at)
            _, on_resource = work.resources.with_standing(ResourceId("kettle"), ALICE, at)
            told = [len(s.grants) for s in (on_organization, on_project, on_resource)]
            assert told == held
