from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from psycopg.rows import args_row

from ktrlplane.adapters.postgres import resource_queries as queries
from ktrlplane.adapters.postgres.lists import (
    count_of,
    page_of,
    page_until,
    searched,
    shape_of,
    span,
)
from ktrlplane.adapters.postgres.refusals import taken
from ktrlplane.adapters.postgres.resource_lists import (
    count_query,
    page_query,
    weighed_page_query,
)
from ktrlplane.adapters.postgres.resource_rows import (
    departing,
    followed_resource,
    light_resource,
    members_of,
    resource_of,
    status_of,
    values_of,
    with_standing,
)
from ktrlplane.adapters.postgres.session import Session, batched, rows_of
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import Departing, ResourceFilter, Resources


class PostgresResources(Resources):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, resource: Resource) -> None:
        if self._session.change(queries.ADD, values_of(resource)) == 0:
            raise taken("resource", resource.resource_id)

    def get(self, resource_id: ResourceId) -> Resource:
        found = self._session.prepared(resource_of, queries.GET, {"resource_id": resource_id})
        if not found:
            raise not_found(Scope.of(resource_id))
        return found[0]

    def with_standing(
        self, resource_id: ResourceId, principal: PrincipalId, at: datetime
    ) -> tuple[Resource, Standing]:
        standing = self._session.remembered(principal, Scope.of(resource_id), at)
        if standing is not None:
            resource = self.get(resource_id)
            if resource.path == standing.path:
                return resource, standing
        found = self._session.remembering(
            principal, lambda: self._with_standing(resource_id, principal, at)
        )
        if found is None:
            raise not_found(Scope.of(resource_id))
        return found

    def _with_standing(
        self, resource_id: ResourceId, principal: PrincipalId, at: datetime
    ) -> tuple[Resource, Standing] | None:
        values = {"resource_id": resource_id, "principal": principal, "at": at}
        found = self._session.prepared(with_standing, queries.WITH_STANDING, values)
        return found[0] if found else None

    def among(self, resource_ids: Collection[ResourceId]) -> Sequence[Resource]:
        values = {"resource_ids": [one.value for one in resource_ids]}
        return self._session.all(resource_of, queries.AMONG, values, row=args_row)

    def statuses(self, resource_ids: Collection[ResourceId]) -> Mapping[ResourceId, Status]:
        values = {"resource_ids": [one.value for one in resource_ids]}
        return dict(self._session.all(status_of, queries.STATUSES_OF, values))

    def replace(self, resource: Resource) -> None:
        if self._session.change(queries.REPLACE, values_of(resource)) == 0:
            raise not_found(Scope.of(resource.resource_id))

    def replace_all(self, resources: Sequence[Resource]) -> None:
        for some in batched(resources):
            rows = rows_of(map(members_of, some))
            if self._session.change(queries.REPLACE_ALL, rows) < len(some):
                raise NotFound("One of these resources is not there.")

    def count(self, scope: Scope, type: str, sku: str) -> int:  # noqa: A002
        values = {"scope_id": scope.scope_id, "type": type, "sku": sku}
        return count_of(self._session, queries.COUNT[scope.scope_type], values)

    def of(self, project_id: ProjectId) -> Sequence[Resource]:
        return self._session.all(resource_of, queries.OF, {"project_id": project_id}, row=args_row)

    def deleting_since(
        self, before: datetime, *, after: str, tenants: int, each: int
    ) -> Sequence[Departing]:
        values = {"before": before, "after": after, "tenants": tenants, "each": each}
        return self._session.all(departing, queries.DELETING_SINCE, values)

    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ResourceFilter
    ) -> Page[Resource]:
        alive = where.status is not Status.DELETED
        shape = shape_of(
            page,
            alive=alive or None,
            deleted=(not alive) or None,
            status=where.status if alive else None,
            type=where.type,
            sku=where.sku,
            text=where.text,
        )
        inside = where.project_id is not None
        values = {
            "principal": principal,
            "at": at,
            **span(page),
            "project_id": where.project_id,
            "type": where.type,
            "sku": where.sku,
            "status": where.status,
            "text": searched(where.text or ""),
        }
        total = None
        if page.include_total:
            counting = count_query(shape.uncut(), in_a_project=inside)
            total = count_of(self._session, counting, values)

        def place(row: Resource) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.resource_id.value
            )

        query = page_query(shape, in_a_project=inside)
        found = self._session.all(light_resource, query, values, row=args_row)
        light = [row for row in found if row is not None]
        if len(light) == len(found):
            return page_of(light, page, place, total)
        query = weighed_page_query(shape, in_a_project=inside)
        weighed = self._session.all(followed_resource, query, values, row=args_row)
        return page_until(weighed, page, place, total)
