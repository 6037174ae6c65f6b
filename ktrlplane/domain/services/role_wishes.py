"""What people ask of a role of their organization, and what is wrong with it."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from attrs import field, frozen
from attrs.validators import optional

from ktrlplane.domain.access import Permission, Role
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.naming import is_a_description, is_a_name, is_no_name_or_a_name
from ktrlplane.domain.paging import name_key
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.unit_of_work import UnitOfWork

MAX_PERMISSIONS: Final = 200


def _are_permissions(_: object, __: object, value: tuple[str, ...]) -> None:
    if not 1 <= len(value) <= MAX_PERMISSIONS:
        raise ValueError(f"A role has 1 to {MAX_PERMISSIONS} permissions.")


@frozen(kw_only=True)
class CreateRole:
    """``permissions`` as ``GET /permissions`` lists them: ``Product:action``, or a bare action
    of the control plane. The name is unique in the organization and unlike the platform's."""

    name: str = field(validator=is_a_name, metadata=apart("unnamed"))
    display_name: str | None = field(
        default=None, validator=is_no_name_or_a_name, metadata=apart()
    )
    description: str = field(default="", validator=is_a_description, metadata=apart())
    permissions: tuple[str, ...] = field(validator=_are_permissions, metadata=apart(["read"]))


@frozen(kw_only=True)
class UpdateRole:
    """What is left out stays as it is; ``permissions`` are replaced whole."""

    name: str | None = field(default=None, validator=is_no_name_or_a_name, metadata=apart())
    display_name: str | None = field(
        default=None, validator=is_no_name_or_a_name, metadata=apart()
    )
    description: str | None = field(
        default=None, validator=optional(is_a_description), metadata=apart()
    )
    permissions: tuple[str, ...] | None = field(
        default=None, validator=optional(_are_permissions), metadata=apart()
    )


def name_faults(work: UnitOfWork, **names: str | None) -> list[Fault]:
    """Nobody is to take it for one of the platform's own."""
    taken = {name_key(text) for role in work.roles.system() for text in _texts(role)}
    detail = "The platform has a role of this name or id; choose another one."
    return [
        Fault(f"/{field}", "reserved", detail)
        for field, name in names.items()
        if name is not None and name_key(name) in taken
    ]


def _texts(role: Role) -> tuple[str, ...]:
    return role.name, role.display_name, role.role_id.value


def known_permissions(
    texts: Sequence[str], platform: Platform, already: Sequence[Permission] = ()
) -> tuple[tuple[Permission, ...], list[Fault]]:
    """Each once, in the order given. One that the role has ``already`` stays its to have."""
    entries = {
        Permission(entry.resource_type, entry.action)
        for entry in platform.catalog.all_permissions()
    }
    found: dict[Permission, None] = {}
    faults = []
    for number, text in enumerate(texts):
        permission = platform.catalog.permission(text)
        pointer = f"/permissions/{number}"
        if permission is None or (permission not in entries and permission not in already):
            near = get_close_matches(text, [*map(str, entries), *(p.action for p in entries)], 1)
            meant = f"did you mean {near[0]}? " if near else ""
            detail = f"There is no such permission; {meant}GET /permissions lists all there are."
            faults.append(Fault(pointer, "unknown_permission", detail))
        elif permission.is_operators:
            detail = f"Only the platform's operator gives {permission.action}."
            faults.append(Fault(pointer, "operators_alone", detail))
        else:
            found[permission] = None
    return tuple(found), faults
