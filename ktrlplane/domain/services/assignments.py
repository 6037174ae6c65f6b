"""Granting and taking back roles."""

from datetime import datetime

from attrs import evolve, field, frozen

from ktrlplane.domain.access import (
    GLOBAL,
    Action,
    Role,
    RoleAssignment,
    Scope,
    ScopeType,
    Standing,
    missing_from,
    not_found,
)
from ktrlplane.domain.errors import Fault, Forbidden, NotFound, ValidationFailed
from ktrlplane.domain.ids import AssignmentId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.ownership import require_other_owner
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.users import User
from ktrlplane.ports.stores import AssignmentView
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class GrantRole:
    """To a user named by id or by verified e-mail address. ``role_id`` takes a role's id or
    its name. Without ``expires_at`` the assignment lasts."""

    user_id: PrincipalId | None = field(default=None, metadata=apart())
    email: str | None = None
    role_id: str
    expires_at: datetime | None = field(default=None, metadata=apart())


@frozen(kw_only=True)
class ChangeAssignment:
    """A new expiry; null lets the assignment last."""

    expires_at: datetime | None


def grant_role(
    work: UnitOfWork,
    scope: Scope,
    command: GrantRole,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> AssignmentView:
    """Raises: NotFound, Forbidden, ValidationFailed, AlreadyExists, InvalidTransition."""
    now = platform.now()
    standing = _held(work, scope, actor, now)
    require_alive(work, scope)
    role = work.roles.named(command.role_id)
    user, faults = _grantee(work, command)
    if role is None or role.is_hidden:
        detail = "There is no such role; take the id or the name of one that is listed as a role."
        faults.append(Fault("/role_id", "unknown_role", detail))
    faults += expiry_faults(command.expires_at, now)
    if faults or role is None or user is None:
        raise ValidationFailed(faults)
    _require_held(standing, role)
    assignment = RoleAssignment(
        assignment_id=AssignmentId.new(now),
        user_id=user.user_id,
        role_id=role.role_id,
        scope=scope,
        assigned_by=actor,
        created_at=now,
        expires_at=command.expires_at,
    )
    work.assignments.add(assignment)
    return work.assignments.get(assignment.assignment_id)


def change_assignment(
    work: UnitOfWork,
    scope: Scope,
    assignment_id: AssignmentId,
    command: ChangeAssignment,
    *,
    as_seen: Expectation[AssignmentView] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> AssignmentView:
    """Raises: NotFound, Forbidden, PreconditionFailed, ValidationFailed, LastOwner,
    InvalidTransition."""
    now = platform.now()
    standing = _held(work, scope, actor, now)
    require_alive(work, scope)
    view = _directly_on(work, scope, assignment_id, now)
    expect(view, as_seen)
    faults = expiry_faults(command.expires_at, now)
    if faults:
        raise ValidationFailed(faults)
    _require_held(standing, view.role)
    if command.expires_at is not None:
        require_other_owner(work, view.assignment, now)
    work.assignments.replace(evolve(view.assignment, expires_at=command.expires_at))
    return work.assignments.get(assignment_id)


def revoke_assignment(
    work: UnitOfWork,
    scope: Scope,
    assignment_id: AssignmentId,
    *,
    as_seen: Expectation[AssignmentView] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """Raises: NotFound, Forbidden, PreconditionFailed, LastOwner."""
    now = platform.now()
    _held(work, scope, actor, now)
    view = _directly_on(work, scope, assignment_id, now)
    expect(view, as_seen)
    require_other_owner(work, view.assignment, now)
    work.assignments.remove(assignment_id)


def list_assignments(
    work: UnitOfWork,
    scope: Scope,
    page: PageRequest,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[AssignmentView]:
    """Those on the scope and those it inherits from what the actor may read above it: who was
    let in further down sees nothing of what is above (R1.4). Raises: NotFound."""
    now = platform.now()
    standing = _standing(work, scope, actor, now)
    standing.require()
    return work.assignments.view(standing.readable_path(), now, page)


def read_assignment(
    work: UnitOfWork,
    scope: Scope,
    assignment_id: AssignmentId,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> AssignmentView:
    """One directly on the scope. Raises: NotFound."""
    now = platform.now()
    _standing(work, scope, actor, now).require()
    return _directly_on(work, scope, assignment_id, now)


def _standing(work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime) -> Standing:
    (standing,) = work.access.standings([(actor, scope)], at)
    if standing is None:
        raise not_found(scope)
    return standing


def _held(work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime) -> Standing:
    """The tenant, this unit of work's to change, once the actor may manage access there."""
    work.access.hold(scope)
    standing = _standing(work, scope, actor, at)
    standing.require(Action.MANAGE_ACCESS)
    if scope == GLOBAL:
        raise Forbidden("Roles at global scope are the platform's operator's to give and take.")
    return standing


def require_alive(work: UnitOfWork, scope: Scope) -> None:
    """Raises: InvalidTransition for what is on its way out, where nothing is granted any more."""
    if scope.scope_type is ScopeType.PROJECT:
        work.projects.get(ProjectId(scope.scope_id)).require_active()
    elif scope.scope_type is ScopeType.RESOURCE:
        work.resources.get(ResourceId(scope.scope_id)).require_alive()


def _grantee(work: UnitOfWork, command: GrantRole) -> tuple[User | None, list[Fault]]:
    if (command.user_id is None) == (command.email is None):
        detail = "Name the user either by user_id or by email."
        return None, [Fault("/user_id", "one_of", detail)]
    if command.user_id is not None:
        user = work.users.find(command.user_id)
        return user, [] if user else [_unknown_user("/user_id", "id")]
    known = work.users.with_email(command.email or "")
    if len(known) > 1:
        detail = "Several users have this address; name the one you mean by user_id."
        return None, [Fault("/email", "ambiguous", detail)]
    return (known[0], []) if known else (None, [_unknown_user("/email", "verified address")])


def _unknown_user(pointer: str, what: str) -> Fault:
    detail = f"No user with this {what} has signed in yet; ask them to sign in once, then grant."
    return Fault(pointer, "unknown_user", detail)


def expiry_faults(expires_at: datetime | None, now: datetime) -> list[Fault]:
    if expires_at is None:
        return []
    if expires_at.utcoffset() is None:
        return [Fault("/expires_at", "time", "A time needs its zone; give it in UTC.")]
    if expires_at <= now:
        return [Fault("/expires_at", "in_the_past", "An assignment must expire in the future.")]
    return []


def _require_held(standing: Standing, role: Role) -> None:
    """Nobody hands out more than they hold, and hidden roles are the operator's (R1.5)."""
    if role.is_hidden:
        raise Forbidden(f"The role {role.name} is the platform's operator's to give.")
    missing = missing_from(standing, role.permissions)
    if missing:
        listed = ", ".join(str(permission) for permission in missing)
        raise Forbidden(
            f"The role {role.name} gives more than you hold on {standing.scope}: {listed}."
        )


def _directly_on(
    work: UnitOfWork, scope: Scope, assignment_id: AssignmentId, now: datetime
) -> AssignmentView:
    """Raises: NotFound, in the same words whether it is elsewhere or nowhere (R1.4)."""
    nowhere = NotFound(
        f"There is no assignment {assignment_id} on {scope} itself; "
        "an inherited one is changed where it was granted."
    )
    try:
        view = work.assignments.get(assignment_id)
    except NotFound:
        raise nowhere from None
    if view.assignment.scope != scope or not view.assignment.holds_at(now):
        raise nowhere
    return view
