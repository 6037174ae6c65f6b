"""Ending what is on its way out: the worker's part of deleting."""

from collections.abc import Sequence

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.endings import end_access
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.projects import end_project
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.unit_of_work import UnitOfWork


def due_deletions(
    work: UnitOfWork, *, limit: int, platform: Platform
) -> tuple[Sequence[ResourceId], Sequence[ProjectId]]:
    """Resources whose grace period has ended, and projects that nothing is left in."""
    before = platform.now() - platform.deletion_grace
    resources = work.resources.deleting_since(before, limit)
    projects = work.projects.emptied(limit)
    return [r.resource_id for r in resources], [p.project_id for p in projects]


def end_resource(work: UnitOfWork, resource_id: ResourceId, *, platform: Platform) -> None:
    """Deleted, with every role on it gone; its project ends with the last one. Doing it twice
    does it once."""
    work.access.hold(Scope.of(resource_id))
    resource = work.resources.get(resource_id)
    if resource.status is not Status.DELETING:
        return
    keep_ended(work, resource, resource.ended(), actor=None, platform=platform)


def keep_ended(
    work: UnitOfWork,
    before: Resource,
    ended: Resource,
    *,
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    """One that is Deleted from now on."""
    keep(work, [(before, ended)], actor=actor, platform=platform)
    end_access(work, Scope.of(ended.resource_id))
    end_emptied_project(work, ended.project_id, platform=platform)


def end_emptied_project(work: UnitOfWork, project_id: ProjectId, *, platform: Platform) -> None:
    work.access.hold(Scope.of(project_id))
    project = work.projects.get(project_id)
    if project.status is ProjectStatus.DELETING and not work.resources.of(project_id):
        end_project(work, project, now=platform.now())
