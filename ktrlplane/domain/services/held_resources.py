"""What every change of a resource begins with."""

from datetime import datetime

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.ports.unit_of_work import UnitOfWork


def held_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    action: Action,
    *,
    project_id: ProjectId | None,
    as_seen: Expectation[Resource] | None,
    actor: PrincipalId,
    platform: Platform,
) -> tuple[Resource, datetime]:
    """The resource, this unit of work's to change, once the actor may do ``action``; and now.
    ``project_id`` says where it must be.

    Raises: NotFound, Forbidden, PreconditionFailed.
    """
    now = platform.now()

    def allowed() -> Resource:
        resource, standing = work.resources.with_standing(resource_id, actor, now)
        standing.require()
        require_in(resource, project_id)
        standing.require(action)
        return resource

    allowed()  # who may not waits for nobody
    work.access.hold(Scope.of(resource_id))
    resource = allowed()
    expect(resource, as_seen)
    return resource, now


def require_in(resource: Resource, project_id: ProjectId | None) -> None:
    """Raises: NotFound."""
    if project_id is not None and resource.project_id != project_id:
        raise NotFound(
            f"There is no resource {resource.resource_id} in project {project_id}, "
            "or you may not see it."
        )
