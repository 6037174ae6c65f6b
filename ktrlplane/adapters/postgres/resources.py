from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from psycopg.rows import args_row
from psycopg.sql import Identifier

from ktrlplane.adapters.postgres.lists import (
    composed,
    count_of,
    page_of,
    page_until,
    searched,
    shape_of,
    span,
)
from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.refusals import taken
from ktrlplane.adapters.postgres.resource_lists import (
    COLUMNS,
    count_query,
    page_query,
    weighed_page_query,
)
from ktrlplane.adapters.postgres.resource_rows import (
    followed_resource,
    light_resource,
    resource_of,
    status_of,
    values_of,
    with_standing,
)
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.sight import grants
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import ResourceFilter, Resources

_ADD: Final = """
    INSERT INTO ktrlplane.resources (
        resource_id, project_id, org_id, name, type, sku, settings_text, status, status_reason,
        generation, observed_generation, holds, conditions, access_url, error_message,
        stripe_price_id, created_at, updated_at
    )
    VALUES (
        %(resource_id)s, %(project_id)s, %(org_id)s, %(name)s, %(type)s, %(sku)s,
        %(settings_json)s, %(status)s, %(status_reason)s, %(generation)s,
        %(observed_generation)s, %(holds)s, %(conditions)s, %(access_url)s,
        %(error_message)s, %(stripe_price_id)s, %(created_at)s, %(updated_at)s
    )
    ON CONFLICT (resource_id) DO NOTHING
"""

_REPLACE: Final = """
    UPDATE ktrlplane.resources
    SET project_id = %(project_id)s, org_id = %(org_id)s, name = %(name)s, type = %(type)s,
        sku = %(sku)s, settings_text = %(settings_json)s, status = %(status)s,
        status_reason = %(status_reason)s, generation = %(generation)s,
        observed_generation = %(observed_generation)s, holds = %(holds)s,
        conditions = %(conditions)s, access_url = %(access_url)s,
        error_message = %(error_message)s, stripe_price_id = %(stripe_price_id)s,
        created_at = %(created_at)s, updated_at = %(updated_at)s
    WHERE resource_id = %(resource_id)s
"""

_GET: Final = Prepared.of(
    composed(
        "SELECT {columns} FROM ktrlplane.resources WHERE resource_id = %(resource_id)s",
        columns=COLUMNS,
    )
)

_WITH_STANDING: Final = Prepared.of(
    composed(
        """
        SELECT {columns}, {grants}
        FROM ktrlplane.resources r
        WHERE resource_id = %(resource_id)s
        """,
        columns=COLUMNS,
        grants=grants(
            "('organization', r.org_id), ('project', r.project_id), ('resource', r.resource_id)",
            org="r.org_id",
        ),
    )
)

_OF: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.resources
    WHERE project_id = %(project_id)s AND status <> 'Deleted'
    ORDER BY resource_id
    """,
    columns=COLUMNS,
)

_COUNT: Final = {
    scope_type: composed(
        """
        SELECT count(*) AS total FROM ktrlplane.resources
        WHERE {column} = %(scope_id)s AND type = %(type)s AND sku = %(sku)s
            AND status NOT IN ('Deleting', 'Deleted')
        """,
        column=Identifier(column),
    )
    for scope_type, column in (
        (ScopeType.ORGANIZATION, "org_id"),
        (ScopeType.PROJECT, "project_id"),
    )
}

_STATUSES_OF: Final = b"""
    SELECT resource_id, status FROM ktrlplane.resources
    WHERE resource_id = ANY(%(resource_ids)s)
"""

_DELETING_SINCE: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.resources
    WHERE status = 'Deleting' AND updated_at < %(before)s
    ORDER BY updated_at, resource_id
    LIMIT %(limit)s
    """,
    columns=COLUMNS,
)


class PostgresResources(Resources):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, resource: Resource) -> None:
        if self._session.change(_ADD, values_of(resource)) == 0:
            raise taken("resource", resource.resource_id)

    def get(self, resource_id: ResourceId) -> Resource:
        found = self._session.prepared(resource_of, _GET, {"resource_id": resource_id})
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
        found = self._session.prepared(with_standing, _WITH_STANDING, values)
        return found[0] if found else None

    def statuses(self, resource_ids: Collection[ResourceId]) -> Mapping[ResourceId, Status]:
        values = {"resource_ids": [one.value for one in resource_ids]}
        return dict(self._session.all(status_of, _STATUSES_OF, values))

    def replace(self, resource: Resource) -> None:
        if self._session.change(_REPLACE, values_of(resource)) == 0:
            raise not_found(Scope.of(resource.resource_id))

    def replace_all(self, resources: Sequence[Resource]) -> None:
        values = [values_of(resource) for resource in resources]
        if values and self._session.change_each(_REPLACE, values) < len(values):
            raise NotFound("One of these resources is not there.")

    def count(self, scope: Scope, type: str, sku: str) -> int:  # noqa: A002
        values = {"scope_id": scope.scope_id, "type": type, "sku": sku}
        return count_of(self._session, _COUNT[scope.scope_type], values)

    def of(self, project_id: ProjectId) -> Sequence[Resource]:
        return self._session.all(resource_of, _OF, {"project_id": project_id}, row=args_row)

    def deleting_since(self, before: datetime, limit: int) -> Sequence[Resource]:
        values = {"before": before, "limit": limit}
        return self._session.all(resource_of, _DELETING_SINCE, values, row=args_row)

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
