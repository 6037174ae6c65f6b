"""What the platform's operator does from the command line, without asking for permission."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from ktrlplane.domain.access import RoleAssignment, Scope, not_found
from ktrlplane.domain.errors import Fault, NotFound, ValidationFailed
from ktrlplane.domain.ids import AssignmentId, PrincipalId
from ktrlplane.domain.services.assignments import expiry_faults, require_alive
from ktrlplane.domain.services.ownership import require_other_owner
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.users import User
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class OperatorGrant:
    """``role`` is an id or a name, hidden roles included."""

    principal: PrincipalId
    role: str
    scope: Scope
    expires_at: datetime | None = None


def synchronize_catalog(work: UnitOfWork, *, platform: Platform) -> None:
    """Makes the system roles and permissions those of the control plane and the catalog."""
    work.roles.synchronize(platform.catalog.system_roles(), platform.catalog.all_permissions())


def operator_grant(
    work: UnitOfWork, command: OperatorGrant, *, platform: Platform
) -> RoleAssignment:
    """A principal that has not called yet is added, so that a service account can be prepared.

    Raises: NotFound or InvalidTransition for the scope, ValidationFailed, AlreadyExists.
    """
    now = platform.now()
    work.access.hold(command.scope)
    (standing,) = work.access.standings([(command.principal, command.scope)], now)
    if standing is None:
        raise not_found(command.scope)
    require_alive(work, command.scope)
    role = work.roles.named(command.role)
    faults = expiry_faults(command.expires_at, now)
    if role is None:
        faults.append(Fault("/role", "unknown_role", "There is no such role."))
    if faults or role is None:
        raise ValidationFailed(faults)
    if work.users.find(command.principal) is None:
        work.users.put(_announced(command.principal, now))
    assignment = RoleAssignment(
        assignment_id=AssignmentId.new(now),
        user_id=command.principal,
        role_id=role.role_id,
        scope=command.scope,
        assigned_by=None,
        created_at=now,
        expires_at=command.expires_at,
    )
    work.assignments.add(assignment)
    return assignment


def _announced(principal: PrincipalId, now: datetime) -> User:
    return User(
        user_id=principal,
        email=None,
        email_verified=False,
        name=None,
        is_service_account=principal.is_service_account,
        claims_at=datetime.fromtimestamp(0, tz=now.tzinfo),
        created_at=now,
        updated_at=now,
    )


def operator_revoke(
    work: UnitOfWork, principal: PrincipalId, role: str, scope: Scope, *, platform: Platform
) -> None:
    """Raises: NotFound, LastOwner."""
    work.access.hold(scope)
    named = work.roles.named(role)
    held = [
        assignment
        for assignment in work.assignments.of(principal)
        if assignment.scope == scope and named and assignment.role_id == named.role_id
    ]
    if not held:
        raise NotFound(f"{principal} does not have the role {role} on {scope}.")
    for assignment in held:
        require_other_owner(work, assignment, platform.now())
        work.assignments.remove(assignment.assignment_id)


def operator_grants(work: UnitOfWork, principal: PrincipalId | None) -> Sequence[RoleAssignment]:
    """Expired ones too, oldest first."""
    return work.assignments.of(principal)
