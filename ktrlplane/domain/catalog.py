"""The catalog: what a platform sells, as data."""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain.access import Action, Permission, PermissionEntry, Role
from ktrlplane.domain.dashboards import Dashboard
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.ids import RoleId
from ktrlplane.domain.roles import CONTROL_PLANE_PERMISSIONS, CONTROL_PLANE_ROLES
from ktrlplane.domain.settings import SettingsSchema, secret_places


class BrokenCatalog(Exception):
    """A catalog that cannot be used, with every fault; pointers begin with the file's path.

    ``folder`` is told where nobody has just named it.
    """

    def __init__(self, faults: Iterable[Fault], folder: str | None = None) -> None:
        self.faults, self.folder = tuple(faults), folder
        super().__init__(f"The catalog has {len(self.faults)} faults.")


class Availability(enum.StrEnum):
    """Hidden tiers can be had by who knows the sku; retired ones only keep running."""

    OFFERED = "offered"
    HIDDEN = "hidden"
    RETIRED = "retired"


class Enforcement(enum.StrEnum):
    HARD = "hard"
    SOFT = "soft"


_OWN_ACTIONS: Final = frozenset(Action)


@frozen(kw_only=True)
class Price:
    """``amount`` in minor units of ``currency`` (ISO 4217, lower case) each ``interval``."""

    lookup_key: str
    amount: int
    currency: str
    interval: str


@frozen(kw_only=True)
class Meter:
    name: str
    display_name: str
    description: str
    unit: str
    kind: str


@frozen(kw_only=True)
class Limit:
    """At most ``maximum`` of a meter in each ``window`` (none, minute, month)."""

    meter: str
    maximum: int
    window: str
    enforcement: Enforcement


@frozen(kw_only=True)
class Tier:
    """``prices`` is empty where the tier is free; the first one is the one quoted, and no two
    are in the same currency each the same interval."""

    sku: str
    display_name: str
    description: str
    availability: Availability
    features: tuple[str, ...]
    limits: tuple[Limit, ...]
    max_per_project: int | None
    max_per_organization: int | None
    prices: tuple[Price, ...]
    trial_days: int = 0


@frozen(kw_only=True)
class Preset:
    name: str
    display_name: str
    description: str
    sku: str
    settings_json: Document


@frozen(kw_only=True)
class ResourceType:
    type: str
    display_name: str
    description: str
    category: str
    aliases: tuple[str, ...]
    meters: tuple[Meter, ...]
    tiers: tuple[Tier, ...]
    presets: tuple[Preset, ...]
    schemas: Mapping[str, SettingsSchema] = field(repr=False)
    """By sku."""
    base_schema: Mapping[str, Any] = field(repr=False)
    dashboard: Dashboard | None = field(default=None, repr=False)

    @cached_property
    def secret_places(self) -> frozenset[str]:
        """Where settings of any tier hold references to secrets, as patterns for ``select``."""
        schemas = [self.base_schema, *(schema.effective for schema in self.schemas.values())]
        return frozenset(place for schema in schemas for place in secret_places(schema))

    def tier(self, sku: str) -> Tier | None:
        return next((tier for tier in self.tiers if tier.sku == sku), None)

    def offered(self) -> tuple[Tier, ...]:
        return tuple(t for t in self.tiers if t.availability is Availability.OFFERED)

    def known(self) -> tuple[Tier, ...]:
        """Those that anybody may know of: offered or, once offered, retired."""
        return tuple(t for t in self.tiers if t.availability is not Availability.HIDDEN)

    def preset(self, name: str) -> Preset | None:
        return next((preset for preset in self.presets if preset.name == name), None)


@frozen(kw_only=True)
class Catalog:
    """``creator_roles`` are what the creator of an organization or project gets beside Owner."""

    platform: str
    resource_types: tuple[ResourceType, ...]
    roles: tuple[Role, ...]
    permissions: tuple[PermissionEntry, ...]
    creator_roles: tuple[RoleId, ...]
    _by_name: Mapping[str, ResourceType] = field(init=False, repr=False, eq=False)

    @_by_name.default
    def _(self) -> Mapping[str, ResourceType]:
        return {name: kind for kind in self.resource_types for name in (kind.type, *kind.aliases)}

    def resource_type(self, name: str) -> ResourceType | None:
        """By its type or by one of its former names."""
        return self._by_name.get(name)

    def currency(self) -> str:
        """The one that prices are in, for saying what costs nothing."""
        prices = (p for kind in self.resource_types for t in kind.tiers for p in t.prices)
        return next((price.currency for price in prices), "eur")

    def system_roles(self) -> Sequence[Role]:
        return (*CONTROL_PLANE_ROLES, *self.roles)

    def all_permissions(self) -> Sequence[PermissionEntry]:
        return (*CONTROL_PLANE_PERMISSIONS, *self.permissions)

    def permission(self, text: str) -> Permission | None:
        """The permission that ``text`` names: ``Product:action``, an action of the control
        plane, or a bare action, which only one product can have (see ``shared_actions``)."""
        named = Permission.parse(text)
        if ":" in text or named.action in _OWN_ACTIONS:
            return named
        products = {
            known.resource_type
            for known in self.permissions
            if Permission(known.resource_type, known.action).covers(
                Permission(known.resource_type, text)
            )
        }
        return Permission(products.pop(), text) if len(products) == 1 else None


def shared_actions(permissions: Iterable[PermissionEntry]) -> Iterator[Fault]:
    """Actions that two products share or that one covers of another, or that belong to the
    control plane. A check answers with bare actions, which must tell their product (R1.2)."""
    known = list(permissions)
    for number, one in enumerate(known):
        if one.action in set(Action) or one.action == "*":
            yield Fault(
                f"/{one.resource_type}/permissions",
                "reserved_action",
                f"The action {one.action} belongs to the control plane; choose another name.",
            )
        for other in known[number + 1 :]:
            if one.resource_type != other.resource_type and _overlap(one.action, other.action):
                yield Fault(
                    f"/{other.resource_type}/permissions",
                    "shared_action",
                    f"The action {other.action} overlaps {one.action} of {one.resource_type}; "
                    "checks answer with bare actions, so each must belong to one product.",
                )


def _overlap(one: str, other: str) -> bool:
    a, b = Permission("", one), Permission("", other)
    return a.covers(b) or b.covers(a)
