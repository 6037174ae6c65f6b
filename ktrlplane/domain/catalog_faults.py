"""What is wrong with a catalog as a whole: its names, and what refers to what.

Looks at manifests that may break their meta-schema, so that every fault is told at once;
what a broken place would have said is never counted as missing elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ktrlplane.domain.access import CONTROL_PLANE, PermissionEntry
from ktrlplane.domain.catalog import shared_actions
from ktrlplane.domain.catalog_files import CATALOG, CatalogFiles, Text, TypeFiles, texts
from ktrlplane.domain.dashboards import query_faults
from ktrlplane.domain.documents import select
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.ids import PermissionId
from ktrlplane.domain.limits import RESOURCES
from ktrlplane.domain.roles import CONTROL_PLANE_PERMISSIONS, CONTROL_PLANE_ROLES
from ktrlplane.domain.schema_faults import names_something


def catalog_faults(files: CatalogFiles) -> Iterator[Fault]:
    if not files.types:
        detail = "The catalog has no resource type. Give each a folder with a manifest.json."
        yield Fault(f"{CATALOG}#", "no_resource_types", detail)
    yield from _type_names(files)
    yield from _names_of_roles(files)
    yield from _names_of_permissions(files)
    yield from _twice("lookup key", _everywhere(files, "/tiers/*/prices/*/lookup_key"))
    yield from _unknown_permissions(files)
    yield from _unknown_creator_roles(files)
    yield from _actions_between_products(files)
    for kind in files.types:
        yield from _within(kind)


def _within(kind: TypeFiles) -> Iterator[Fault]:
    yield from _twice("sku", kind.said("/tiers/*/sku"))
    yield from _twice("meter", kind.said("/meters/*/name"), taken={RESOURCES})
    yield from _twice("preset", kind.said("/presets/*/name"))
    meters = {meter.text for meter in kind.said("/meters/*/name")}
    for meter in kind.said("/tiers/*/limits/*/meter"):
        if meter.text not in meters:
            detail = f"There is no meter {meter.text}; list it under meters, or name another."
            yield meter.fault("unknown_meter", detail)
    for at, tier in select(kind.manifest, "/tiers/*"):
        if isinstance(tier, dict):
            yield from _prices(kind.manifest_file, at, tier)
    yield from _files(kind)
    yield from _dashboard(kind)


def _prices(file: str, at: str, tier: Mapping[str, Any]) -> Iterator[Fault]:
    """Whoever pays in a currency each month or each year pays one price of a tier."""
    if tier.get("trial_days") and tier.get("prices") == []:
        detail = (
            "This tier costs nothing, so there is nothing to try: give it prices, or remove this."
        )
        yield Fault(f"{file}#{at}/trial_days", "no_price", detail)
    first: dict[tuple[str, str], str] = {}
    for place, price in select(tier, "/prices/*"):
        kind = [price.get(key) for key in _KIND] if isinstance(price, dict) else []
        match kind:
            case [str(currency), str(interval)]:
                before = first.setdefault((currency, interval), place)
                if before != place:
                    detail = f"There is a price in {currency} each {interval} at {at}{before}."
                    yield Fault(f"{file}#{at}{place}", "duplicate", f"{detail} Keep one of them.")


_KIND: Final = ("currency", "interval")


def _files(kind: TypeFiles) -> Iterator[Fault]:
    """Whether tiers, presets and their files belong together."""
    if kind.manifest is None:
        return
    skus = {sku.text for sku in kind.said("/tiers/*/sku")}
    presets = kind.said("/presets/*/name")
    for tier in kind.overlays:
        if tier not in skus:
            detail = f"The manifest has no tier {tier}; add it, or rename or remove this file."
            yield Fault(f"{kind.overlay_file(tier)}#", "unknown_sku", detail)
    for name in kind.presets:
        if name not in {preset.text for preset in presets}:
            detail = f"The manifest has no preset {name}; add it, or rename or remove this file."
            yield Fault(f"{kind.preset_file(name)}#", "unknown_preset", detail)
    for preset in presets:
        if preset.text not in kind.presets:
            file = kind.preset_file(preset.text)
            detail = f"The settings of this preset are missing: {file} does not exist."
            yield preset.fault("missing_file", detail)
    for sku in kind.said("/presets/*/sku"):
        if sku.text not in skus:
            yield sku.fault("unknown_sku", f"There is no tier {sku.text} in this manifest.")


def _dashboard(kind: TypeFiles) -> Iterator[Fault]:
    file = kind.dashboard_file
    yield from _twice("panel", texts(file, kind.dashboard, "/panels/*/title"))
    for fault in query_faults(kind.dashboard):
        yield Fault(f"{file}#{fault.pointer}", fault.code, fault.detail)


def rule_faults(kind: TypeFiles, settings: Mapping[str, Any]) -> Iterator[Fault]:
    """Rules about what settings never have, by a schema that has no fault itself."""
    for field in ("from", "to", "at", "lesser", "greater"):
        for place in kind.said(f"/rules/*/{field}"):
            if not names_something(settings, place.text):
                detail = f"Settings never have anything at {place.text}."
                yield place.fault("unknown_place", detail)


def _type_names(files: CatalogFiles) -> Iterator[Fault]:
    for kind in files.types:
        for name in kind.said("/type"):
            if name.text != kind.folder:
                detail = f"The folder is named {kind.folder}; give both the same name."
                yield name.fault("folder_name", detail)
    names = [name for kind in files.types for name in kind.said("/type")]
    names += _everywhere(files, "/aliases/*")
    yield from _twice("resource type", names, taken={CONTROL_PLANE})


def _names_of_roles(files: CatalogFiles) -> Iterator[Fault]:
    """Names and ids are one set of words, since assignments may say either."""
    builtin = {role.name for role in CONTROL_PLANE_ROLES}
    builtin |= {role.role_id.value for role in CONTROL_PLANE_ROLES}
    said: list[Text] = []
    for roles in _each_role(files):
        # A role whose name is its own id is no confusion.
        said += {text.text: text for text in roles}.values()
    yield from _twice("role", said, taken=builtin)


def _each_role(files: CatalogFiles) -> Iterator[list[Text]]:
    sources: list[CatalogFiles | TypeFiles] = [files, *files.types]
    for source in sources:
        grouped: dict[str, list[Text]] = {}
        for said in (*source.said("/roles/*/role_id"), *source.said("/roles/*/name")):
            grouped.setdefault(said.at.rpartition("/")[0], []).append(said)
        yield from grouped.values()


def _names_of_permissions(files: CatalogFiles) -> Iterator[Fault]:
    builtin = {known.permission_id.value for known in CONTROL_PLANE_PERMISSIONS}
    ids = _everywhere(files, "/permissions/*/permission_id")
    yield from _twice("permission id", ids, taken=builtin)
    for kind in files.types:
        yield from _twice("action", kind.said("/permissions/*/action"))


def _unknown_permissions(files: CatalogFiles) -> Iterator[Fault]:
    known = {f"{entry.resource_type}:{entry.action}" for entry in CONTROL_PLANE_PERMISSIONS}
    unread = {kind.folder for kind in files.types if kind.manifest is None}
    for kind in files.types:
        actions = {action.text for action in kind.said("/permissions/*/action")}
        known |= {f"{kind.folder}:{action}" for action in actions}
        for granted in kind.said("/roles/*/permissions/*"):
            if granted.text not in actions:
                detail = f"{granted.text} is not listed under permissions of this manifest."
                yield granted.fault("unknown_permission", detail)
    for granted in files.said("/roles/*/permissions/*"):
        if granted.text not in known and granted.text.rpartition(":")[0] not in unread:
            detail = f"No manifest lists {granted.text} under permissions. Write Product:action."
            yield granted.fault("unknown_permission", detail)


def _unknown_creator_roles(files: CatalogFiles) -> Iterator[Fault]:
    if any(kind.manifest is None for kind in files.types):
        return
    known = {said.text for roles in _each_role(files) for said in roles}
    visible = [role for role in CONTROL_PLANE_ROLES if not role.is_hidden]
    known |= {word for role in visible for word in (role.name, role.role_id.value)}
    for role in files.said("/creator_roles/*"):
        if role.text not in known:
            yield role.fault("unknown_role", f"There is no role {role.text} in this catalog.")


def _actions_between_products(files: CatalogFiles) -> Iterator[Fault]:
    entries = [
        PermissionEntry(
            permission_id=PermissionId("unread"),
            resource_type=kind.folder,
            action=action.text,
            description="",
        )
        for kind in files.types
        for action in kind.said("/permissions/*/action")
    ]
    for fault in shared_actions(entries):
        folder, _, field = fault.pointer[1:].partition("/")
        yield Fault(f"{folder}/manifest.json#/{field}", fault.code, fault.detail)


def _everywhere(files: CatalogFiles, pattern: str) -> list[Text]:
    return [said for kind in files.types for said in kind.said(pattern)]


def _twice(word: str, said: Iterable[Text], taken: Iterable[str] = ()) -> Iterator[Fault]:
    places = dict.fromkeys(taken, "the control plane itself")
    for text in said:
        place = places.setdefault(text.text, f"{text.file}#{text.at}")
        if place != f"{text.file}#{text.at}":
            detail = f"The {word} {text.text} is taken by {place}; choose another."
            yield text.fault("duplicate", detail)
