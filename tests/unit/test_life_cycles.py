"""Life cycles are tables: they are total, and only what they list happens."""

import pytest

from ktrlplane.domain import projects, resources
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.resources import Status
from tests.builders import HOUR, NOW, a_project, a_resource

LATER = NOW + HOUR
OVER = [Status.DELETING, Status.DELETED]
ALIVE = [status for status in Status if status not in OVER]


def test_every_status_has_its_moves() -> None:
    assert set(projects.MOVES) == set(ProjectStatus)
    assert set(resources.MOVES) == set(Status)


@pytest.mark.parametrize("status", ProjectStatus)
@pytest.mark.parametrize("after", ProjectStatus)
def test_a_project_moves_as_listed(status: ProjectStatus, after: ProjectStatus) -> None:
    project = a_project(status=status)
    if after in projects.MOVES[status]:
        moved = project.moved_to(after, LATER)
        assert (moved.status, moved.updated_at) == (after, LATER)
        return
    with pytest.raises(InvalidTransition):
        project.moved_to(after, LATER)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("after", Status)
def test_a_resource_moves_as_listed_and_an_observation_is_nothing_to_reconcile(
    status: Status, after: Status
) -> None:
    resource = a_resource(status=status)
    if after in resources.MOVES[status]:
        moved = resource.moved_to(after, reason="why")
        assert (moved.status, moved.status_reason, moved.updated_at) == (after, "why", NOW)
        return
    with pytest.raises(InvalidTransition):
        resource.moved_to(after)


def test_everything_alive_can_be_deleted_and_nothing_comes_back() -> None:
    for status in ALIVE:
        assert Status.DELETING in resources.MOVES[status]
        assert Status.DELETED not in resources.MOVES[status]
    assert resources.MOVES[Status.DELETING] == {Status.DELETED}
    assert resources.MOVES[Status.DELETED] == frozenset()


@pytest.mark.parametrize("status", [ProjectStatus.DELETING, ProjectStatus.DELETED])
def test_a_project_on_its_way_out_does_not_change(status: ProjectStatus) -> None:
    project = a_project(status=status)
    with pytest.raises(InvalidTransition):
        project.renamed("New", LATER)
    with pytest.raises(InvalidTransition):
        project.moved(OrganizationId("other"), inherits_billing=False, now=LATER)


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (Status.RUNNING, Status.UPDATING),
        (Status.DEGRADED, Status.UPDATING),
        (Status.FAILED, Status.UPDATING),
        (Status.UPDATING, Status.UPDATING),
        (Status.CREATING, Status.CREATING),
        (Status.SUSPENDED, Status.SUSPENDED),
    ],
)
def test_new_wishes_begin_a_generation(status: Status, after: Status) -> None:
    resource = a_resource(status=status)
    for sku, settings in (("gold", resource.settings_json), ("free", Document.of({"litres": 2}))):
        changed = resource.changed(name="New", sku=sku, settings=settings, now=LATER)
        assert (changed.generation, changed.status, changed.updated_at) == (2, after, LATER)
        assert (changed.name, changed.sku, changed.settings_json) == ("New", sku, settings)


@pytest.mark.parametrize("status", OVER)
def test_a_resource_on_its_way_out_does_not_change(status: Status) -> None:
    resource = a_resource(status=status)
    with pytest.raises(InvalidTransition):
        resource.changed(name="New", sku="gold", settings=resource.settings_json, now=LATER)
    with pytest.raises(InvalidTransition):
        resource.renamed("New")
    with pytest.raises(InvalidTransition):
        resource.deleting(LATER)
