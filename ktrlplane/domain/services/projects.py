"""What people do with projects."""

from datetime import datetime

from attrs import field, frozen

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.errors import NotEmpty
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.naming import is_a_name, is_no_name_or_a_name
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.endings import end_access
from ktrlplane.domain.services.ownership import make_creator_owner, require_person
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.standings import hold_for
from ktrlplane.domain.services.telling import tell
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.stores import ProjectFilter
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class CreateProject:
    """A new workspace, in an organization or standing alone. Without ``id``, one is made
    from the name."""

    id: ProjectId | None = field(default=None, metadata=apart())
    name: str = field(validator=is_a_name, metadata=apart("unnamed"))
    org_id: OrganizationId | None = None


@frozen(kw_only=True)
class UpdateProject:
    """What is left out stays as it is."""

    name: str | None = field(default=None, validator=is_no_name_or_a_name, metadata=apart())


def create_project(
    work: UnitOfWork, command: CreateProject, *, actor: PrincipalId, platform: Platform
) -> Project:
    """The creator becomes Owner, and Data Owner by the catalog's word (R2.2).

    Raises: NotFound or Forbidden for the organization, ValidationFailed, AlreadyExists.
    """
    now = platform.now()
    if command.org_id is None:
        require_person(work, actor)
    else:
        hold_for(work, Action.WRITE, Scope.of(command.org_id), actor, now)
        _, standing = work.organizations.with_standing(command.org_id, actor, now)
        standing.require(Action.WRITE)
    project = Project(
        project_id=platform.new_id(ProjectId, command.id, command.name),
        org_id=command.org_id,
        name=command.name,
        inherits_billing_from_org=command.org_id is not None,
        created_at=now,
        updated_at=now,
    )
    work.projects.add(project)
    created = EventType.PROJECT_CREATED
    tell(work, created, project.path, None, project, actor=actor, platform=platform)
    make_creator_owner(work, project.path, actor=actor, platform=platform)
    return project


def read_project(
    work: UnitOfWork, project_id: ProjectId, *, actor: PrincipalId, platform: Platform
) -> Project:
    """Raises: NotFound."""
    project, standing = work.projects.with_standing(project_id, actor, platform.now())
    standing.require()
    return project


def list_projects(
    work: UnitOfWork,
    page: PageRequest,
    where: ProjectFilter,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Project]:
    return work.projects.readable_by(actor, platform.now(), page, where)


def update_project(
    work: UnitOfWork,
    project_id: ProjectId,
    command: UpdateProject,
    *,
    as_seen: Expectation[Project] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Project:
    """Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition."""
    project, now = _held(
        work, project_id, Action.WRITE, as_seen=as_seen, actor=actor, platform=platform
    )
    changed = project.renamed(command.name or project.name, now)
    if changed != project:
        work.projects.replace(changed)
        updated = EventType.PROJECT_UPDATED
        tell(work, updated, project.path, project, changed, actor=actor, platform=platform)
    return changed


def delete_project(
    work: UnitOfWork,
    project_id: ProjectId,
    *,
    cascade: bool = False,
    as_seen: Expectation[Project] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Project:
    """Deleting until its resources are gone. Deleting it again changes nothing.

    Raises: NotFound, Forbidden, PreconditionFailed, NotEmpty.
    """
    project, _ = _held(
        work, project_id, Action.DELETE, as_seen=as_seen, actor=actor, platform=platform
    )
    if project.status is not ProjectStatus.ACTIVE:
        return project
    if not cascade and _has_alive(work, project_id):
        raise NotEmpty(
            f"Project {project_id} has resources. Delete them first, "
            "or delete it with cascade=true."
        )
    return begin_project_deletion(work, project, actor=actor, platform=platform)


def _has_alive(work: UnitOfWork, project_id: ProjectId) -> bool:
    return any(one.status is not Status.DELETING for one in work.resources.of(project_id))


def begin_project_deletion(
    work: UnitOfWork, project: Project, *, actor: PrincipalId, platform: Platform
) -> Project:
    """Its resources are on their way out from now on; the project ends with the last."""
    if project.status is not ProjectStatus.ACTIVE:
        return project
    now = platform.now()
    resources = work.resources.of(project.project_id)
    alive = [one for one in resources if one.status is not Status.DELETING]
    keep(work, [(one, one.deleting(now)) for one in alive], actor=actor, platform=platform)
    deleting = project.moved_to(ProjectStatus.DELETING, now)
    started = EventType.PROJECT_DELETION_STARTED
    tell(work, started, project.path, project, deleting, actor=actor, platform=platform)
    if not resources:
        return end_project(work, deleting, actor=actor, platform=platform)
    work.projects.replace(deleting)
    return deleting


def end_project(
    work: UnitOfWork, project: Project, *, actor: PrincipalId | None, platform: Platform
) -> Project:
    """Deleted: only the tombstone stays, and nobody holds a role on it any more (R1.8).
    ``actor`` None is the platform itself. While something of its is still billed it is not:
    it stays Deleting, and is ended later (R2.4)."""
    account = work.billing.find(Scope.of(project.project_id))
    if account is not None and not account.is_settled:
        if not account.attempts:  # else it is looked at later each time, however often this is
            work.billing.touch([account.scope], platform.now())
        work.projects.replace(project)
        return project
    deleted = project.moved_to(ProjectStatus.DELETED, platform.now())
    work.projects.replace(deleted)
    end_access(work, Scope.of(project.project_id))
    kind = EventType.PROJECT_DELETED
    tell(work, kind, project.path, project, actor=actor, platform=platform)
    return deleted


def _held(
    work: UnitOfWork,
    project_id: ProjectId,
    action: Action,
    *,
    as_seen: Expectation[Project] | None,
    actor: PrincipalId,
    platform: Platform,
) -> tuple[Project, datetime]:
    """The project, this unit of work's to change, once the actor may do ``action``."""
    now = platform.now()
    hold_for(work, action, Scope.of(project_id), actor, now)
    project, standing = work.projects.with_standing(project_id, actor, now)
    standing.require(action)
    expect(project, as_seen)
    return project, now
