"""The life of a project is a table: it is total, and only what it lists happens."""

import pytest

from ktrlplane.domain import projects
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.projects import ProjectStatus
from tests.builders import HOUR, NOW, a_project

LATER = NOW + HOUR


def test_every_status_has_its_moves() -> None:
    assert set(projects.MOVES) == set(ProjectStatus)


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


@pytest.mark.parametrize("status", [ProjectStatus.DELETING, ProjectStatus.DELETED])
def test_a_project_on_its_way_out_does_not_change(status: ProjectStatus) -> None:
    project = a_project(status=status)
    with pytest.raises(InvalidTransition):
        project.renamed("New", LATER)
    with pytest.raises(InvalidTransition):
        project.moved(OrganizationId("other"), inherits_billing=False, now=LATER)
