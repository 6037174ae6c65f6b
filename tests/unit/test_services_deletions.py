from datetime import timedelta

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.deletions import (
    due_deletions,
    emptied_projects,
    end_emptied_project,
    end_resources,
)
from ktrlplane.domain.services.organizations import delete_organization
from ktrlplane.domain.services.projects import delete_project, read_project
from ktrlplane.domain.services.resources import delete_resource, read_resource
from tests.builders import (
    ALICE,
    BOB,
    DAY,
    HOUR,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_invitation,
    an_organization,
)
from tests.platforms import Acting

WEB, KETTLE, TOASTER = ProjectId("web"), ResourceId("kettle"), ResourceId("toaster")
A_MOMENT = timedelta(microseconds=1)


@pytest.fixture
def do(do: Acting) -> Acting:
    do.keep(an_organization(), a_project(), a_resource(), a_resource("toaster"))
    do.keep(an_assignment(ALICE, OWNER, "organization acme"))
    do.keep(an_assignment(BOB, VIEWER, "resource kettle"))
    return do


def due(do: Acting) -> tuple[list[str], list[str]]:
    with do.units.view() as work:
        found = due_deletions(work, tenants=10, platform=do.platform)
        projects = emptied_projects(work, limit=10)
    resources = [one.value for departing in found for one in departing.resource_ids]
    return resources, [p.value for p in projects]


def test_what_is_deleting_is_due_once_its_grace_has_passed(do: Acting, clock: ManualClock) -> None:
    clock.advance(HOUR)
    do(delete_resource, TOASTER)
    clock.advance(HOUR)
    do(delete_resource, KETTLE)
    assert due(do) == ([], [])
    clock.advance(DAY - HOUR)
    assert due(do) == ([], [])
    clock.advance(A_MOMENT)
    assert due(do) == (["toaster"], [])
    clock.advance(HOUR)
    assert due(do) == (["toaster", "kettle"], [])


def test_ending_a_resource_leaves_a_tombstone_and_no_roles(do: Acting) -> None:
    do(delete_resource, KETTLE)
    assert do(read_resource, KETTLE, by=BOB).status is Status.DELETING
    do.alone(end_resources, [KETTLE])
    assert do(read_resource, KETTLE).status is Status.DELETED
    with pytest.raises(NotFound):
        do(read_resource, KETTLE, by=BOB)
    with do.units.view() as work:
        assert work.assignments.of(BOB) == []


def test_invitations_end_with_what_they_are_to(do: Acting) -> None:
    scopes = ("organization acme", "project web", "resource kettle", "resource toaster")
    do.keep(*(an_invitation(scope=scope) for scope in scopes))

    def left() -> list[str]:
        with do.units.view() as work:
            return sorted(str(one.scope) for one in work.invitations.to("dora@example.org"))

    do(delete_resource, KETTLE)
    do.alone(end_resources, [KETTLE])
    assert left() == ["organization acme", "project web", "resource toaster"]
    do(delete_project, WEB, cascade=True)
    do.alone(end_resources, [TOASTER])
    assert left() == ["organization acme"]
    do(delete_organization, OrganizationId("acme"))
    assert left() == []


def test_ending_twice_is_ending_once(do: Acting) -> None:
    do(delete_resource, KETTLE)
    do.alone(end_resources, [KETTLE])
    ended = do(read_resource, KETTLE)
    do.alone(end_resources, [KETTLE])
    assert do(read_resource, KETTLE) == ended


def test_what_is_not_deleting_does_not_end(do: Acting) -> None:
    do.alone(end_resources, [KETTLE])
    do.alone(end_emptied_project, WEB)
    assert do(read_resource, KETTLE).status is Status.CREATING
    assert do(read_project, WEB).status is ProjectStatus.ACTIVE


def test_a_project_ends_with_its_last_resource(do: Acting) -> None:
    do(delete_project, WEB, cascade=True)
    do.alone(end_resources, [KETTLE])
    assert do(read_project, WEB).status is ProjectStatus.DELETING
    assert due(do) == ([], [])
    do.alone(end_resources, [TOASTER])
    assert do(read_project, WEB).status is ProjectStatus.DELETED


def test_an_active_project_outlives_its_last_resource(do: Acting) -> None:
    for resource in (KETTLE, TOASTER):
        do(delete_resource, resource)
        do.alone(end_resources, [resource])
    assert do(read_project, WEB).status is ProjectStatus.ACTIVE


def test_a_project_that_was_left_behind_is_found_and_ended(do: Acting) -> None:
    do(delete_project, WEB, cascade=True)
    with do.arranging() as work:  # as if a reconciler had said so by other ways
        for resource in work.resources.of(WEB):
            work.resources.replace(resource.ended())
    assert due(do) == ([], ["web"])
    do.alone(end_emptied_project, WEB)
    assert do(read_project, WEB).status is ProjectStatus.DELETED
    assert due(do) == ([], [])


def test_what_a_deleted_organization_left_ends_too(do: Acting, clock: ManualClock) -> None:
    clock.advance(HOUR)
    do(delete_organization, OrganizationId("acme"), cascade=True)
    clock.advance(DAY + A_MOMENT)
    for resource in due(do)[0]:
        do.alone(end_resources, [ResourceId(resource)])
    with do.units.view() as work:
        assert work.projects.get(WEB).status is ProjectStatus.DELETED
        assert work.assignments.of(None) == []
    assert due(do) == ([], [])
