"""Roles: the catalog's, and those that the former system had beside them."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.mending import (
    description_like,
    digest,
    name_like,
    named_after,
)
from ktrlplane.adapters.postgres.adoption.theirs import TheirRole
from ktrlplane.domain.access import (
    CONTROL_PLANE,
    OPERATORS_ACTIONS,
    Action,
    Permission,
    Role,
)
from ktrlplane.domain.ids import RoleId
from ktrlplane.ports.adoption import Kind

_LAST: Final = 999
_FORMER: Final = "former"
_MEANT: Final = re.compile(r"([^\s:*]+:)?(\*|[^\s:*]+(/\*)?)")
_ALL_ACTIONS: Final = Permission(CONTROL_PLANE, "*")
_THEIR_ACTIONS: Final = tuple(
    map(
        Permission.control_plane,
        (
            Action.READ,
            Action.WRITE,
            Action.DELETE,
            Action.MANAGE_ACCESS,
            Action.MANAGE_BILLING,
            Action.CHECK_ON_BEHALF,
        ),
    )
)
"""All that there were in the former system's control plane."""
_OPERATORS_ALONE: Final = tuple(map(Permission.control_plane, OPERATORS_ACTIONS))


@frozen(kw_only=True)
class Roles:
    """By the ids of the former system. ``catalog`` are those that this platform has anyway."""

    catalog: Collection[Role]
    by_id: Mapping[str, Role]
    mended: Mapping[str, "Mended"]

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
                self.mended[their_id].tell(f"{their_id} ({role.name})", found)
                written.append(role)
            else:
                found.dropped(Kind.ROLES, "unused", f"{their_id} ({role.name})")
        return written


@frozen(kw_only=True)
class Mended:
    """What was to be put right in a role of theirs."""

    words: bool
    all_actions: bool
    left_out: tuple[str, ...]

    def tell(self, name: str, found: Findings) -> None:
        if self.words:
            found.noted(Kind.ROLES, "words", name)
        if self.all_actions:
            found.noted(Kind.ROLES, "all_actions", name)
        if self.left_out:
            written = ", ".join(map(repr, self.left_out))
            found.noted(Kind.ROLES, "permissions", f"{name}: {written}")


def roles_of(theirs: Sequence[TheirRole], catalog: Collection[Role]) -> Roles:
    ours = {role.role_id.value: role for role in catalog}
    names = {role.name for role in catalog}
    by_id: dict[str, Role] = {}
    mended: dict[str, Mended] = {}
    for row in theirs:
        role = ours.get(row.role_id)
        if role is None:
            role, mended[row.role_id] = _extra(row, names)
        names.add(role.name)
        by_id[row.role_id] = role
    return Roles(catalog=catalog, by_id=by_id, mended=mended)


def _extra(row: TheirRole, taken: Collection[str]) -> tuple[Role, Mended]:
    plain = name = name_like(row.name, otherwise=row.role_id)
    if name in taken:
        name = f"{name} ({_FORMER})"
    if name in taken:
        name = f"{name} {digest(row.role_id)}"
    wanted = row.display_name or name
    display_name = name_like(wanted, otherwise=name)
    description = description_like(row.description or "")
    permissions, all_actions, left_out = _permissions(row.permissions)
    role = Role(
        role_id=named_after(RoleId, row.role_id, "role"),
        name=name,
        display_name=display_name,
        description=description,
        permissions=permissions,
        is_hidden=bool(row.is_hidden) or any(map(_is_the_operators, permissions)),
        display_order=_LAST if row.display_order is None else row.display_order,
    )
    is_mended = (plain, display_name, description) != (row.name, wanted, row.description or "")
    return role, Mended(words=is_mended, all_actions=all_actions, left_out=left_out)


def _permissions(written: Iterable[str]) -> tuple[tuple[Permission, ...], bool, tuple[str, ...]]:
    """Those that mean something, whether all of the control plane's were among them, and what is
    left out."""
    found: dict[Permission, None] = {}
    all_actions, left_out = False, []
    for text in written:
        permission = Permission.parse(text)
        if _MEANT.fullmatch(text) and permission == _ALL_ACTIONS:
            all_actions = True
            found |= dict.fromkeys(_THEIR_ACTIONS)
        elif _MEANT.fullmatch(text) and (
            permission.product != CONTROL_PLANE or permission in _THEIR_ACTIONS
        ):
            found[permission] = None
        else:
            left_out.append(text)
    return tuple(found), all_actions, tuple(left_out)


def _gives_what_operators_give(role: Role) -> bool:
    return any(map(_is_the_operators, role.permissions))


def _is_the_operators(permission: Permission) -> bool:
    """Or covers such a one."""
    return any(permission.covers(one) for one in _OPERATORS_ALONE)
