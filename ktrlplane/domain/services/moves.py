"""Moving a project to another organization, or out of any."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from ktrlplane.domain.access import Action, Permission, RoleAssignment, Scope
from ktrlplane.domain.errors import LastOwner
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services.inheritance import change_payer
from ktrlplane.domain.services.limits import require_room_for_all
from ktrlplane.domain.services.ownership import has_lasting_owner
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.previews import Affected, members_of
from ktrlplane.domain.services.standings import require_no_more_than_held, standing_on
from ktrlplane.domain.services.telling import tell, tell_taken_back
from ktrlplane.domain.services.trials import carry_what_was_tried
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class MoveProject:
    """To another organization, or out of any where ``org_id`` is null."""

    org_id: OrganizationId | None


def move_project(
    work: UnitOfWork,
    project_id: ProjectId,
    command: MoveProject,
    *,
    as_seen: Expectation[Project] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Project:
    """By who may delete it where it is and write where it goes (R2.3), and may hand out what
    the people there gain by it (R1.5).

    What the former organization lent stays there: grants to its groups and of its roles. The
    project goes on paying through an organization only where the mover may spend the new
    one's money (R5.2).

    Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition, LastOwner when it
    would stand alone without an Owner of its own, LimitExceeded, and what ``change_payer`` does.
    """
    scope, org_id = Scope.of(project_id), command.org_id
    now = platform.now()
    _require_mover(work, scope, org_id, actor, now)  # nobody else holds the tenants
    work.access.hold(scope, *_scopes(org_id))
    project, standing = work.projects.with_standing(project_id, actor, now)
    standing.require(Action.DELETE)
    inherits = False
    if org_id is not None:
        _, there = work.organizations.with_standing(org_id, actor, now)
        there.require(Action.WRITE)
        inherits = project.inherits_billing_from_org and there.may(Action.MANAGE_BILLING)
    expect(project, as_seen)
    if org_id == project.org_id:
        return project
    if org_id is None and not has_lasting_owner(work, scope, now):
        raise LastOwner(
            f"Project {project_id} has no Owner of its own. Grant a user Owner on it, "
            "without an expiry, before it leaves its organization."
        )
    if org_id is not None:
        _require_may_let_in(work, standing, org_id, platform)
        require_room_for_all(work, project, org_id, platform)
    carry_what_was_tried(work, project, platform)
    moved = project.moved(org_id, inherits_billing=inherits, now=now)
    change_payer(work, project, moved, standing, actor=actor, platform=platform)
    lent = work.assignments.lent_below(scope)
    tell_taken_back(work, lent, actor=actor, platform=platform)
    _take_back(work, scope, lent)
    work.projects.replace(moved)
    for path in (project.path, moved.path):  # of both tenants something has changed
        kind = EventType.PROJECT_MOVED
        tell(work, kind, path, project, moved, actor=actor, platform=platform)
    return moved


def _require_mover(
    work: UnitOfWork,
    scope: Scope,
    org_id: OrganizationId | None,
    actor: PrincipalId,
    at: datetime,
) -> None:
    """Raises: NotFound, Forbidden."""
    standing_on(work, scope, actor, at).require(Action.DELETE)
    for there in _scopes(org_id):
        standing_on(work, there, actor, at).require(Action.WRITE)


def _scopes(org_id: OrganizationId | None) -> Sequence[Scope]:
    return () if org_id is None else (Scope.of(org_id),)


def _require_may_let_in(
    work: UnitOfWork, standing: Standing, org_id: OrganizationId, platform: Platform
) -> None:
    """What is granted on the organization holds on the project from then on, the mover's own
    roles there included. Who may escalate lets in also whom the operator trusted there.
    Raises: Forbidden."""
    granted = _permissions_of(work, work.assignments.on(Scope.of(org_id), platform.now()))
    if granted:
        standing.require(Action.MANAGE_ACCESS)
    if not standing.may(Action.ESCALATE):
        require_no_more_than_held(standing, granted, f"What is granted on organization {org_id}")


def _permissions_of(work: UnitOfWork, held: Sequence[RoleAssignment]) -> list[Permission]:
    roles = [work.roles.find(role_id) for role_id in {one.role_id for one in held}]
    return sorted({one for role in roles if role is not None for one in role.permissions})


def _take_back(work: UnitOfWork, scope: Scope, lent: Sequence[RoleAssignment]) -> None:
    for held in lent:
        work.assignments.remove(held.assignment_id)
    work.invitations.remove_lent_below(scope)


def affected_by_move(
    work: UnitOfWork,
    project_id: ProjectId,
    command: MoveProject,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Affected:
    """Whose standing a move may change, and where: people of the organization where it goes,
    of the one where it is as far as the actor may see them, and whoever was lent something."""
    now, scope = platform.now(), Scope.of(project_id)
    (standing,) = work.access.standings([(actor, scope)], now)
    if standing is None:
        return []
    above = [*_scopes(command.org_id), *standing.readable_path()]
    everybody = [held for one in dict.fromkeys(above) for held in work.assignments.on(one, now)]
    return [
        *((user_id, scope) for held in everybody for user_id in members_of(work, held.holder)),
        *(
            (user_id, held.scope)
            for held in work.assignments.lent_below(scope)
            for user_id in members_of(work, held.holder)
        ),
    ]
