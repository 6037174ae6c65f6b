"""What an organization makes for granting, as it goes over the wire."""

from datetime import datetime

from attrs import frozen

from ktrlplane.domain.access import Role
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId, RoleId
from ktrlplane.domain.users import ServiceAccount
from ktrlplane.entrypoints.http.access_shapes import ShortUser
from ktrlplane.ports.groups import MemberView


@frozen(kw_only=True)
class CustomRole:
    """A role that can be granted in an organization. ``permissions`` are ``Product:action``."""

    role_id: RoleId
    org_id: OrganizationId | None
    name: str
    display_name: str
    description: str
    is_system: bool
    display_order: int
    permissions: tuple[str, ...]

    @classmethod
    def of(cls, role: Role) -> "CustomRole":
        return cls(
            role_id=role.role_id,
            org_id=role.org_id,
            name=role.name,
            display_name=role.display_name,
            description=role.description,
            is_system=role.is_system,
            display_order=role.display_order,
            permissions=tuple(str(permission) for permission in role.permissions),
        )


@frozen(kw_only=True)
class Member:
    group_id: GroupId
    user_id: PrincipalId
    added_by: PrincipalId | None
    added_at: datetime
    user: ShortUser

    @classmethod
    def of(cls, view: MemberView) -> "Member":
        return cls(
            group_id=view.member.group_id,
            user_id=view.member.user_id,
            added_by=view.member.added_by,
            added_at=view.member.added_at,
            user=ShortUser.of(view.user),
        )


@frozen(kw_only=True)
class OrganizationServiceAccount:
    """``user_id`` is who its tokens speak of, and what roles are granted to."""

    org_id: OrganizationId
    client_id: str
    user_id: PrincipalId
    name: str
    created_by: PrincipalId | None
    created_at: datetime

    @classmethod
    def of(cls, account: ServiceAccount) -> "OrganizationServiceAccount":
        return cls(
            org_id=account.org_id,
            client_id=account.client_id,
            user_id=account.user_id,
            name=account.name,
            created_by=account.created_by,
            created_at=account.created_at,
        )
