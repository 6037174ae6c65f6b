"""The catalog over HTTP, for everybody."""

import enum
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.catalog import Preset, ResourceType, Tier
from ktrlplane.domain.dashboards import Dashboard
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.services.wishes import offered_as
from ktrlplane.entrypoints.grafana import grafana_dashboard
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, anybody
from ktrlplane.entrypoints.http.pages import whole
from ktrlplane.entrypoints.http.parameters import (
    Parameters,
    PricingParameters,
    TierParameters,
    said,
)
from ktrlplane.entrypoints.http.shapes import CatalogEntry, ResourcePrice
from ktrlplane.ports.payment_questions import PricesOf, learn
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class AvailabilityParameters(Parameters):
    include_retired: bool = field(
        default=False, metadata=said("Those too that only keep running, and are not offered.")
    )


class DashboardFormat(enum.StrEnum):
    PANELS = "panels"
    GRAFANA = "grafana"


@frozen(kw_only=True)
class DashboardParameters(Parameters):
    format: DashboardFormat = field(
        default=DashboardFormat.PANELS,
        metadata=said("The panels alone, or a whole dashboard that Grafana imports."),
    )


def _kind(call: Call, name: str) -> ResourceType:
    kind = call.platform.catalog.resource_type(name)
    if kind is None:
        known = ", ".join(one.type for one in call.platform.catalog.resource_types)
        raise NotFound(f"The catalog has no resource type {name[:80]}; it has {known}.")
    return kind


def _tier(kind: ResourceType, sku: str) -> Tier:
    tier = kind.tier(sku)
    if tier is None:
        raise NotFound(f"{kind.type} has no tier {sku[:80]}. {offered_as(kind)}")
    return tier


def types(work: UnitOfWork, call: Call) -> Reply:
    return whole([CatalogEntry.of(kind) for kind in call.platform.catalog.resource_types])


def one_type(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=CatalogEntry.of(_kind(call, call.path["type"])))


def tiers(work: UnitOfWork, call: Call) -> Reply:
    kind = _kind(call, call.path["type"])
    return whole(kind.known() if call.query.include_retired else kind.offered())


def one_tier(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=_tier(_kind(call, call.path["type"]), call.path["sku"]))


def schema(work: UnitOfWork, call: Call) -> Reply:
    kind = _kind(call, call.path["type"])
    sku = call.query.wanted_sku
    if sku is None:
        return Reply(content=kind.base_schema)
    return Reply(content=kind.schemas[_tier(kind, sku).sku].effective)


def presets(work: UnitOfWork, call: Call) -> Reply:
    return whole(_kind(call, call.path["type"]).presets)


def dashboard(work: UnitOfWork, call: Call) -> Reply:
    kind = _kind(call, call.path["type"])
    if kind.dashboard is None:
        raise NotFound(f"{kind.type} has no dashboard.")
    if call.query.format is DashboardFormat.GRAFANA:
        return Reply(content=grafana_dashboard(kind.type, kind.dashboard))
    return Reply(content=kind.dashboard)


def pricing(work: UnitOfWork, call: Call) -> Reply:
    query: PricingParameters = call.query
    kind = _kind(call, query.type or query.resource_type or "")
    tier = _tier(kind, query.wanted_sku or "")
    currency, price_id = call.platform.catalog.currency(), None
    if tier.prices:
        key = tier.prices[0].lookup_key
        price = learn(work.known, PricesOf((key,))).get(key)
        price_id = None if price is None else price.price_id
    return Reply(content=ResourcePrice.of(kind, tier, currency, price_id))


_TAG: Final = "Catalog"
_ONE: Final = "/catalog/resource-types/{type}"
_COMMON: Final[dict[str, Any]] = {"method": "GET", "tag": _TAG, "public": True}
_FOUND: Final = (errors.NotFound,)

OPERATIONS: Final = (
    Operation(
        path="/catalog/resource-types",
        name="listResourceTypes",
        summary="List the resource types of the platform",
        handle=types,
        needs=anybody(),
        answer=CatalogEntry,
        listed=True,
        **_COMMON,
    ),
    Operation(
        path=_ONE,
        name="getResourceType",
        summary="Read a resource type, by its type or a former name",
        handle=one_type,
        needs=anybody(),
        answer=CatalogEntry,
        tagged=True,
        refusals=_FOUND,
        **_COMMON,
    ),
    Operation(
        path=f"{_ONE}/tiers",
        name="listTiers",
        summary="List the tiers that are offered",
        handle=tiers,
        needs=anybody(),
        query=AvailabilityParameters,
        answer=Tier,
        listed=True,
        refusals=_FOUND,
        **_COMMON,
    ),
    Operation(
        path=f"{_ONE}/tiers/{{sku}}",
        name="getTier",
        summary="Read a tier, be it offered, hidden or retired",
        handle=one_tier,
        needs=anybody(),
        answer=Tier,
        tagged=True,
        refusals=_FOUND,
        **_COMMON,
    ),
    Operation(
        path=f"{_ONE}/schema",
        name="getSettingsSchema",
        summary="Read the JSON Schema of the settings, with a tier's overlay where sku says",
        handle=schema,
        needs=anybody(),
        query=TierParameters,
        answer=dict,
        tagged=True,
        refusals=_FOUND,
        **_COMMON,
    ),
    Operation(
        path=f"{_ONE}/presets",
        name="listPresets",
        summary="List the presets",
        handle=presets,
        needs=anybody(),
        answer=Preset,
        listed=True,
        refusals=_FOUND,
        **_COMMON,
    ),
    Operation(
        path=f"{_ONE}/dashboard",
        name="getDashboard",
        summary="Read what to look at in the logs and metrics of such a resource",
        handle=dashboard,
        needs=anybody(),
        query=DashboardParameters,
        answer=Dashboard | Mapping[str, Any],
        tagged=True,
        refusals=_FOUND,
        **_COMMON,
    ),
    Operation(
        path="/resource-pricing",
        name="getResourcePricing",
        summary="Read what a tier costs",
        handle=pricing,
        needs=anybody(),
        query=PricingParameters,
        answer=ResourcePrice,
        tagged=True,
        refusals=_FOUND,
        **_COMMON,
    ),
)
