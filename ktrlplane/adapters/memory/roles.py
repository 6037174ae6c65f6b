from collections.abc import Collection, Sequence

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import PermissionEntry, Role
from ktrlplane.domain.ids import RoleId
from ktrlplane.ports.stores import Roles


class MemoryRoles(Roles):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.roles

    def all(self) -> Sequence[Role]:
        return sorted(self._rows.all(), key=lambda row: (row.display_order, row.name))

    def named(self, id_or_name: str) -> Role | None:
        rows = self._rows.all()
        by_id = (row for row in rows if row.role_id.value == id_or_name)
        by_name = (row for row in rows if row.name == id_or_name)
        return next(by_id, None) or next(by_name, None)

    def permissions(self) -> Sequence[PermissionEntry]:
        entries = self._tables.permissions.all()
        return sorted(entries, key=lambda entry: (entry.resource_type, entry.action))

    def synchronize(
        self, roles: Collection[Role], permissions: Collection[PermissionEntry]
    ) -> None:
        wanted = {role.role_id for role in roles}
        for row in list(self._rows.all()):
            if row.is_system and row.role_id not in wanted and not self._is_held(row.role_id):
                self._rows.drop(row.role_id)
        for role in roles:
            self._rows.put(role)
        for entry in list(self._tables.permissions.all()):
            self._tables.permissions.drop(entry.permission_id)
        for entry in permissions:
            self._tables.permissions.put(entry)

    def _is_held(self, role_id: RoleId) -> bool:
        return any(held.role_id == role_id for held in self._tables.assignments.all())
