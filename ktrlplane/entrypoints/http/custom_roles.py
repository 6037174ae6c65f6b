"""Roles of an organization over HTTP."""

from typing import Any, Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action, Role
from ktrlplane.domain.services import custom_roles as service
from ktrlplane.domain.services import role_wishes
from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http.membership_shapes import CustomRole
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import whole
from ktrlplane.entrypoints.http.parameters import DeleteParameters
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from ktrlplane.entrypoints.http.previews import previewed
from ktrlplane.ports.unit_of_work import UnitOfWork


def _as_seen(call: Call) -> Expectation[Role] | None:
    as_seen = call.as_seen
    return None if as_seen is None else lambda role: as_seen(CustomRole.of(role))


def create(work: UnitOfWork, call: Call) -> Reply:
    org_id = call.organization()
    role = service.create_role(work, org_id, call.body, **call.asked)
    location = f"{BASE}/organizations/{org_id}/roles/{role.role_id}"
    return Reply(content=CustomRole.of(role), location=location)


def listed(work: UnitOfWork, call: Call) -> Reply:
    found = service.list_custom_roles(work, call.organization(), **call.asked)
    return whole([CustomRole.of(role) for role in found])


def read(work: UnitOfWork, call: Call) -> Reply:
    role = service.read_custom_role(work, call.organization(), call.text("role_id"), **call.asked)
    return Reply(content=CustomRole.of(role))


def update(work: UnitOfWork, call: Call) -> Reply:
    org_id, named = call.organization(), call.text("role_id")

    def act() -> Reply:
        role = service.update_role(
            work, org_id, named, call.body, as_seen=_as_seen(call), **call.asked
        )
        return Reply(content=CustomRole.of(role))

    return previewed(work, call, lambda: service.affected_by_role(work, org_id, named), act)


def delete(work: UnitOfWork, call: Call) -> Reply:
    org_id, named = call.organization(), call.text("role_id")

    def act() -> Reply:
        service.delete_role(
            work,
            org_id,
            named,
            cascade=call.query.cascade,
            as_seen=_as_seen(call),
            **call.asked,
        )
        return Reply()

    return previewed(work, call, lambda: service.affected_by_role(work, org_id, named), act)


_COMMON: Final[dict[str, Any]] = {"tag": "Roles of organizations"}
_MANY: Final = "/organizations/{org_id}/roles"
_ONE: Final = "/organizations/{org_id}/roles/{role_id}"
_READING: Final = needs(Action.READ, on="organization")
_WIDENING: Final = needs(
    Action.MANAGE_ACCESS,
    on="organization",
    note="and escalate there, or every permission that is put into the role",
)

OPERATIONS: Final = (
    Operation(
        method="POST",
        path=_MANY,
        name="createRole",
        summary="Create a role of an organization",
        handle=create,
        needs=_WIDENING,
        body=role_wishes.CreateRole,
        answer=CustomRole,
        status=201,
        tagged=True,
        refusals=(
            errors.NotFound,
            errors.Forbidden,
            errors.AlreadyExists,
            errors.LimitExceeded,
        ),
        **_COMMON,
    ),
    Operation(
        method="GET",
        path=_MANY,
        name="listOrganizationRoles",
        summary="List the roles that an organization has made",
        handle=listed,
        needs=_READING,
        answer=CustomRole,
        listed=True,
        refusals=(errors.NotFound,),
        **_COMMON,
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="getOrganizationRole",
        summary="Read a role that can be granted in an organization, by id or by name",
        handle=read,
        needs=_READING,
        answer=CustomRole,
        tagged=True,
        refusals=(errors.NotFound,),
        **_COMMON,
    ),
    Operation(
        method="PATCH",
        path=_ONE,
        name="updateRole",
        summary="Change a role of an organization; what is left out stays",
        handle=update,
        needs=_WIDENING,
        preview=AccessPreview,
        body=role_wishes.UpdateRole,
        answer=CustomRole,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.AlreadyExists),
        **_COMMON,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        name="deleteRole",
        summary="Delete a role of an organization; from who has it too, where cascade is true",
        handle=delete,
        needs=needs(Action.MANAGE_ACCESS, on="organization"),
        preview=AccessPreview,
        query=DeleteParameters,
        status=204,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.NotEmpty),
        **_COMMON,
    ),
)
