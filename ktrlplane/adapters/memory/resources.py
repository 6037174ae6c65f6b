from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from attrs import asdict

from ktrlplane.adapters.memory.lists import has_text, paged
from ktrlplane.adapters.memory.projects import MemoryProjects
from ktrlplane.adapters.memory.sight import readable_scopes, standing_on
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.documents import size_of
from ktrlplane.domain.errors import AlreadyExists
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import Departing, ResourceFilter, Resources


class MemoryResources(Resources):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.resources

    def add(self, resource: Resource) -> None:
        if self._rows.find(resource.resource_id) is not None:
            raise AlreadyExists(
                f"The resource id {resource.resource_id} is taken or was used before; "
                "choose another one."
            )
        self._put(resource)

    def get(self, resource_id: ResourceId) -> Resource:
        resource = self._rows.find(resource_id)
        if resource is None:
            raise not_found(Scope.of(resource_id))
        return resource

    def with_standing(
        self, resource_id: ResourceId, principal: PrincipalId, at: datetime
    ) -> tuple[Resource, Standing]:
        resource = self.get(resource_id)
        return resource, standing_on(self._tables, principal, resource.path, at)

    def among(self, resource_ids: Collection[ResourceId]) -> Sequence[Resource]:
        found = (self._rows.find(resource_id) for resource_id in set(resource_ids))
        there = (row for row in found if row is not None)
        return sorted(there, key=lambda row: row.resource_id)

    def statuses(self, resource_ids: Collection[ResourceId]) -> Mapping[ResourceId, Status]:
        found = (self._rows.find(resource_id) for resource_id in resource_ids)
        return {row.resource_id: row.status for row in found if row is not None}

    def replace(self, resource: Resource) -> None:
        self.get(resource.resource_id)
        self._put(resource)

    def replace_all(self, resources: Sequence[Resource]) -> None:
        for resource in resources:
            self.replace(resource)

    def count(self, scope: Scope, type: str, sku: str) -> int:  # noqa: A002
        if scope.scope_type is ScopeType.PROJECT:
            projects = [ProjectId(scope.scope_id)]
        else:
            org_id = OrganizationId(scope.scope_id)
            projects = [row.project_id for row in self._tables.projects.where(organization=org_id)]
        return sum(
            (row.type, row.sku) == (type, sku)
            and row.status not in {Status.DELETING, Status.DELETED}
            for project_id in projects
            for row in self._rows.where(project=project_id)
        )

    def of(self, project_id: ProjectId) -> Sequence[Resource]:
        alive = (
            row for row in self._rows.where(project=project_id) if row.status is not Status.DELETED
        )
        return sorted(alive, key=lambda row: row.resource_id)

    def deleting_since(
        self, before: datetime, *, after: str, tenants: int, each: int
    ) -> Sequence[Departing]:
        deleting: dict[Scope, list[Resource]] = {}
        for row in self._rows.all():
            if row.status is Status.DELETING:
                deleting.setdefault(row.path[0], []).append(row)
        following = sorted((one for one in deleting if str(one) > after), key=str)[:tenants]
        return [_departing(one, deleting[one], before, each) for one in following]

    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ResourceFilter
    ) -> Page[Resource]:
        seen = self._seen_through(readable_scopes(self._tables, principal, at))

        def place(row: Resource) -> Cursor:
            return cursor_of(
                page.sort,
                name=row.name,
                created_at=row.created_at,
                identity=row.resource_id.value,
            )

        return paged((row for row in seen if _matches(row, where)), page, place, _weight)

    def _seen_through(self, scopes: frozenset[Scope]) -> Iterator[Resource]:
        for project in MemoryProjects(self._tables).seen_through(scopes):
            yield from self._rows.where(project=project.project_id)
        for scope in scopes:
            if scope.scope_type is ScopeType.RESOURCE:
                resource = self._rows.find(ResourceId(scope.scope_id))
                if resource is not None and not scopes.intersection(resource.path[:-1]):
                    yield resource

    def _put(self, resource: Resource) -> None:
        project = self._tables.projects.find(resource.project_id)
        if project is None or project.org_id != resource.org_id:
            raise ValueError(f"Resource {resource.resource_id} is not where its project is.")
        self._rows.put(resource)


def _departing(
    tenant: Scope, deleting: Sequence[Resource], before: datetime, each: int
) -> Departing:
    due = (row for row in deleting if row.updated_at < before)
    ordered = sorted(due, key=lambda row: (row.updated_at, row.resource_id))[:each]
    return Departing(tenant=tenant, resource_ids=tuple(row.resource_id for row in ordered))


def _weight(row: Resource) -> int:
    conditions = [asdict(one) for one in row.conditions]
    return len(row.settings_json.text.encode()) + size_of(conditions)


def _matches(row: Resource, where: ResourceFilter) -> bool:
    return (
        where.project_id in (None, row.project_id)
        and where.type in (None, row.type)
        and where.sku in (None, row.sku)
        and (row.status is where.status if where.status else row.status is not Status.DELETED)
        and has_text(where.text, row.name, row.resource_id.value)
    )
