"""Roles, permissions and checks over HTTP."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import PermissionEntry, Role, Scope, ScopeType
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services import access as service
from ktrlplane.entrypoints.http.check_shapes import (
    CheckedPermissions,
    CheckResult,
    CheckResults,
    HeldPermissions,
)
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, signed_in
from ktrlplane.entrypoints.http.pages import whole
from ktrlplane.entrypoints.http.parameters import Parameters, said
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class CheckParameters(Parameters):
    scope_type: ScopeType = field(metadata={"parameter": "scopeType"})
    scope_id: str = field(
        default="", metadata={"parameter": "scopeId", **said("Not needed for global.")}
    )
    user_id: PrincipalId | None = field(
        default=None, metadata={"parameter": "userId", **said("The caller, if left out.")}
    )
    action: str | None = field(
        default=None, metadata=said("Such as read, or Product:action; answered by allowed.")
    )

    @cached_property
    def scope(self) -> Scope:
        """Raises: ValueError, with a sentence."""
        return Scope.parse(self.scope_type, self.scope_id)

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        if given.get("scopeType") is not ScopeType.GLOBAL and not given.get("scopeId"):
            detail = "scopeId is required, unless scopeType is global."
            yield Fault("/scopeId", "required", detail)


def roles(work: UnitOfWork, call: Call) -> Reply:
    return whole(service.list_roles(work))


def role(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.read_role(work, call.text("role_id"), **call.asked))


def role_permissions(work: UnitOfWork, call: Call) -> Reply:
    return whole(service.role_permissions(work, call.text("role_id"), **call.asked))


def permissions(work: UnitOfWork, call: Call) -> Reply:
    return whole(service.list_permissions(work))


def held(work: UnitOfWork, call: Call) -> Reply:
    query: CheckParameters = call.query
    try:
        scope = query.scope
    except ValueError as exc:
        faults = [Fault("/scopeId", "pattern", str(exc))]
        faults += service.action_faults(query.action, "/action", call.platform)
        raise ValidationFailed(faults) from exc
    answer = service.held_permissions(
        work, scope, user_id=query.user_id, action=query.action, **call.asked
    )
    return Reply(content=CheckedPermissions.of(answer))


def check(work: UnitOfWork, call: Call) -> Reply:
    verdicts = service.check_permissions(work, call.body, **call.asked)
    return Reply(content=CheckResults(results=tuple(map(CheckResult.of, verdicts))))


_TAG: Final = "Access"
_ASKING: Final = signed_in(
    "and, to ask for another user, check_permissions_on_behalf_of at global scope"
)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/roles",
        name="listRoles",
        summary="List the roles that can be granted",
        tag=_TAG,
        handle=roles,
        needs=signed_in(),
        answer=Role,
        listed=True,
    ),
    Operation(
        method="GET",
        path="/roles/{role_id}",
        name="getRole",
        summary="Read a role, by id or by name",
        tag=_TAG,
        handle=role,
        needs=signed_in("or read on its organization, for an organization's own"),
        answer=Role,
        tagged=True,
        refusals=(errors.NotFound,),
    ),
    Operation(
        method="GET",
        path="/roles/{role_id}/permissions",
        name="listRolePermissions",
        summary="List what a role grants",
        tag=_TAG,
        handle=role_permissions,
        needs=signed_in("or read on its organization, for an organization's own"),
        answer=PermissionEntry,
        listed=True,
        refusals=(errors.NotFound,),
    ),
    Operation(
        method="GET",
        path="/permissions",
        name="listPermissions",
        summary="List the permissions that the platform knows",
        tag=_TAG,
        handle=permissions,
        needs=signed_in(),
        answer=PermissionEntry,
        listed=True,
    ),
    Operation(
        method="GET",
        path="/permissions/check",
        name="getHeldPermissions",
        summary="What a user holds at a scope, and whether an action is allowed there",
        tag=_TAG,
        handle=held,
        judges=True,
        needs=_ASKING,
        query=CheckParameters,
        answer=HeldPermissions | CheckedPermissions,
        tagged=True,
        refusals=(errors.Forbidden,),
    ),
    Operation(
        method="POST",
        path="/permissions/check",
        name="checkPermissions",
        summary="Ask up to 100 questions about who may do what",
        tag=_TAG,
        handle=check,
        needs=_ASKING,
        body=service.CheckPermissions,
        answer=CheckResults,
        refusals=(errors.Forbidden,),
        reads_only=True,
    ),
)
