"""What goes over the wire in another form than the domain gives it."""

from datetime import datetime
from typing import Any, Final, Literal

from attrs import frozen

from ktrlplane.domain.access import Grant, Role, ScopeType
from ktrlplane.domain.catalog import Meter, ResourceType, Tier
from ktrlplane.domain.ids import AssignmentId, PrincipalId, RoleId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services.access import Held
from ktrlplane.domain.services.users import Glance
from ktrlplane.domain.users import User
from ktrlplane.ports.stores import AssignmentView

HIDDEN: Final[dict[type, frozenset[str]]] = {
    Organization: frozenset({"deleted_at"}),
    Role: frozenset({"permissions", "is_hidden"}),
}
"""Fields of nouns that stay inside."""


@frozen(kw_only=True)
class ShortUser:
    id: PrincipalId
    email: str | None
    name: str | None

    @classmethod
    def of(cls, user: User) -> "ShortUser":
        return cls(id=user.user_id, email=user.email, name=user.name)


@frozen(kw_only=True)
class ShortRole:
    role_id: RoleId
    name: str
    display_name: str


@frozen(kw_only=True)
class Assignment:
    """A role assignment as seen from a scope: directly on it, or inherited from above."""

    assignment_id: AssignmentId
    principal_type: str
    user_id: PrincipalId
    role_id: RoleId
    scope_type: ScopeType
    scope_id: str
    assigned_by: PrincipalId | None
    created_at: datetime
    expires_at: datetime | None
    user: ShortUser
    role: ShortRole
    inheritance_type: Literal["direct", "inherited"]
    inherited_from_scope_type: ScopeType | None = None
    inherited_from_scope_id: str | None = None
    inherited_from_name: str | None = None

    @classmethod
    def seen_from(cls, scope_type: ScopeType, view: AssignmentView) -> "Assignment":
        held = view.assignment
        direct = held.scope.scope_type is scope_type
        return cls(
            assignment_id=held.assignment_id,
            principal_type=held.principal_type,
            user_id=held.user_id,
            role_id=held.role_id,
            scope_type=held.scope.scope_type,
            scope_id=held.scope.scope_id,
            assigned_by=held.assigned_by,
            created_at=held.created_at,
            expires_at=held.expires_at,
            user=ShortUser.of(view.user),
            role=ShortRole(
                role_id=view.role.role_id,
                name=view.role.name,
                display_name=view.role.display_name,
            ),
            inheritance_type="direct" if direct else "inherited",
            inherited_from_scope_type=None if direct else held.scope.scope_type,
            inherited_from_scope_id=None if direct else held.scope.scope_id,
            inherited_from_name=None if direct else view.scope_name,
        )


@frozen(kw_only=True)
class Me:
    """The caller, and what they can see at a glance: the newest 20 of each, and how many."""

    user_id: PrincipalId
    email: str | None
    email_verified: bool
    name: str | None
    is_service_account: bool
    created_at: datetime
    updated_at: datetime
    user: ShortUser
    organizations: tuple[Organization, ...]
    organization_count: int
    projects: tuple[Project, ...]
    project_count: int
    resource_count: int

    @classmethod
    def of(cls, glance: Glance) -> "Me":
        user = glance.user
        return cls(
            user_id=user.user_id,
            email=user.email,
            email_verified=user.email_verified,
            name=user.name,
            is_service_account=user.is_service_account,
            created_at=user.created_at,
            updated_at=user.updated_at,
            user=ShortUser.of(user),
            organizations=tuple(glance.organizations),
            organization_count=glance.organization_count,
            projects=tuple(glance.projects),
            project_count=glance.project_count,
            resource_count=glance.resource_count,
        )


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
    """A grant that allows what was asked."""

    assignment_id: AssignmentId
    role_id: RoleId
    scope_type: ScopeType
    scope_id: str

    @classmethod
    def of(cls, grant: Grant) -> "Via":
        return cls(
            assignment_id=grant.assignment_id,
            role_id=grant.role_id,
            scope_type=grant.scope.scope_type,
            scope_id=grant.scope.scope_id,
        )


@frozen(kw_only=True)
class CheckResult:
    """``via`` is there when the check asked to ``explain``."""

    allowed: bool
    via: tuple[Via, ...] = ()


@frozen(kw_only=True)
class CheckResults:
    results: tuple[CheckResult, ...]


@frozen(kw_only=True)
class CatalogEntry:
    """A resource type: ``tiers`` are those offered, ``presets`` are names."""

    type: str
    display_name: str
    description: str
    category: str
    aliases: tuple[str, ...]
    meters: tuple[Meter, ...]
    tiers: tuple[Tier, ...]
    presets: tuple[str, ...]

    @classmethod
    def of(cls, kind: ResourceType) -> "CatalogEntry":
        return cls(
            type=kind.type,
            display_name=kind.display_name,
            description=kind.description,
            category=kind.category,
            aliases=kind.aliases,
            meters=kind.meters,
            tiers=kind.offered(),
            presets=tuple(preset.name for preset in kind.presets),
        )


@frozen(kw_only=True)
class ResourcePrice:
    """``amount`` in minor units of ``currency`` each ``interval``; 0 for a free tier."""

    price_id: str | None
    amount: int
    currency: str
    interval: str
    sku: str
    resource_type: str

    @classmethod
    def of(cls, kind: ResourceType, tier: Tier, currency: str) -> "ResourcePrice":
        """``currency`` is that of what costs nothing."""
        price = tier.prices[0] if tier.prices else None
        return cls(
            price_id=price.lookup_key if price else None,
            amount=price.amount if price else 0,
            currency=price.currency if price else currency,
            interval=price.interval if price else "month",
            sku=tier.sku,
            resource_type=kind.type,
        )
