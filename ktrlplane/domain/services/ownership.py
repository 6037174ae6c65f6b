"""Owners: who becomes one, and that one remains."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ktrlplane.domain.access import RoleAssignment, Scope, ScopeType
from ktrlplane.domain.errors import Forbidden, LastOwner
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import AssignmentId, PrincipalId, ProjectId
from ktrlplane.domain.roles import OWNER
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import tell
from ktrlplane.ports.unit_of_work import UnitOfWork

_GRANTED: Final = EventType.ROLE_ASSIGNMENT_CREATED


def make_creator_owner(
    work: UnitOfWork, path: Sequence[Scope], *, actor: PrincipalId, platform: Platform
) -> None:
    """Owner of what one has just created, which ``path`` leads to, with the roles that the
    catalog adds (R2.2)."""
    now = platform.now()
    for role_id in (OWNER.role_id, *platform.catalog.creator_roles):
        granted = RoleAssignment.granted(actor, role_id, path[-1], by=actor, at=now)
        work.assignments.add(granted)
        tell(work, _GRANTED, path, None, granted, actor=actor, platform=platform)


def require_person(work: UnitOfWork, actor: PrincipalId) -> None:
    """What a service account made would have no Owner who is a user (R1.6).

    Raises: Forbidden.
    """
    if is_machine(work, actor):
        raise Forbidden(
            "A service account cannot own an organization or a project that stands alone. "
            "Let a person create it and grant the service account a role in it."
        )


def is_machine(work: UnitOfWork, principal: PrincipalId) -> bool:
    user = work.users.find(principal)
    return principal.is_service_account if user is None else user.is_service_account


def has_lasting_owner(
    work: UnitOfWork, scope: Scope, at: datetime, *, without: AssignmentId | None = None
) -> bool:
    """Whether a user is Owner directly on ``scope``, by another assignment than ``without``.

    One that will expire does not count: it would leave nobody.
    """
    return any(
        held.role_id == OWNER.role_id
        and held.expires_at is None
        and held.user_id is not None
        and held.assignment_id != without
        and not is_machine(work, held.user_id)
        for held in work.assignments.on(scope, at)
    )


def require_other_owner(work: UnitOfWork, held: RoleAssignment, now: datetime) -> None:
    """Raises: LastOwner where taking ``held`` away would leave nobody (R1.6)."""
    if held.role_id != OWNER.role_id or not _must_have_owner(work, held.scope):
        return
    if not has_lasting_owner(work, held.scope, now, without=held.assignment_id):
        raise LastOwner(
            f"This is the last lasting Owner of {held.scope}. "
            "Make another user Owner first, without an expiry."
        )


def _must_have_owner(work: UnitOfWork, scope: Scope) -> bool:
    if scope.scope_type is ScopeType.PROJECT:
        return work.projects.get(ProjectId(scope.scope_id)).org_id is None
    return scope.scope_type is ScopeType.ORGANIZATION
