from datetime import datetime

from ktrlplane.adapters.memory.lists import has_text, paged
from ktrlplane.adapters.memory.sight import readable_scopes, standing_on
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import AlreadyExists
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import Organizations


class MemoryOrganizations(Organizations):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.organizations

    def add(self, organization: Organization) -> None:
        if self._rows.find(organization.org_id) is not None:
            raise AlreadyExists(
                f"The organization id {organization.org_id} is taken or was used before; "
                "choose another one."
            )
        self._rows.put(organization)

    def with_standing(
        self, org_id: OrganizationId, principal: PrincipalId, at: datetime
    ) -> tuple[Organization, Standing]:
        organization = self._alive(org_id)
        path = (Scope.of(org_id),)
        return organization, standing_on(self._tables, principal, path, at)

    def replace(self, organization: Organization) -> None:
        self._alive(organization.org_id)
        self._rows.put(organization)

    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, *, text: str | None = None
    ) -> Page[Organization]:
        seen = (
            self._rows.find(OrganizationId(scope.scope_id))
            for scope in readable_scopes(self._tables, principal, at)
            if scope.scope_type is ScopeType.ORGANIZATION
        )
        wanted = (
            row
            for row in seen
            if row is not None
            and row.deleted_at is None
            and has_text(text, row.name, row.org_id.value)
        )

        def place(row: Organization) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.org_id.value
            )

        return paged(wanted, page, place)

    def _alive(self, org_id: OrganizationId) -> Organization:
        organization = self._rows.find(org_id)
        if organization is None or organization.deleted_at is not None:
            raise not_found(Scope.of(org_id))
        return organization
