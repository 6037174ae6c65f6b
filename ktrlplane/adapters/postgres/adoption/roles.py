"""Roles: the catalog's, and those that the former system had beside them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from attrs import frozen

from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.mending import digest, name_like, named_after
from ktrlplane.adapters.postgres.adoption.theirs import TheirRole
from ktrlplane.domain.access import OPERATORS_ACTIONS, Permission, Role
from ktrlplane.domain.ids import RoleId
from ktrlplane.ports.adoption import Kind

_LAST: Final = 999
_FORMER: Final = "former"
_OPERATORS_ALONE: Final = tuple(map(Permission.control_plane, OPERATORS_ACTIONS))


@frozen(kw_only=True)
class Roles:
    """By the ids of the former system. ``catalog`` are those that this platform has anyway."""

    catalog: Collection[Role]
    by_id: Mapping[str, Role]

    def to_write(self, used: Collection[RoleId], found: Findings) -> list[Role]:
        """All of the catalog's, and those beside them that are in use: what the catalog does
        not have stays for as long as somebody has it, and no longer."""
        ours = {role.role_id for role in self.catalog}
        written = list(self.catalog)
        for their_id, role in self.by_id.items():
            if role.role_id in ours:
                found.kept(Kind.ROLES)
            elif role.role_id in used:
                found.kept(Kind.ROLES)
                is_new = "hidden" if _gives_what_operators_give(role) else "not_in_catalog"
                found.noted(Kind.ROLES, is_new, f"{their_id} ({role.name})")
                written.append(role)
            else:
                found.dropped(Kind.ROLES, "unused", f"{their_id} ({role.name})")
        return written


def roles_of(theirs: Iterable[TheirRole], catalog: Collection[Role]) -> Roles:
    return Roles(catalog=catalog, by_id=dict(_roles(theirs, catalog)))


def _roles(theirs: Iterable[TheirRole], catalog: Collection[Role]) -> Iterator[tuple[str, Role]]:
    ours = {role.role_id.value: role for role in catalog}
    names = {role.name for role in catalog}
    for row in theirs:
        role = ours.get(row.role_id) or _extra(row, names)
        names.add(role.name)
        yield row.role_id, role


def _extra(row: TheirRole, taken: Collection[str]) -> Role:
    name = name_like(row.name, otherwise=row.role_id)
    if name in taken:
        name = f"{name} ({_FORMER})"
    if name in taken:
        name = f"{name} {digest(row.role_id)}"
    permissions = tuple(dict.fromkeys(map(Permission.parse, row.permissions)))
    return Role(
        role_id=named_after(RoleId, row.role_id, "role"),
        name=name,
        display_name=row.display_name or name,
        description=row.description or "",
        permissions=permissions,
        is_hidden=bool(row.is_hidden) or any(map(_is_the_operators, permissions)),
        display_order=_LAST if row.display_order is None else row.display_order,
    )


def _gives_what_operators_give(role: Role) -> bool:
    return any(map(_is_the_operators, role.permissions))


def _is_the_operators(permission: Permission) -> bool:
    """Or covers such a one."""
    return any(permission.covers(one) for one in _OPERATORS_ALONE)
