from collections.abc import Collection, Sequence
from typing import Any, Final

from attrs import frozen
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed
from ktrlplane.adapters.postgres.session import EVERYWHERE, Session
from ktrlplane.adapters.postgres.sight import permissions_of
from ktrlplane.domain.access import PermissionEntry, Role, Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import OrganizationId, PermissionId, RoleId
from ktrlplane.ports.access import Roles

_COLUMNS: Final = SQL("""
    role_id, name, display_name, description, permissions, is_system, is_hidden, org_id,
    display_order
""")

_SYSTEM: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.roles
    WHERE org_id IS NULL
    ORDER BY display_order, name, role_id
    """,
    columns=_COLUMNS,
)

_OF: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.roles
    WHERE org_id = %(org_id)s
    ORDER BY lower(name COLLATE "C"), role_id
    """,
    columns=_COLUMNS,
)

_FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.roles WHERE role_id = %(role_id)s", columns=_COLUMNS
)

_NAMED: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.roles
    WHERE (org_id IS NULL OR org_id = %(org_id)s)
        AND (role_id = %(named)s OR name = %(named)s)
    ORDER BY role_id = %(named)s DESC, org_id IS NULL DESC
    LIMIT 1
    """,
    columns=_COLUMNS,
)

_PERMISSIONS: Final = """
    SELECT permission_id, resource_type, action, description
    FROM ktrlplane.permissions
    ORDER BY resource_type, action
"""

_ALONE: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('roles and permissions', 0)) AS done
"""

_ADD: Final = """
    INSERT INTO ktrlplane.roles (
        role_id, name, display_name, description, permissions, is_system, is_hidden, org_id,
        display_order
    )
    VALUES (
        %(role_id)s, %(name)s, %(display_name)s, %(description)s, %(permissions)s,
        %(is_system)s, %(is_hidden)s, %(org_id)s, %(display_order)s
    )
"""

_PUT: Final = (
    _ADD
    + """
    ON CONFLICT (role_id) DO UPDATE
    SET name = excluded.name, display_name = excluded.display_name,
        description = excluded.description, permissions = excluded.permissions,
        is_system = excluded.is_system, is_hidden = excluded.is_hidden,
        org_id = excluded.org_id, display_order = excluded.display_order, updated_at = now()
"""
)

_REPLACE: Final = """
    UPDATE ktrlplane.roles
    SET name = %(name)s, display_name = %(display_name)s, description = %(description)s,
        permissions = %(permissions)s, updated_at = now()
    WHERE role_id = %(role_id)s
"""

# Invitations to it go too.
_REMOVE: Final = "DELETE FROM ktrlplane.roles WHERE role_id = %(role_id)s"
_REMOVE_OF: Final = "DELETE FROM ktrlplane.roles WHERE org_id = %(org_id)s"

_DROP: Final = """
    DELETE FROM ktrlplane.roles
    WHERE role_id = ANY(%(role_ids)s) AND NOT EXISTS (
        SELECT FROM ktrlplane.role_assignments a WHERE a.role_id = roles.role_id
    )
"""

_DROP_PERMISSIONS: Final = """
    DELETE FROM ktrlplane.permissions WHERE permission_id = ANY(%(permission_ids)s)
"""

_ADD_PERMISSION: Final = """
    INSERT INTO ktrlplane.permissions (permission_id, resource_type, action, description)
    VALUES (%(permission_id)s, %(resource_type)s, %(action)s, %(description)s)
"""


@frozen
class _Difference:
    """What is to be put and what is to go."""

    roles: Sequence[Role]
    stale_roles: Sequence[RoleId]
    permissions: Sequence[PermissionEntry]
    stale_permissions: Sequence[PermissionId]

    def __bool__(self) -> bool:
        return bool(self.roles or self.stale_roles or self.permissions or self.stale_permissions)


class PostgresRoles(Roles):
    def __init__(self, session: Session) -> None:
        self._session = session

    def system(self) -> Sequence[Role]:
        return self._session.all(role_of, _SYSTEM, {})

    def of(self, org_id: OrganizationId) -> Sequence[Role]:
        return self._session.all(role_of, _OF, {"org_id": org_id})

    def find(self, role_id: RoleId) -> Role | None:
        return self._session.one(role_of, _FIND, {"role_id": role_id})

    def named(self, id_or_name: str, org_id: OrganizationId | None = None) -> Role | None:
        # PostgreSQL cannot be asked for NUL, and no role has it.
        named = id_or_name.replace("\0", "\1")
        return self._session.one(role_of, _NAMED, {"named": named, "org_id": org_id})

    def add(self, role: Role) -> None:
        self._session.change(_ADD, _values(role))

    def replace(self, role: Role) -> None:
        if self._session.change(_REPLACE, _values(role)) == 0:
            raise _not_there(role.role_id)
        self._session.touched(EVERYWHERE if role.org_id is None else Scope.of(role.org_id))

    def remove(self, role_id: RoleId) -> None:
        if self._session.change(_REMOVE, {"role_id": role_id}) == 0:
            raise _not_there(role_id)

    def remove_of(self, org_id: OrganizationId) -> None:
        self._session.change(_REMOVE_OF, {"org_id": org_id})

    def permissions(self) -> Sequence[PermissionEntry]:
        return self._session.all(_entry, _PERMISSIONS, {})

    def synchronize(
        self, roles: Collection[Role], permissions: Collection[PermissionEntry]
    ) -> bool:
        if not self._difference(roles, permissions):
            return False
        # Processes that start together write one after the other, and all but the first
        # then find nothing left to do.
        self._session.change(_ALONE, {})
        return self._write(self._difference(roles, permissions))

    def _difference(
        self, roles: Collection[Role], permissions: Collection[PermissionEntry]
    ) -> _Difference:
        present = {role.role_id: role for role in self.system()}
        wanted = {role.role_id for role in roles}
        entries, known = set(permissions), set(self.permissions())
        return _Difference(
            roles=[role for role in roles if present.get(role.role_id) != role],
            stale_roles=[role.role_id for role in present.values() if role.role_id not in wanted],
            permissions=[entry for entry in permissions if entry not in known],
            stale_permissions=[entry.permission_id for entry in known - entries],
        )

    def _write(self, difference: _Difference) -> bool:
        """Whether anything changed: a role that is held stays."""
        self._session.touched(EVERYWHERE)
        dropped = 0
        if difference.stale_roles:
            dropped = self._session.change(_DROP, {"role_ids": list(difference.stale_roles)})
        for role in difference.roles:
            self._session.change(_PUT, _values(role))
        # A permission that changed goes and comes again, so that two can swap their names.
        gone = list(difference.stale_permissions)
        if gone:
            self._session.change(_DROP_PERMISSIONS, {"permission_ids": gone})
        for entry in difference.permissions:
            self._session.change(_ADD_PERMISSION, _entry_values(entry))
        return bool(dropped or difference.roles or difference.permissions or gone)


def role_of(role_id: str, org_id: str | None, permissions: Sequence[str], **columns: Any) -> Role:
    return Role(
        role_id=RoleId(role_id),
        org_id=None if org_id is None else OrganizationId(org_id),
        permissions=permissions_of(permissions),
        **columns,
    )


def _not_there(role_id: RoleId) -> NotFound:
    return NotFound(f"There is no role {role_id}.")


def _values(role: Role) -> dict[str, object]:
    return {
        "role_id": role.role_id,
        "name": role.name,
        "display_name": role.display_name,
        "description": role.description,
        "permissions": [str(permission) for permission in role.permissions],
        "is_system": role.is_system,
        "is_hidden": role.is_hidden,
        "org_id": role.org_id,
        "display_order": role.display_order,
    }


def _entry(permission_id: str, **columns: Any) -> PermissionEntry:
    return PermissionEntry(permission_id=PermissionId(permission_id), **columns)


def _entry_values(entry: PermissionEntry) -> dict[str, object]:
    return {
        "permission_id": entry.permission_id,
        "resource_type": entry.resource_type,
        "action": entry.action,
        "description": entry.description,
    }
