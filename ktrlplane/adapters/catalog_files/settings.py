"""What is wrong with a resource type's settings schema, its tiers' overlays and its presets.

What follows from another fault is not told: a schema is looked at more closely only once
nothing coarser is wrong with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ktrlplane.adapters.catalog_files.samples import sample_faults
from ktrlplane.domain.catalog_faults import rule_faults
from ktrlplane.domain.catalog_files import TypeFiles
from ktrlplane.domain.documents import escape, select
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.schema_faults import DIALECT, nulls, schema_faults, strangers
from ktrlplane.domain.settings import Rule, SettingsSchema
from ktrlplane.ports.schemas import SettingsValidator

_META: Final = SettingsSchema({"$ref": DIALECT})


def settings_faults(
    kind: TypeFiles, rules: tuple[Rule, ...], validator: SettingsValidator
) -> Iterator[Fault]:
    if kind.settings is None:
        return
    base = kind.settings
    of_base = list(_schema_faults(base, validator))
    yield from _in(kind.settings_file, of_base)
    if of_base:
        return
    misplaced = list(rule_faults(kind, base))
    yield from misplaced
    broken = set()
    for sku, overlay in kind.overlays.items():
        of_tier = [] if overlay is None else list(_overlay_faults(base, overlay, validator))
        yield from _in(kind.overlay_file(sku), of_tier)
        if overlay is None or of_tier:
            broken.add(sku)
    yield from _preset_faults(kind, base, () if misplaced else rules, validator, broken)


def _in(file: str, faults: Iterable[Fault]) -> Iterator[Fault]:
    for fault in faults:
        yield Fault(f"{file}#{fault.pointer}", fault.code, fault.detail)


def _schema_faults(schema: Mapping[str, Any], validator: SettingsValidator) -> Iterator[Fault]:
    yield from (
        list(validator.violations(_META, schema))
        or list(schema_faults(schema))
        or sample_faults(schema, validator)
    )


def _overlay_faults(
    base: Mapping[str, Any], overlay: Mapping[str, Any], validator: SettingsValidator
) -> Iterator[Fault]:
    """What should not stand there is told and left out, so that the rest can be told as well.

    ``base`` has no fault, so those of the two merged are the overlay's.
    """
    taking_away = list(nulls(overlay))
    kept = _without(overlay, taking_away)
    misshapen = list(validator.violations(_META, kept))
    unknown = [] if misshapen else list(strangers(kept, [base], base))
    yield from (*taking_away, *misshapen, *unknown)
    if not misshapen:
        effective = SettingsSchema(base, _without(kept, unknown)).effective
        yield from list(schema_faults(effective)) or sample_faults(effective, validator)


def _without(
    document: Mapping[str, Any], faults: Iterable[Fault], at: str = ""
) -> Mapping[str, Any]:
    """``document`` without the members that ``faults`` point at."""
    places = {fault.pointer for fault in faults}
    return {
        key: _without(value, faults, here) if isinstance(value, Mapping) else value
        for key, value in document.items()
        if (here := f"{at}/{escape(key)}") not in places
    }


def _preset_faults(
    kind: TypeFiles,
    base: Mapping[str, Any],
    rules: tuple[Rule, ...],
    validator: SettingsValidator,
    broken: set[str],
) -> Iterator[Fault]:
    """Not of presets for unknown tiers, nor for those whose schema is ``broken``."""
    skus = {sku.text for sku in kind.said("/tiers/*/sku")} - broken
    for _, preset in select(kind.manifest, "/presets/*"):
        name, sku = (preset.get(key) if isinstance(preset, dict) else None for key in _KEYS)
        settings = kind.presets.get(name) if isinstance(name, str) else None
        if settings is not None and isinstance(sku, str) and sku in skus:
            schema = SettingsSchema(base, kind.overlays.get(sku) or {}, rules)
            whole = schema.with_defaults(settings)
            faults = (*validator.violations(schema, whole), *schema.broken_rules(whole))
            yield from _in(kind.preset_file(str(name)), faults)


_KEYS: Final = ("name", "sku")
