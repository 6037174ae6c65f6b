"""What every change of access begins with: who asks, and what they may hand out."""

from collections.abc import Iterable
from datetime import datetime

from ktrlplane.domain.access import GLOBAL, Action, Permission, Scope, ScopeType
from ktrlplane.domain.errors import Fault, Forbidden
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.standings import Standing, missing_from, not_found
from ktrlplane.ports.unit_of_work import UnitOfWork


def standing_on(work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime) -> Standing:
    """Raises: NotFound for a scope that is not there."""
    (standing,) = work.access.standings([(actor, scope)], at)
    if standing is None:
        raise not_found(scope)
    return standing


def hold_for(
    work: UnitOfWork, action: Action, scope: Scope, actor: PrincipalId, at: datetime
) -> None:
    """The tenant, this unit of work's to change, if ``actor`` may do ``action`` at ``scope`` as
    things stand. Who may not waits for nobody: else they would keep others waiting, and see by
    the wait what is there. The change is authorized afterwards, by what holds then.

    Raises: NotFound, Forbidden.
    """
    standing_on(work, scope, actor, at).require(action)
    work.access.hold(scope)


def hold_to_manage(work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime) -> Standing:
    """The tenant, this unit of work's to change, once the actor may manage access at ``scope``.

    Raises: NotFound, Forbidden.
    """
    hold_for(work, Action.MANAGE_ACCESS, scope, actor, at)
    standing = standing_on(work, scope, actor, at)
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


def require_no_more_than_held(
    standing: Standing, permissions: Iterable[Permission], what: str
) -> None:
    """Nobody hands out more than they hold (R1.5). ``what`` begins the sentence.

    Raises: Forbidden.
    """
    missing = missing_from(standing, permissions)
    if missing:
        listed = ", ".join(str(permission) for permission in missing)
        raise Forbidden(f"{what} gives more than you hold on {standing.scope}: {listed}.")


def expiry_faults(
    expires_at: datetime | None, now: datetime, what: str = "An assignment"
) -> list[Fault]:
    """``what`` begins the sentence."""
    if expires_at is None:
        return []
    if expires_at.utcoffset() is None:
        return [Fault("/expires_at", "time", "A time needs its zone; give it in UTC.")]
    if expires_at <= now:
        return [Fault("/expires_at", "in_the_past", f"{what} must expire in the future.")]
    return []
