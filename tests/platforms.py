"""A small platform of our own, so that no test leans on what some catalog happens to sell."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from attrs import frozen

from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.catalog import (
    Availability,
    Catalog,
    Enforcement,
    Limit,
    Meter,
    Preset,
    ResourceType,
    Tier,
)
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.settings import SettingsSchema, Unique
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    DATA_OWNER,
    PEOPLE,
    Thing,
    a_permission,
    a_role,
    add,
    keep,
    unwitnessed,
)
from tests.witness import WitnessingUnits

T = TypeVar("T")


def a_tier(sku: str, availability: Availability = Availability.OFFERED, **but: Any) -> Tier:
    known: dict[str, Any] = {
        "sku": sku,
        "display_name": sku.capitalize(),
        "description": f"The {sku} tier.",
        "availability": availability,
        "features": (),
        "limits": (),
        "max_per_project": None,
        "max_per_organization": None,
        "prices": (),
    }
    return Tier(**known | but)


def a_meter(name: str) -> Meter:
    return Meter(
        name=name,
        display_name=name.capitalize(),
        description=f"How many {name}.",
        unit=name.removesuffix("s"),
        kind="counter",
    )


def _kettle() -> ResourceType:
    base = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "litres": {"type": "number", "minimum": 0, "maximum": 100, "default": 1},
            "whistles": {"type": "array", "items": {"type": "string"}},
            "label": {"type": "string"},
        },
    }
    detail = "Each whistle has its own name."
    once = (Unique(at="/whistles/*", code="repeated", detail=detail),)
    small = {"properties": {"litres": {"maximum": 2}}}
    return ResourceType(
        type="Acme.Kettle",
        display_name="Kettle",
        description="Boils.",
        category="kitchen",
        aliases=("Acme.Pot",),
        meters=(a_meter("boilings"), a_meter("cups"), a_meter("watts")),
        tiers=(
            a_tier("free"),
            a_tier("gold"),
            a_tier("secret", Availability.HIDDEN),
            a_tier("antique", Availability.RETIRED),
            a_tier("grand", Availability.HIDDEN),
            a_tier(
                "few",
                Availability.HIDDEN,
                features=("Few of them",),
                limits=(
                    Limit(
                        meter="boilings", maximum=10, window="month", enforcement=Enforcement.HARD
                    ),
                    Limit(meter="cups", maximum=5, window="none", enforcement=Enforcement.SOFT),
                ),
                max_per_project=3,
                max_per_organization=4,
            ),
        ),
        presets=(
            Preset(
                name="office",
                display_name="Office",
                description="For many.",
                sku="gold",
                settings_json=Document.of({"litres": 20, "label": "Office"}),
            ),
        ),
        schemas={
            "free": SettingsSchema(base, small, once),
            "gold": SettingsSchema(base, {}, once),
            "secret": SettingsSchema(base, {}, once),
            "antique": SettingsSchema(base, {}, once),
            "few": SettingsSchema(base, {}, once),
            "grand": SettingsSchema(base, {"properties": {"litres": {"default": 50}}}, once),
        },
        base_schema=base,
    )


def _toaster() -> ResourceType:
    base = {"type": "object"}
    return ResourceType(
        type="Acme.Toaster",
        display_name="Toaster",
        description="Toasts.",
        category="kitchen",
        aliases=(),
        meters=(),
        tiers=(a_tier("free"),),
        presets=(),
        schemas={"free": SettingsSchema(base)},
        base_schema=base,
    )


TOAST_MAKER: Final = a_role("Toast Maker", "Acme.Toaster:toast/*", display_order=12)

CATALOG: Final = Catalog(
    platform="Acme",
    resource_types=(_kettle(), _toaster()),
    roles=(DATA_OWNER, TOAST_MAKER),
    permissions=(
        a_permission("Acme.Kettle", "water/*"),
        a_permission("Acme.Kettle", "water/boil"),
        a_permission("Acme.Toaster", "toast/*"),
    ),
    creator_roles=(DATA_OWNER.role_id,),
)


def a_platform(**but: Any) -> Platform:
    known: dict[str, Any] = {
        "catalog": CATALOG,
        "validator": JsonSchemaValidator(),
        "clock": ManualClock(),
        "reserved_ids": ("acme-internal-*",),
    }
    return Platform(**known | but)


@frozen
class Acting:
    """Does what a service does, by somebody, in a unit of work of its own."""

    units: UnitsOfWork
    platform: Platform

    def __call__(
        self, service: Callable[..., T], *args: Any, by: PrincipalId = ALICE, **kwargs: Any
    ) -> T:
        with self.units.begin() as work:
            return service(work, *args, actor=by, platform=self.platform, **kwargs)

    def alone(self, service: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the platform does by itself, or its operator."""
        with self.units.begin() as work:
            return service(work, *args, platform=self.platform, **kwargs)

    def arranging(self) -> AbstractContextManager[UnitOfWork]:
        """For putting things where a test needs them: nobody tells of it."""
        return unwitnessed(self.units)

    def keep(self, *things: Thing) -> None:
        keep(self.units, *things)


def opened(units: UnitsOfWork | None = None, platform: Platform | None = None) -> UnitsOfWork:
    """Stores with the catalog's roles and with people, ready for services."""
    units, platform = units or WitnessingUnits(), platform or a_platform()
    with unwitnessed(units) as work:
        synchronize_catalog(work, platform=platform)
        add(work, *PEOPLE)
    return units
