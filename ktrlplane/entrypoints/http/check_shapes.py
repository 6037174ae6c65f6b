"""Answers to checks, as they go over the wire."""

from datetime import datetime
from typing import Any

from attrs import frozen

from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.ids import AssignmentId, GroupId, PrincipalId, RoleId
from ktrlplane.domain.services.access import Held, Verdict
from ktrlplane.domain.standings import Grant


@frozen(kw_only=True)
class HeldPermissions:
    """``permissions`` are bare actions as granted, wildcards unexpanded."""

    user_id: PrincipalId
    scope_type: ScopeType
    scope_id: str
    permissions: tuple[str, ...]


@frozen(kw_only=True)
class CheckedPermissions(HeldPermissions):
    """``allowed`` answers the action that was asked for."""

    allowed: bool

    @classmethod
    def of(cls, held: Held) -> HeldPermissions:
        known: dict[str, Any] = {
            "user_id": held.user_id,
            "scope_type": held.scope.scope_type,
            "scope_id": held.scope.scope_id,
            "permissions": tuple(permission.action for permission in held.permissions),
        }
        if held.allowed is None:
            return HeldPermissions(**known)
        return cls(**known, allowed=held.allowed)


@frozen(kw_only=True)
class Via:
    """An assignment that allows what was asked, through a group where ``group_id`` names one."""

    assignment_id: AssignmentId
    role_id: RoleId
    scope_type: ScopeType
    scope_id: str
    group_id: GroupId | None
    expires_at: datetime | None

    @classmethod
    def of(cls, grant: Grant) -> "Via":
        return cls(
            assignment_id=grant.assignment_id,
            role_id=grant.role_id,
            scope_type=grant.scope.scope_type,
            scope_id=grant.scope.scope_id,
            group_id=grant.group_id,
            expires_at=grant.expires_at,
        )


@frozen(kw_only=True)
class CheckResult:
    """``via`` is there when the check asked to ``explain``."""

    allowed: bool
    via: tuple[Via, ...] = ()

    @classmethod
    def of(cls, verdict: Verdict) -> "CheckResult":
        if not verdict.via:
            return _ALLOWED if verdict.allowed else _REFUSED
        return cls(allowed=verdict.allowed, via=tuple(map(Via.of, verdict.via)))


_ALLOWED, _REFUSED = CheckResult(allowed=True), CheckResult(allowed=False)


@frozen(kw_only=True)
class CheckResults:
    results: tuple[CheckResult, ...]
