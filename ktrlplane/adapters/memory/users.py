from collections.abc import Iterable, Sequence
from datetime import datetime

from ktrlplane.adapters.memory.lists import has_text
from ktrlplane.adapters.memory.sight import path_to, readable_scopes
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import RoleAssignment, Scope, ScopeType
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.paging import name_key
from ktrlplane.domain.users import User
from ktrlplane.ports.users import Users

SHARED = (ScopeType.ORGANIZATION, ScopeType.PROJECT)


class MemoryUsers(Users):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.users

    def find(self, user_id: PrincipalId) -> User | None:
        return self._rows.find(user_id)

    def with_email(self, email: str) -> Sequence[User]:
        wanted = name_key(email)
        known = (
            row
            for row in self._rows.all()
            if row.email is not None
            and row.email_verified
            and not row.is_service_account
            and name_key(row.email) == wanted
        )
        return sorted(known, key=lambda row: row.user_id)

    def put(self, user: User) -> None:
        known = self._rows.find(user.user_id)
        if known is None or known.claims_at <= user.claims_at:
            self._rows.put(user)

    def search(
        self, principal: PrincipalId, at: datetime, text: str, limit: int
    ) -> Sequence[User]:
        members = {
            user_id
            for scope in self._shared_with(principal, at)
            for held in self._tables.assignments.where(scope=scope)
            if held.holds_at(at)
            for user_id in self._holders(held)
        }
        people = (self._rows.find(user_id) for user_id in members)
        found = [
            row
            for row in people
            if row and not row.is_service_account and has_text(text, row.name, row.email)
        ]
        return sorted(found, key=_by_name)[:limit]

    def _holders(self, held: RoleAssignment) -> Iterable[PrincipalId]:
        if held.group_id is not None:
            return (member.user_id for member in self._tables.members.where(group=held.group_id))
        return (held.user_id,) if held.user_id is not None else ()

    def _shared_with(self, principal: PrincipalId, at: datetime) -> set[Scope]:
        """The organizations and projects that ``principal`` may read, and the organizations
        whose members share those projects."""
        shared: set[Scope] = set()
        for scope in readable_scopes(self._tables, principal, at):
            if scope.scope_type in SHARED:
                shared.update(path_to(self._tables, scope) or ())
            if scope.scope_type is ScopeType.ORGANIZATION:
                org_id = OrganizationId(scope.scope_id)
                projects = self._tables.projects.where(organization=org_id)
                shared.update(Scope.of(project.project_id) for project in projects)
        return shared


def _by_name(user: User) -> tuple[bool, str, PrincipalId]:
    return user.name is None, name_key(user.name or ""), user.user_id
