"""From files without a fault to the catalog that they describe."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from cattrs import Converter

from ktrlplane.domain.access import Permission, PermissionEntry, Role
from ktrlplane.domain.catalog import Catalog, Meter, Preset, ResourceType, Tier
from ktrlplane.domain.catalog_files import CatalogFiles, File, TypeFiles
from ktrlplane.domain.dashboards import Dashboard
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import PermissionId, RoleId
from ktrlplane.domain.roles import CONTROL_PLANE_ROLES
from ktrlplane.domain.settings import SettingsSchema, rule_of

_converter: Final = Converter()


def catalog_of(files: CatalogFiles) -> Catalog:
    """Roles that span products come before those of one product."""
    platform = _read(files.platform)
    roles = [_role(role, Permission.parse) for role in platform["roles"]]
    permissions: list[PermissionEntry] = []
    for kind in files.types:
        manifest = _read(kind.manifest)
        roles += [_role_of(kind.folder, role) for role in manifest["roles"]]
        permissions += [_permission(kind.folder, entry) for entry in manifest["permissions"]]
    return Catalog(
        platform=platform["platform"],
        resource_types=tuple(map(_resource_type, files.types)),
        roles=tuple(roles),
        permissions=tuple(permissions),
        creator_roles=_creator_roles(platform["creator_roles"], roles),
    )


def _read(file: File) -> Mapping[str, Any]:
    assert file is not None, "an unreadable file is a fault"
    return file


def _resource_type(kind: TypeFiles) -> ResourceType:
    manifest, base = _read(kind.manifest), _read(kind.settings)
    rules = tuple(map(rule_of, manifest["rules"]))
    tiers = _converter.structure(manifest["tiers"], tuple[Tier, ...])
    presets = (
        {**preset, "settings_json": Document.of(_read(kind.presets[preset["name"]]))}
        for preset in manifest["presets"]
    )
    return ResourceType(
        type=manifest["type"],
        display_name=manifest["display_name"],
        description=manifest["description"],
        category=manifest["category"],
        aliases=tuple(manifest["aliases"]),
        meters=_converter.structure(manifest["meters"], tuple[Meter, ...]),
        tiers=tiers,
        presets=tuple(Preset(**preset) for preset in presets),
        schemas={
            tier.sku: SettingsSchema(base, kind.overlays.get(tier.sku) or {}, rules)
            for tier in tiers
        },
        base_schema=base,
        dashboard=None if kind.dashboard is None else _dashboard(kind.dashboard),
    )


def _dashboard(written: Mapping[str, Any]) -> Dashboard:
    return _converter.structure(written, Dashboard)


def _permission(product: str, written: Mapping[str, str]) -> PermissionEntry:
    return PermissionEntry(
        permission_id=PermissionId(written["permission_id"]),
        resource_type=product,
        action=written["action"],
        description=written["description"],
    )


def _role_of(product: str, written: Mapping[str, Any]) -> Role:
    return _role(written, lambda action: Permission(product, action))


def _role(written: Mapping[str, Any], permission: Callable[[str], Permission]) -> Role:
    return Role(
        role_id=RoleId(written["role_id"]),
        name=written["name"],
        display_name=written["display_name"],
        description=written["description"],
        permissions=tuple(map(permission, written["permissions"])),
        display_order=written["display_order"],
    )


def _creator_roles(words: Iterable[str], roles: Sequence[Role]) -> tuple[RoleId, ...]:
    """By name or id."""
    known = {role.name: role.role_id for role in (*CONTROL_PLANE_ROLES, *roles)}
    return tuple(known.get(word, RoleId(word)) for word in words)
