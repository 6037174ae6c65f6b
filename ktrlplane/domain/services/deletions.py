"""Ending what is on its way out: the worker's part of deleting."""

from collections.abc import Sequence
from typing import Final

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.endings import end_access_on
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.projects import end_project
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.stores import Departing
from ktrlplane.ports.unit_of_work import UnitOfWork

ENDED_TOGETHER: Final = 100
"""Resources of a tenant that end in one unit of work."""


def due_deletions(
    work: UnitOfWork, *, after: str = "", tenants: int, platform: Platform
) -> Sequence[Departing]:
    """Of the next tenants after ``after``, what has been Deleting for longer than the grace
    period: a part of it, the oldest first, maybe nothing."""
    before = platform.now() - platform.deletion_grace
    return work.resources.deleting_since(before, after=after, tenants=tenants, each=ENDED_TOGETHER)


def emptied_projects(work: UnitOfWork, *, after: str = "", limit: int) -> Sequence[ProjectId]:
    """Deleting ones that nothing is left in, the next ones after ``after``: they end with their
    last resource, unless somebody changed that by other ways."""
    return [project.project_id for project in work.projects.emptied(after, limit)]


def end_resources(
    work: UnitOfWork,
    resource_ids: Sequence[ResourceId],
    *,
    patience_s: float | None = None,
    platform: Platform,
) -> None:
    """Those Deleting are Deleted, with every role on them gone; a project ends with its last
    one. Doing it twice does it once. Raises: TooBusy as ``Access.hold`` does."""
    work.access.hold(*map(Scope.of, resource_ids), patience_s=patience_s)
    deleting = [one for one in work.resources.among(resource_ids) if one.status is Status.DELETING]
    changes = [(one, one.ended()) for one in deleting]
    keep_with_endings(work, changes, actor=None, platform=platform)


def keep_with_endings(
    work: UnitOfWork,
    changes: Sequence[tuple[Resource, Resource]],
    *,
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    """As ``keep`` does, of tenants that are held: with what ends where something is Deleted
    from now on."""
    keep(work, changes, actor=actor, platform=platform)
    deleted = Status.DELETED
    ended = [
        after
        for before, after in changes
        if after.status is deleted and before.status is not deleted
    ]
    if ended:
        end_access_on(work, [Scope.of(one.resource_id) for one in ended])
        for project in work.projects.emptied_among({one.project_id for one in ended}):
            end_project(work, project, actor=actor, platform=platform)


def end_emptied_project(
    work: UnitOfWork,
    project_id: ProjectId,
    *,
    patience_s: float | None = None,
    platform: Platform,
) -> None:
    """Raises: TooBusy as ``Access.hold`` does."""
    work.access.hold(Scope.of(project_id), patience_s=patience_s)
    for project in work.projects.emptied_among([project_id]):
        end_project(work, project, actor=None, platform=platform)
