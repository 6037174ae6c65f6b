"""What the platform's operator does from the command line, without asking for permission."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from ktrlplane.domain.access import Holder, RoleAssignment, Scope
from ktrlplane.domain.errors import Fault, NotFound, ValidationFailed
from ktrlplane.domain.events import OPERATOR, EventType
from ktrlplane.domain.ids import GroupId, PrincipalId, RoleId
from ktrlplane.domain.services.ownership import require_other_owner
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.standings import expiry_faults, require_alive, standing_on
from ktrlplane.domain.services.telling import tell, tell_data, tell_taken_back
from ktrlplane.domain.services.users import announce
from ktrlplane.domain.snapshots import snapshot
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class OperatorGrant:
    """``role`` is an id or a name, hidden roles and those of the scope's organization
    included."""

    principal: Holder
    role: str
    scope: Scope
    expires_at: datetime | None = None


def synchronize_catalog(work: UnitOfWork, *, platform: Platform) -> None:
    """Makes the system roles and permissions those of the control plane and the catalog."""
    roles = platform.catalog.system_roles()
    if work.roles.synchronize(roles, platform.catalog.all_permissions()):
        after = {"platform": platform.catalog.platform, "roles": [snapshot(one) for one in roles]}
        data = {"before": None, "after": after}
        tell_data(work, EventType.CATALOG_UPDATED, (), data, actor=None, platform=platform)


def operator_grant(
    work: UnitOfWork, command: OperatorGrant, *, platform: Platform
) -> RoleAssignment:
    """A user that has not called yet is added, so that a service account can be prepared.

    Raises: NotFound or InvalidTransition for the scope, ValidationFailed, AlreadyExists.
    """
    now = platform.now()
    work.access.hold(command.scope)
    standing = standing_on(work, command.scope, _NOBODY, now)
    require_alive(work, command.scope)
    role = work.roles.named(command.role, standing.org_id)
    faults = expiry_faults(command.expires_at, now)
    if role is None:
        detail = (
            "There is no such role; GET /roles lists the platform's, docs/access.md the hidden."
        )
        faults.append(Fault("/role", "unknown_role", detail))
    if isinstance(command.principal, GroupId):
        faults += _group_faults(work, command.principal, standing)
        if role is not None and role.is_hidden:
            detail = "Whoever manages a group would hand it out; grant it to a principal itself."
            faults.append(Fault("/principal", "hidden_role", detail))
    if faults or role is None:
        raise ValidationFailed(faults)
    if isinstance(command.principal, PrincipalId):
        announce(work, command.principal, actor=OPERATOR, platform=platform)
    granted = RoleAssignment.granted(
        command.principal,
        role.role_id,
        command.scope,
        by=None,
        at=now,
        expires_at=command.expires_at,
    )
    work.assignments.add(granted)
    kind = EventType.ROLE_ASSIGNMENT_CREATED
    tell(work, kind, standing.path, None, granted, actor=OPERATOR, platform=platform)
    return granted


def is_known(work: UnitOfWork, principal: Holder) -> bool:
    """Whether somebody has called as ``principal``, or made it."""
    if isinstance(principal, GroupId):
        return True
    user = work.users.find(principal)
    return user is not None


def _group_faults(work: UnitOfWork, group_id: GroupId, standing: Standing) -> list[Fault]:
    try:
        group = work.groups.get(group_id)
    except NotFound:
        return [Fault("/principal", "unknown_group", "There is no such group.")]
    if group.org_id == standing.org_id:
        return []
    detail = f"The group belongs to {group.org_id}; it can be granted nothing elsewhere."
    return [Fault("/principal", "elsewhere", detail)]


def operator_revoke(
    work: UnitOfWork, principal: Holder, role: str, scope: Scope, *, platform: Platform
) -> None:
    """``role`` is an id or a name; on a scope that is gone, an id. Raises: NotFound, LastOwner."""
    work.access.hold(scope)
    now = platform.now()
    (standing,) = work.access.standings([(_NOBODY, scope)], now)
    named = work.roles.named(role, None if standing is None else standing.org_id)
    role_id = role if named is None else named.role_id.value
    held = [
        assignment
        for assignment in work.assignments.of(principal)
        if assignment.scope == scope and assignment.role_id.value == role_id
    ]
    if not held:
        raise NotFound(f"{principal} does not have the role {role} on {scope}.")
    tell_taken_back(work, held, actor=OPERATOR, platform=platform)
    for assignment in held:
        require_other_owner(work, assignment, now)
        work.assignments.remove(assignment.assignment_id)


@frozen(kw_only=True)
class OperatorView:
    """An assignment with the name of its role."""

    assignment: RoleAssignment
    role_name: str


def operator_grants(work: UnitOfWork, principal: Holder | None) -> Sequence[OperatorView]:
    """Expired ones too, oldest first."""
    names: dict[RoleId, str] = {}
    views = []
    for held in work.assignments.of(principal):
        if held.role_id not in names:
            role = work.roles.find(held.role_id)
            assert role is not None, "a role stays while somebody holds it"
            names[held.role_id] = role.name
        views.append(OperatorView(assignment=held, role_name=names[held.role_id]))
    return views


_NOBODY: Final = PrincipalId("nobody")
"""Whose standing is asked for where only the way to the scope matters."""
