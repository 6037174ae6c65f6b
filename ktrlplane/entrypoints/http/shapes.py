"""What goes over the wire in another form than the domain gives it."""

from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.access import Role
from ktrlplane.domain.billing import Price
from ktrlplane.domain.catalog import Catalog, Meter, ResourceType, Tier
from ktrlplane.domain.ids import PriceId, PrincipalId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.users import Glance
from ktrlplane.entrypoints.http.access_shapes import ShortUser

HIDDEN: Final[dict[type, frozenset[str]]] = {
    Organization: frozenset({"deleted_at"}),
    Resource: frozenset({"came_unpriced"}),
    Role: frozenset({"permissions", "is_hidden"}),
}
"""Fields of nouns that stay inside."""


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
class CatalogEntry:
    """A resource type: ``tiers`` are those offered, ``presets`` are names; ``has_dashboard`` is
    whether there is one to read."""

    type: str
    display_name: str
    description: str
    category: str
    aliases: tuple[str, ...]
    meters: tuple[Meter, ...]
    tiers: tuple[Tier, ...]
    presets: tuple[str, ...]
    has_dashboard: bool

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
            has_dashboard=kind.dashboard is not None,
        )


@frozen(kw_only=True)
class ResourcePrice:
    """``amount`` in minor units of ``currency`` each ``interval``; 0 for a free tier."""

    price_id: PriceId | None
    amount: int
    currency: str
    interval: str
    sku: str
    resource_type: str

    @classmethod
    def in_catalog(cls, catalog: Catalog, type: str, sku: str) -> "ResourcePrice | None":  # noqa: A002
        """None for what the catalog does not have."""
        kind = catalog.resource_type(type)
        tier = None if kind is None else kind.tier(sku)
        if kind is None or tier is None:
            return None
        return cls.of(kind, tier, catalog.currency())

    def at(self, paid: Price) -> "ResourcePrice":
        each, interval = paid.each, paid.interval.value
        return evolve(
            self,
            price_id=paid.price_id,
            amount=each.amount,
            currency=each.currency,
            interval=interval,
        )

    @classmethod
    def of(
        cls, kind: ResourceType, tier: Tier, currency: str, price_id: PriceId | None = None
    ) -> "ResourcePrice":
        """``currency`` is that of what costs nothing; ``price_id`` is the payment provider's."""
        price = tier.prices[0] if tier.prices else None
        return cls(
            price_id=price_id,
            amount=price.amount if price else 0,
            currency=price.currency if price else currency,
            interval=price.interval if price else "month",
            sku=tier.sku,
            resource_type=kind.type,
        )
