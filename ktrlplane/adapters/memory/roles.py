from collections.abc import Collection, Sequence

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import PermissionEntry, Role
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, RoleId
from ktrlplane.domain.paging import name_key
from ktrlplane.ports.access import Roles


class MemoryRoles(Roles):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.roles

    def system(self) -> Sequence[Role]:
        rows = self._rows.where(organization=None)
        return sorted(rows, key=lambda row: (row.display_order, row.name))

    def of(self, org_id: OrganizationId) -> Sequence[Role]:
        rows = self._rows.where(organization=org_id)
        return sorted(rows, key=lambda row: (name_key(row.name), row.role_id))

    def find(self, role_id: RoleId) -> Role | None:
        return self._rows.find(role_id)

    def named(self, id_or_name: str, org_id: OrganizationId | None = None) -> Role | None:
        rows = list(self.system())
        if org_id is not None:
            rows += self.of(org_id)
        by_id = (row for row in rows if row.role_id.value == id_or_name)
        by_name = (row for row in rows if row.name == id_or_name)
        return next(by_id, None) or next(by_name, None)

    def add(self, role: Role) -> None:
        org_id = role.org_id
        if org_id is not None and self._tables.organizations.find(org_id) is None:
            raise ValueError(f"There is no organization {org_id} to have a role.")
        self._require_new_name(role)
        self._rows.put(role)

    def replace(self, role: Role) -> None:
        self._require_there(role.role_id)
        self._require_new_name(role)
        self._rows.put(role)

    def remove(self, role_id: RoleId) -> None:
        self._require_there(role_id)
        if self._is_held(role_id):
            raise ValueError(f"Somebody holds the role {role_id}.")
        for invitation in self._tables.invitations.where(role=role_id):
            self._tables.invitations.drop(invitation.invitation_id)
        self._rows.drop(role_id)

    def remove_of(self, org_id: OrganizationId) -> None:
        for role in self._rows.where(organization=org_id):
            self.remove(role.role_id)

    def permissions(self) -> Sequence[PermissionEntry]:
        entries = self._tables.permissions.all()
        return sorted(entries, key=lambda entry: (entry.resource_type, entry.action))

    def synchronize(
        self, roles: Collection[Role], permissions: Collection[PermissionEntry]
    ) -> bool:
        before = self._known()
        wanted = {role.role_id for role in roles}
        for row in self._rows.where(organization=None):
            if row.role_id not in wanted and not self._is_held(row.role_id):
                self.remove(row.role_id)
        for role in roles:
            self._rows.put(role)
        for entry in list(self._tables.permissions.all()):
            self._tables.permissions.drop(entry.permission_id)
        for entry in permissions:
            self._tables.permissions.put(entry)
        return self._known() != before

    def _known(self) -> tuple[set[Role], set[PermissionEntry]]:
        return set(self.system()), set(self.permissions())

    def _is_held(self, role_id: RoleId) -> bool:
        return bool(self._tables.assignments.where(role=role_id))

    def _require_there(self, role_id: RoleId) -> None:
        if self._rows.find(role_id) is None:
            raise NotFound(f"There is no role {role_id}.")

    def _require_new_name(self, role: Role) -> None:
        for other in self._rows.where(organization=role.org_id):
            same = name_key(other.name) == name_key(role.name)
            if same and other.role_id != role.role_id:
                raise AlreadyExists("Another role has this name; choose another one.")
