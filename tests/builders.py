"""Lawful things with fixed times, for tests that care about one of their properties."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ktrlplane.domain.access import (
    GLOBAL,
    Holder,
    Permission,
    PermissionEntry,
    Role,
    RoleAssignment,
    Scope,
    ScopeType,
)
from ktrlplane.domain.documents import Document
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import (
    AssignmentId,
    GroupId,
    InvitationId,
    OrganizationId,
    PermissionId,
    PrincipalId,
    ProjectId,
    ResourceId,
    RoleId,
    WebhookId,
)
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.roles import CONTROL_PLANE_PERMISSIONS, CONTROL_PLANE_ROLES
from ktrlplane.domain.users import ServiceAccount, User, principal_of
from ktrlplane.domain.webhooks import Webhook
from ktrlplane.ports.stores import Answer
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

ALICE: Final = PrincipalId("auth0|alice")
BOB: Final = PrincipalId("auth0|bob")
CAROL: Final = PrincipalId("auth0|carol")
ROBOT: Final = PrincipalId("robot@clients")

_NAMED: Final = {role.name: role for role in CONTROL_PLANE_ROLES}
OWNER: Final = _NAMED["Owner"]
EDITOR: Final = _NAMED["Editor"]
VIEWER: Final = _NAMED["Viewer"]
CHECKER: Final = _NAMED["service-account-permission-checker"]


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", text)


def a_role(name: str, *permissions: str, **but: Any) -> Role:
    """``permissions`` as ``Permission.parse`` reads them."""
    known: dict[str, Any] = {
        "role_id": RoleId(f"role-{_slug(name)}"),
        "name": name,
        "display_name": name,
        "description": f"{name}.",
        "permissions": tuple(Permission.parse(text) for text in permissions),
    }
    return Role(**known | but)


def a_custom_role(name: str, *permissions: str, org_id: str = "acme", **but: Any) -> Role:
    """An organization's own."""
    known: dict[str, Any] = {
        "role_id": RoleId(f"role_{org_id}-{_slug(name)}"),
        "is_system": False,
        "org_id": OrganizationId(org_id),
        "display_order": 500,
    }
    return a_role(name, *permissions, **known | but)


DATA_OWNER: Final = a_role("Data Owner", "Acme.Kettle:water/*", display_order=10)
"""It may do everything to the data and not even see the thing that holds it."""

ALL_SEEING: Final = a_role("All-Seeing", "Konnektr.KtrlPlane:*", display_order=11)

ROLES: Final = (*CONTROL_PLANE_ROLES, DATA_OWNER, ALL_SEEING)


def a_permission(product: str, action: str, **but: Any) -> PermissionEntry:
    known: dict[str, Any] = {
        "permission_id": PermissionId(f"{product}.{action.replace('*', 'all')}".replace("/", ".")),
        "resource_type": product,
        "action": action,
        "description": f"{action} in {product}",
    }
    return PermissionEntry(**known | but)


PERMISSIONS: Final = (*CONTROL_PLANE_PERMISSIONS, a_permission("Acme.Kettle", "water/*"))


def a_user(user_id: PrincipalId = ALICE, **but: Any) -> User:
    name = user_id.value.rpartition("|")[2]
    known: dict[str, Any] = {
        "user_id": user_id,
        "email": f"{name}@example.org",
        "email_verified": True,
        "name": name.capitalize(),
        "is_service_account": user_id.is_service_account,
        "claims_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return User(**known | but)


PEOPLE: Final = (
    a_user(ALICE),
    a_user(BOB),
    a_user(CAROL),
    a_user(ROBOT, email=None, email_verified=False, name=None),
)


def an_organization(org_id: str = "acme", **but: Any) -> Organization:
    known: dict[str, Any] = {
        "org_id": OrganizationId(org_id),
        "name": org_id.capitalize(),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Organization(**known | but)


def a_project(project_id: str = "web", org_id: str | None = "acme", **but: Any) -> Project:
    known: dict[str, Any] = {
        "project_id": ProjectId(project_id),
        "org_id": None if org_id is None else OrganizationId(org_id),
        "name": project_id.capitalize(),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Project(**known | but)


def a_resource(
    resource_id: str = "kettle", project_id: str = "web", org_id: str | None = "acme", **but: Any
) -> Resource:
    known: dict[str, Any] = {
        "resource_id": ResourceId(resource_id),
        "project_id": ProjectId(project_id),
        "org_id": None if org_id is None else OrganizationId(org_id),
        "name": resource_id.capitalize(),
        "type": "Acme.Kettle",
        "sku": "free",
        "settings_json": Document.of({"litres": 1}),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Resource(**known | but)


def on(scope: str) -> Scope:
    """``organization acme``, or ``global``."""
    scope_type, _, scope_id = scope.partition(" ")
    if scope_type == GLOBAL.scope_type:
        return GLOBAL
    return Scope(ScopeType(scope_type), scope_id)


def an_assignment(
    holder: Holder, role: Role, scope: str, number: int | None = None, **but: Any
) -> RoleAssignment:
    """Its id tells what it is about, or ``number`` where that is given."""
    told = _slug(f"{holder.value}-{role.name}-{scope}")
    known: dict[str, Any] = {
        "assignment_id": AssignmentId(f"asg_{told if number is None else f'{number:04}'}"),
        "holder": holder,
        "role_id": role.role_id,
        "scope": on(scope),
        "assigned_by": None,
        "created_at": NOW,
    }
    return RoleAssignment(**known | but)


def a_group(name: str = "Crew", org_id: str = "acme", **but: Any) -> Group:
    known: dict[str, Any] = {
        "group_id": GroupId(f"grp_{org_id}-{_slug(name).lower()}"),
        "org_id": OrganizationId(org_id),
        "name": name,
        "description": f"{name} of {org_id}.",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Group(**known | but)


def a_member(group: Group, user_id: PrincipalId = BOB, **but: Any) -> GroupMember:
    known: dict[str, Any] = {
        "group_id": group.group_id,
        "user_id": user_id,
        "added_by": ALICE,
        "added_at": NOW,
    }
    return GroupMember(**known | but)


def an_invitation(
    email: str = "dora@example.org",
    role: Role = VIEWER,
    scope: str = "organization acme",
    number: int | None = None,
    **but: Any,
) -> Invitation:
    """Its id tells what it is about, or ``number`` where that is given."""
    told = _slug(f"{email}-{role.name}-{scope}")
    known: dict[str, Any] = {
        "invitation_id": InvitationId(f"inv_{told if number is None else f'{number:04}'}"),
        "email": email,
        "role_id": role.role_id,
        "scope": on(scope),
        "invited_by": ALICE,
        "created_at": NOW,
        "expires_at": NOW + 7 * DAY,
        "mail_due_at": NOW,
    }
    return Invitation(**known | but)


def a_service_account(
    client_id: str = "robot", org_id: str = "acme", **but: Any
) -> ServiceAccount:
    known: dict[str, Any] = {
        "org_id": OrganizationId(org_id),
        "user_id": principal_of(client_id),
        "name": client_id.capitalize(),
        "created_by": ALICE,
        "created_at": NOW,
    }
    return ServiceAccount(**known | but)


def a_webhook(
    scope: str = "organization acme", *event_types: str, number: int = 1, **but: Any
) -> Webhook:
    """Of all events, unless some are named."""
    known: dict[str, Any] = {
        "webhook_id": WebhookId(f"whk_{number:032}"),
        "scope": on(scope),
        "url": "https://hooks.example.org/in?key=hidden-key",
        "event_types": event_types or ("*",),
        "secret": "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3",
        "created_by": ALICE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Webhook(**known | but)


def an_answer(text: str = "{}", **but: Any) -> Answer:
    known: dict[str, Any] = {
        "fingerprint": b"\x00request\xff",
        "status": 201,
        "headers": (("ETag", '"one"'), ("Location", "/here")),
        "body": text.encode(),
    }
    return Answer(**known | but)


Thing = (
    Organization
    | Project
    | Resource
    | User
    | ServiceAccount
    | Role
    | Group
    | GroupMember
    | RoleAssignment
    | Invitation
    | Webhook
)

_ADDING: Final[Mapping[type[Thing], Callable[[UnitOfWork, Any], object]]] = {
    Organization: lambda work, thing: work.organizations.add(thing),
    Project: lambda work, thing: work.projects.add(thing),
    Resource: lambda work, thing: work.resources.add(thing),
    User: lambda work, thing: work.users.put(thing),
    ServiceAccount: lambda work, thing: work.service_accounts.add(thing),
    Role: lambda work, thing: work.roles.add(thing),
    Group: lambda work, thing: work.groups.add(thing),
    GroupMember: lambda work, thing: work.groups.put_member(thing),
    RoleAssignment: lambda work, thing: work.assignments.add(thing),
    Invitation: lambda work, thing: work.invitations.add(thing),
    Webhook: lambda work, thing: work.webhooks.add(thing),
}


def add(work: UnitOfWork, *things: Thing) -> None:
    """Each to its store, in the order given. A role is an organization's own."""
    for thing in things:
        _ADDING[type(thing)](work, thing)


def unwitnessed(units: UnitsOfWork) -> AbstractContextManager[UnitOfWork]:
    """A unit of work of a test, that tells of nothing (see witness.py)."""
    opening: Callable[[], AbstractContextManager[UnitOfWork]]
    opening = getattr(units, "unwitnessed", units.begin)
    return opening()


def keep(units: UnitsOfWork, *things: Thing) -> None:
    """``add`` in a unit of work of its own."""
    with unwitnessed(units) as work:
        add(work, *things)


def people(units: UnitsOfWork) -> UnitsOfWork:
    """``units`` with ``PEOPLE``, ``ROLES`` and ``PERMISSIONS`` in them."""
    with unwitnessed(units) as work:
        work.roles.synchronize(ROLES, PERMISSIONS)
        add(work, *PEOPLE)
    return units
