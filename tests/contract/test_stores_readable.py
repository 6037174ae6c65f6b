"""Lists hold exactly what the principal may read, neither more nor less."""

from datetime import datetime
from itertools import combinations_with_replacement

import pytest

from ktrlplane.domain.access import Role
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.ports.stores import ProjectFilter, ResourceFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    ALL_SEEING,
    BOB,
    CHECKER,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
)

SEEN: dict[str, set[str]] = {
    "organization acme": {"acme", "web", "app", "kettle", "toaster", "grinder"},
    "organization other": {"other", "x", "rx"},
    "project web": {"web", "kettle", "toaster"},
    "project app": {"app", "grinder"},
    "project solo": {"solo", "rs"},
    "resource kettle": {"kettle"},
    "resource rs": {"rs"},
    "global": set(),
}
"""What one can read by a role on a scope."""


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), an_organization("other"))
    keep(units, a_project(), a_project("app"), a_project("x", "other"), a_project("solo", None))
    keep(units, a_resource(), a_resource("toaster"), a_resource("grinder", "app"))
    keep(units, a_resource("rx", "x", "other"), a_resource("rs", "solo", None))
    keep(units, a_project("ended", status=ProjectStatus.DELETED))
    keep(units, a_resource("gone", status=Status.DELETED))
    return units


def seen(units: UnitsOfWork, at: datetime = NOW) -> list[str]:
    page = PageRequest(sort=Sort.NAME, include_total=True)
    with units.view() as work:
        organizations = work.organizations.readable_by(ALICE, at, page)
        projects = work.projects.readable_by(ALICE, at, page, ProjectFilter())
        resources = work.resources.readable_by(ALICE, at, page, ResourceFilter())
    assert organizations.total == len(organizations.items)
    assert projects.total == len(projects.items)
    assert resources.total == len(resources.items)
    return [
        *(organization.org_id.value for organization in organizations.items),
        *(project.project_id.value for project in projects.items),
        *(resource.resource_id.value for resource in resources.items),
    ]


def test_without_a_role_one_sees_nothing(inside: UnitsOfWork) -> None:
    keep(inside, *(an_assignment(BOB, OWNER, scope) for scope in SEEN))
    assert seen(inside) == []


@pytest.mark.parametrize("role", [OWNER, EDITOR, VIEWER, ALL_SEEING], ids=lambda role: role.name)
@pytest.mark.parametrize("scope", SEEN)
def test_a_role_that_may_read_shows_its_scope_and_what_is_in_it(
    inside: UnitsOfWork, scope: str, role: Role
) -> None:
    keep(inside, an_assignment(ALICE, role, scope))
    assert sorted(seen(inside)) == sorted(SEEN[scope])


@pytest.mark.parametrize("role", [DATA_OWNER, CHECKER], ids=lambda role: role.name)
@pytest.mark.parametrize("scope", SEEN)
def test_a_role_that_may_not_read_shows_nothing(
    inside: UnitsOfWork, scope: str, role: Role
) -> None:
    keep(inside, an_assignment(ALICE, role, scope))
    assert seen(inside) == []


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(SEEN, 2)))
def test_two_roles_show_what_either_shows_each_thing_once(
    inside: UnitsOfWork, one: str, other: str
) -> None:
    keep(inside, an_assignment(ALICE, VIEWER, one), an_assignment(ALICE, EDITOR, other))
    assert sorted(seen(inside)) == sorted(SEEN[one] | SEEN[other])


@pytest.mark.parametrize("scope", SEEN)
def test_an_expired_role_shows_nothing_from_its_last_moment_on(
    inside: UnitsOfWork, scope: str
) -> None:
    keep(inside, an_assignment(ALICE, VIEWER, scope, expires_at=NOW + HOUR))
    assert set(seen(inside, NOW + HOUR - NOW.resolution)) == SEEN[scope]
    assert seen(inside, NOW + HOUR) == []


def test_what_was_revoked_shows_nothing(inside: UnitsOfWork) -> None:
    held = an_assignment(ALICE, VIEWER, "organization acme")
    keep(inside, held)
    with inside.begin() as work:
        work.assignments.remove(held.assignment_id)
    assert seen(inside) == []


def test_deleted_resources_are_shown_by_asking_for_them_to_who_may_read_them(
    inside: UnitsOfWork,
) -> None:
    keep(inside, an_assignment(ALICE, VIEWER, "project web"))
    with inside.view() as work:
        where = ResourceFilter(status=Status.DELETED)
        mine = work.resources.readable_by(ALICE, NOW, PageRequest(), where)
        theirs = work.resources.readable_by(BOB, NOW, PageRequest(), where)
    assert [resource.resource_id.value for resource in mine.items] == ["gone"]
    assert list(theirs.items) == []


def test_a_project_in_an_organization_that_one_does_not_see_can_be_seen(
    inside: UnitsOfWork,
) -> None:
    keep(inside, an_assignment(ALICE, VIEWER, "project x"))
    assert sorted(seen(inside)) == ["rx", "x"]


CREW, STAFF = a_group("Crew"), a_group("Staff")
IN_ACME = [scope for scope in SEEN if SEEN[scope] <= SEEN["organization acme"]]


@pytest.fixture
def together(inside: UnitsOfWork) -> UnitsOfWork:
    """Alice in the groups Crew and Staff."""
    keep(inside, CREW, STAFF, a_member(CREW, ALICE), a_member(STAFF, ALICE), a_member(STAFF, BOB))
    return inside


@pytest.mark.parametrize(
    "role",
    [VIEWER, ALL_SEEING, a_custom_role("Reader", "Acme.Kettle:water/*", "read")],
    ids=lambda role: role.name,
)
@pytest.mark.parametrize("scope", [scope for scope in IN_ACME if scope != "global"])
def test_a_role_of_a_group_shows_what_ones_own_would(
    together: UnitsOfWork, scope: str, role: Role
) -> None:
    if not role.is_system:
        keep(together, role)
    keep(together, an_assignment(CREW.group_id, role, scope, expires_at=NOW + HOUR))
    assert sorted(seen(together)) == sorted(SEEN[scope])
    assert seen(together, NOW + HOUR) == []


@pytest.mark.parametrize(
    "role", [DATA_OWNER, a_custom_role("Boiler", "Acme.Kettle:*")], ids=lambda role: role.name
)
def test_a_role_of_a_group_that_may_not_read_shows_nothing(
    together: UnitsOfWork, role: Role
) -> None:
    if not role.is_system:
        keep(together, role)
    keep(together, *(an_assignment(CREW.group_id, role, scope) for scope in IN_ACME))
    assert seen(together) == []


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(IN_ACME, 2)))
def test_two_groups_show_what_either_shows_each_thing_once(
    together: UnitsOfWork, one: str, other: str
) -> None:
    keep(together, an_assignment(ALICE, VIEWER, "project solo"))
    keep(together, an_assignment(CREW.group_id, VIEWER, one))
    keep(together, an_assignment(STAFF.group_id, EDITOR, other))
    expected = SEEN[one] | SEEN[other] | SEEN["project solo"]
    assert sorted(seen(together)) == sorted(expected)


def test_who_leaves_a_group_sees_no_more_what_it_showed(together: UnitsOfWork) -> None:
    keep(together, an_assignment(CREW.group_id, VIEWER, "project web"))
    keep(together, an_assignment(STAFF.group_id, VIEWER, "project app"))
    with together.begin() as work:
        work.groups.remove_member(CREW.group_id, ALICE)
    assert sorted(seen(together)) == sorted(SEEN["project app"])
    with together.begin() as work:
        work.groups.remove(STAFF.group_id)
    assert seen(together) == []


def test_a_group_that_one_is_not_in_shows_nothing(together: UnitsOfWork) -> None:
    others = a_group("Others")
    keep(together, others, a_member(others, BOB))
    keep(together, *(an_assignment(others.group_id, OWNER, scope) for scope in IN_ACME))
    assert seen(together) == []
