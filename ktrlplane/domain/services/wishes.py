"""What somebody wants a resource to be, checked against the catalog."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ktrlplane.domain.catalog import Availability, ResourceType, Tier
from ktrlplane.domain.documents import Document, faults_of, merge_patch, without
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.settings import SettingsSchema

AT: str = "/settings_json"


@frozen(kw_only=True)
class Wish:
    """``type`` may be a former name; ``settings`` are as the caller wrote them."""

    type: str
    sku: str
    preset: str | None = None
    settings: Mapping[str, Any]


@frozen(kw_only=True)
class Settled:
    """A wish that the catalog allows: the present name of its type, its settings filled in."""

    type: str
    sku: str
    settings: Document


def settled(wish: Wish, platform: Platform, *, present_sku: str | None = None) -> Settled:
    """``present_sku`` is the tier of a resource that exists: it may stay though retired.

    Raises: ValidationFailed with every fault that can be seen at once.
    """
    kind = platform.catalog.resource_type(wish.type)
    if kind is None:
        raise ValidationFailed([unknown_type(platform), *faults_of(wish.settings, AT)])
    faults: list[Fault] = []
    tier = _tier(kind, wish.sku, present_sku, faults)
    settings: Any = wish.settings
    unkeepable = faults_of(settings, AT)
    if wish.preset is not None:
        preset = kind.preset(wish.preset)
        if preset is None:
            names = ", ".join(known.name for known in kind.presets)
            detail = f"{kind.type} has no such preset; it has {names or 'none'}."
            faults.append(Fault("/preset", "unknown_preset", detail))
        elif not unkeepable:
            settings = merge_patch(preset.settings_json.value, settings)
    if unkeepable:
        raise ValidationFailed(faults + unkeepable)
    if tier is None:
        raise ValidationFailed(faults + _in_every_tier(kind, settings, platform))
    filled, found = checked(kind.schemas[tier.sku], settings, platform)
    if faults or found:
        raise ValidationFailed(faults + found)
    return Settled(type=kind.type, sku=tier.sku, settings=Document.of(filled))


def chosen_settings(
    type: str,  # noqa: A002
    sku: str,
    settings: Mapping[str, Any],
    platform: Platform,
) -> Mapping[str, Any]:
    """Without what is as the tier has it by default."""
    kind = platform.catalog.resource_type(type)
    schema = None if kind is None else kind.schemas.get(sku)
    if schema is None:
        return settings
    chosen: Mapping[str, Any] = without(settings, schema.with_defaults({}))
    return chosen


def checked(
    schema: SettingsSchema, settings: Any, platform: Platform
) -> tuple[Mapping[str, Any], list[Fault]]:
    """The settings with their defaults, and what is wrong with them."""
    filled = schema.with_defaults(settings)
    faults = list(platform.validator.violations(schema, filled))
    faults += schema.broken_rules(filled)
    return filled, [Fault(AT + fault.pointer, fault.code, fault.detail) for fault in faults]


def allows(
    type: str,  # noqa: A002
    sku: str,
    settings: Document,
    *,
    platform: Platform,
) -> bool:
    """Whether the catalog lets settings be so in this tier. Raises: KeyError for a type or a tier
    that it does not have."""
    kind = platform.catalog.resource_type(type)
    if kind is None:
        raise KeyError(type)
    return not checked(kind.schemas[sku], settings.value, platform)[1]


def _in_every_tier(kind: ResourceType, settings: Any, platform: Platform) -> list[Fault]:
    """What is wrong with the settings whichever tier was meant."""
    first, *others = (
        checked(kind.schemas[tier.sku], settings, platform)[1] for tier in kind.tiers
    )
    return [fault for fault in first if all(fault in found for found in others)]


def _tier(
    kind: ResourceType, sku: str, present_sku: str | None, faults: list[Fault]
) -> Tier | None:
    tier = kind.tier(sku)
    if tier is None:
        faults.append(unknown_sku(kind))
    elif tier.availability is Availability.RETIRED and sku != present_sku:
        detail = f"The tier {sku} is no longer offered. {offered_as(kind)}"
        faults.append(Fault("/sku", "retired", detail))
    return tier


def unknown_type(platform: Platform) -> Fault:
    known = ", ".join(kind.type for kind in platform.catalog.resource_types)
    return Fault("/type", "unknown_type", f"There is no such resource type; there are {known}.")


def unknown_sku(kind: ResourceType) -> Fault:
    return Fault("/sku", "unknown_sku", f"There is no such tier. {offered_as(kind)}")


def offered_as(kind: ResourceType) -> str:
    skus = ", ".join(tier.sku for tier in kind.offered())
    return f"{kind.type} is offered as {skus}." if skus else f"{kind.type} is not offered now."
