"""Asking who may do what."""

from collections.abc import Sequence
from functools import lru_cache

from attrs import field, frozen

from ktrlplane.domain.access import (
    GLOBAL,
    Action,
    Permission,
    PermissionEntry,
    Role,
    Scope,
    ScopeType,
)
from ktrlplane.domain.errors import Fault, Forbidden, NotFound, ValidationFailed
from ktrlplane.domain.ids import PrincipalId, RoleId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.standings import Grant, Standing
from ktrlplane.ports.unit_of_work import UnitOfWork

MAX_CHECKS = 100


@frozen(kw_only=True)
class Check:
    """May ``user_id`` (the caller, if left out) do ``action`` at the scope? An action is one
    of the control plane, such as ``read``, or one of a product, such as
    ``Product:models/read``. The global scope needs no ``scope_id``."""

    user_id: PrincipalId | None = None
    scope_type: ScopeType
    scope_id: str = ""
    action: str
    explain: bool = False


def _are_not_too_many(_: object, __: object, checks: tuple[Check, ...]) -> None:
    if not 1 <= len(checks) <= MAX_CHECKS:
        raise ValueError(f"Ask 1 to {MAX_CHECKS} questions at once.")


@frozen(kw_only=True)
class CheckPermissions:
    """At most 100 questions."""

    checks: tuple[Check, ...] = field(validator=_are_not_too_many)


@frozen(kw_only=True)
class Verdict:
    """``via`` are the grants that allow it, where they were asked for."""

    allowed: bool
    via: tuple[Grant, ...] = ()


_ALLOWED, _REFUSED = Verdict(allowed=True), Verdict(allowed=False)


@frozen(kw_only=True)
class Held:
    """What a user holds at a scope, wildcards unexpanded. ``allowed`` answers ``action``."""

    user_id: PrincipalId
    scope: Scope
    permissions: tuple[Permission, ...]
    allowed: bool | None = None


def held_permissions(
    work: UnitOfWork,
    scope: Scope,
    *,
    user_id: PrincipalId | None = None,
    action: str | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Held:
    """Of a scope that is not there, nobody holds anything: the answer tells no one what exists.

    Raises: Forbidden to ask for another without ``check_permissions_on_behalf_of`` at global
    scope (R1.10), ValidationFailed for an unknown action.
    """
    subject = user_id or actor
    wanted = None if action is None else _permission(action, "/action", platform)
    asked = [(subject, scope)] if subject == actor else [(subject, scope), (actor, GLOBAL)]
    theirs, *mine = work.access.standings(asked, platform.now())
    for standing in mine:
        _require_on_behalf(standing)
    held = tuple(theirs.permissions()) if theirs else ()
    return Held(
        user_id=subject,
        scope=scope,
        permissions=held,
        allowed=None if wanted is None else bool(theirs and theirs.holds(wanted)),
    )


def check_permissions(
    work: UnitOfWork, command: CheckPermissions, *, actor: PrincipalId, platform: Platform
) -> Sequence[Verdict]:
    """In the order asked. Raises: as ``held_permissions``, with every fault at once."""
    asked, wanted = _questions(command, actor, platform)
    if any(check.user_id not in (None, actor) for check in command.checks):
        mine, *standings = work.access.standings([(actor, GLOBAL), *asked], platform.now())
        _require_on_behalf(mine)
    else:
        standings = [*work.access.standings(asked, platform.now())]
    answered = zip(command.checks, wanted, standings, strict=True)
    return [_verdict(check, permission, standing) for check, permission, standing in answered]


def _verdict(check: Check, permission: Permission, standing: Standing | None) -> Verdict:
    if standing is None or not standing.holds(permission):
        return _REFUSED
    return (
        Verdict(allowed=True, via=tuple(standing.via(permission))) if check.explain else _ALLOWED
    )


def _questions(
    command: CheckPermissions, actor: PrincipalId, platform: Platform
) -> tuple[list[tuple[PrincipalId, Scope]], list[Permission]]:
    asked, wanted, faults = [], [], []
    known: dict[str, Permission] = {}  # most batches ask for few actions
    for number, check in enumerate(command.checks):
        try:
            scope = _scope(check.scope_type, check.scope_id)
            asked.append((check.user_id or actor, scope))
        except ValueError as exc:
            faults.append(Fault(f"/checks/{number}/scope_id", "pattern", str(exc)))
        try:
            if check.action not in known:
                at = f"/checks/{number}/action"
                known[check.action] = _permission(check.action, at, platform)
            wanted.append(known[check.action])
        except ValidationFailed as exc:
            faults += exc.faults
    if faults:
        raise ValidationFailed(faults)
    return asked, wanted


_scope = lru_cache(maxsize=8192)(Scope.parse)


def action_faults(action: str | None, pointer: str, platform: Platform) -> Sequence[Fault]:
    """What is wrong with an action that somebody asks about."""
    try:
        if action is not None:
            _permission(action, pointer, platform)
    except ValidationFailed as refusal:
        return refusal.faults
    return ()


def _permission(action: str, pointer: str, platform: Platform) -> Permission:
    permission = platform.catalog.permission(action)
    if permission is None:
        detail = (
            "No product has this action. Write an action of the control plane, such as read, "
            "or a product's action as Product:action."
        )
        raise ValidationFailed([Fault(pointer, "unknown_action", detail)])
    return permission


def _require_on_behalf(mine: Standing | None) -> None:
    if mine is None or not mine.may(Action.CHECK_ON_BEHALF):
        raise Forbidden(
            f"To ask for another user needs {Action.CHECK_ON_BEHALF} at global scope, "
            "which the platform's operator grants."
        )


def list_roles(work: UnitOfWork) -> Sequence[Role]:
    """The platform's own that can be granted, by display order. Everybody may read them."""
    return [role for role in work.roles.system() if not role.is_hidden]


def read_role(
    work: UnitOfWork, id_or_name: str, *, actor: PrincipalId, platform: Platform
) -> Role:
    """One of the platform's own by id or name, or one of an organization that the caller may
    read, by id. Raises: NotFound."""
    role = work.roles.named(id_or_name) or _custom_role(work, id_or_name)
    if role is None or role.is_hidden:
        raise _no_role(id_or_name)
    if role.org_id is not None:
        (standing,) = work.access.standings([(actor, Scope.of(role.org_id))], platform.now())
        if standing is None or not standing.may(Action.READ):
            raise _no_role(id_or_name)
    return role


def _custom_role(work: UnitOfWork, text: str) -> Role | None:
    try:
        return work.roles.find(RoleId(text))
    except ValueError:
        return None


def _no_role(id_or_name: str) -> NotFound:
    return NotFound(f"There is no role {id_or_name}, or you may not see it.")


def list_permissions(work: UnitOfWork) -> Sequence[PermissionEntry]:
    """By product, then action. Everybody may read them."""
    return work.roles.permissions()


def role_permissions(
    work: UnitOfWork, id_or_name: str, *, actor: PrincipalId, platform: Platform
) -> Sequence[PermissionEntry]:
    """What a role grants, as entries. Raises: NotFound."""
    role = read_role(work, id_or_name, actor=actor, platform=platform)
    granted = set(role.permissions)
    return [
        entry
        for entry in work.roles.permissions()
        if Permission(entry.resource_type, entry.action) in granted
    ]
