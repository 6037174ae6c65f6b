"""What people ask of a resource beside what it should be: to rest, to go on, to try again."""

from ktrlplane.domain.access import Action
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Hold
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.held_resources import held_resource
from ktrlplane.domain.services.platform import Expectation, Platform
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.unit_of_work import UnitOfWork


def suspend_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Suspended until it is resumed. Doing it twice does it once.

    Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition.
    """
    resource, now = held_resource(
        work,
        resource_id,
        Action.WRITE,
        project_id=project_id,
        as_seen=as_seen,
        actor=actor,
        platform=platform,
    )
    suspended = resource.suspended(Hold.REQUEST, now)
    keep(work, [(resource, suspended)], actor=actor, platform=platform)
    return suspended


def resume_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """On its way back into service, unless something else holds it.

    Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition.
    """
    resource, now = held_resource(
        work,
        resource_id,
        Action.WRITE,
        project_id=project_id,
        as_seen=as_seen,
        actor=actor,
        platform=platform,
    )
    resumed = resource.resumed(Hold.REQUEST, now)
    keep(work, [(resource, resumed)], actor=actor, platform=platform)
    return resumed


def retry_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Asks the reconciler once more for what has failed, as it is.

    Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition.
    """
    resource, now = held_resource(
        work,
        resource_id,
        Action.WRITE,
        project_id=project_id,
        as_seen=as_seen,
        actor=actor,
        platform=platform,
    )
    retried = resource.retried(now)
    keep(work, [(resource, retried)], actor=actor, platform=platform)
    return retried
