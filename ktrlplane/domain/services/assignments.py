"""Granting and taking back roles."""

from datetime import datetime

from attrs import evolve, field, frozen
from attrs.validators import optional

from ktrlplane.domain.access import Holder, RoleAssignment, Scope
from ktrlplane.domain.errors import Forbidden, NotFound, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import AssignmentId, GroupId, PrincipalId
from ktrlplane.domain.naming import is_an_email
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.grantees import grantable_role, grantee
from ktrlplane.domain.services.invitations import invite
from ktrlplane.domain.services.ownership import require_other_owner
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.previews import AccessChange, Affected, Effect, compared, members_of
from ktrlplane.domain.services.standings import (
    expiry_faults,
    hold_to_manage,
    require_alive,
    require_no_more_than_held,
    standing_on,
)
from ktrlplane.domain.services.telling import tell
from ktrlplane.ports.access import AssignmentView
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class GrantRole:
    """To a user named by id or by e-mail address, or to a group of the organization.

    An address that no user has proven to be theirs is invited. ``role_id`` takes a role's id
    or its name. Without ``expires_at`` the assignment lasts.
    """

    user_id: PrincipalId | None = field(default=None, metadata=apart("nobody"))
    email: str | None = field(
        default=None, validator=optional(is_an_email), metadata=apart("nobody@nowhere.invalid")
    )
    group_id: GroupId | None = field(default=None, metadata=apart("none"))
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
) -> AssignmentView | InvitationView:
    """Raises: NotFound, Forbidden, ValidationFailed, AlreadyExists, InvalidTransition."""
    now = platform.now()
    standing = hold_to_manage(work, scope, actor, now)
    require_alive(work, scope)
    to, faults = grantee(
        work,
        standing,
        user_id=command.user_id,
        email=command.email,
        group_id=command.group_id,
    )
    role, more = grantable_role(work, standing, command.role_id)
    faults += [*more, *expiry_faults(command.expires_at, now)]
    if faults or role is None or to is None:
        raise ValidationFailed(faults)
    require_no_more_than_held(standing, role.permissions, f"The role {role.name}")
    if to.holder is None:
        assert to.email is not None
        return invite(
            work,
            standing,
            to.email,
            role,
            role_expires_at=command.expires_at,
            actor=actor,
            platform=platform,
        )
    granted = RoleAssignment.granted(
        to.holder, role.role_id, scope, by=actor, at=now, expires_at=command.expires_at
    )
    work.assignments.add(granted)
    kind = EventType.ROLE_ASSIGNMENT_CREATED
    tell(work, kind, standing.path, None, granted, actor=actor, platform=platform)
    return work.assignments.get(granted.assignment_id)


def preview_grant(
    work: UnitOfWork,
    scope: Scope,
    command: GrantRole,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> tuple[AssignmentView | InvitationView, AccessChange]:
    """As ``grant_role``, and who would gain what. For a unit of work that will not last."""
    holders: list[Holder] = [one for one in (command.user_id, command.group_id) if one is not None]
    if command.email is not None:
        holders += [user.user_id for user in work.users.with_email(command.email)]
    affected = [(user_id, scope) for holder in holders for user_id in members_of(work, holder)]
    view, change = compared(
        work,
        affected,
        lambda: grant_role(work, scope, command, actor=actor, platform=platform),
        platform.now(),
    )
    if command.email is not None:  # whose it is, nobody is told for a rehearsal
        gains = tuple(evolve(one, user_id=None, email=command.email) for one in change.gains)
        change = evolve(change, gains=gains)
    if isinstance(view, InvitationView):
        gain = Effect(email=command.email, scope=scope, permissions=view.role.permissions)
        change = evolve(change, gains=(gain,))
    return view, change


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
    standing = hold_to_manage(work, scope, actor, now)
    require_alive(work, scope)
    view = _directly_on(work, scope, assignment_id, now)
    expect(view, as_seen)
    faults = expiry_faults(command.expires_at, now)
    if faults:
        raise ValidationFailed(faults)
    if view.role.is_hidden:
        raise Forbidden(f"The role {view.role.name} is the platform's operator's to give.")
    if _lasts_longer(command.expires_at, view.assignment.expires_at):
        require_no_more_than_held(standing, view.role.permissions, f"The role {view.role.name}")
    if command.expires_at is not None:
        require_other_owner(work, view.assignment, now)
    before = view.assignment
    after = evolve(before, expires_at=command.expires_at)
    if after != before:
        work.assignments.replace(after)
        kind = EventType.ROLE_ASSIGNMENT_UPDATED
        tell(work, kind, standing.path, before, after, actor=actor, platform=platform)
    return work.assignments.get(assignment_id)


def _lasts_longer(one: datetime | None, other: datetime | None) -> bool:
    if other is None:
        return False
    return one is None or one > other


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
    standing = hold_to_manage(work, scope, actor, now)
    view = _directly_on(work, scope, assignment_id, now)
    expect(view, as_seen)
    require_other_owner(work, view.assignment, now)
    work.assignments.remove(assignment_id)
    kind, before = EventType.ROLE_ASSIGNMENT_DELETED, view.assignment
    tell(work, kind, standing.path, before, actor=actor, platform=platform)


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
    standing = standing_on(work, scope, actor, now)
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
    standing_on(work, scope, actor, now).require()
    return _directly_on(work, scope, assignment_id, now)


def reachable(
    work: UnitOfWork,
    user_id: PrincipalId,
    page: PageRequest,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[AssignmentView]:
    """What a user can reach, and by which assignment: all of one's own; of others what is at
    scopes where one may manage access.

    Raises: NotFound for another user who reaches nothing there.
    """
    now = platform.now()
    if user_id == actor:
        return work.assignments.reach(user_id, now, page)
    found = work.assignments.reach(user_id, now, page, manager=actor)
    if not found.items and page.after is None and page.offset == 0:
        raise NotFound(
            f"There is no user {user_id} who can reach anything where you may manage access."
        )
    return found


def affected_by_assignment(work: UnitOfWork, assignment_id: AssignmentId) -> Affected:
    """Whose standing a change of an assignment may change, and where."""
    try:
        held = work.assignments.get(assignment_id).assignment
    except NotFound:
        return []
    return [(user_id, held.scope) for user_id in members_of(work, held.holder)]


def _directly_on(
    work: UnitOfWork, scope: Scope, assignment_id: AssignmentId, now: datetime
) -> AssignmentView:
    """Raises: NotFound, in the same words whether it is elsewhere or nowhere (R1.4)."""
    nowhere = NotFound(
        f"There is no assignment {assignment_id} on {scope} itself. An inherited one is changed "
        "where it was granted; one that has expired is granted again."
    )
    try:
        view = work.assignments.get(assignment_id)
    except NotFound:
        raise nowhere from None
    if view.assignment.scope != scope or not view.assignment.holds_at(now):
        raise nowhere
    return view
