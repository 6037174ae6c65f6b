from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from psycopg.rows import args_row
from psycopg.sql import SQL, Identifier

from ktrlplane.adapters.postgres.lists import (
    composed,
    count_of,
    page_of,
    searched,
    shape_of,
    span,
)
from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.refusals import taken
from ktrlplane.adapters.postgres.resource_lists import COLUMNS, count_query, page_query
from ktrlplane.adapters.postgres.resource_rows import (
    departing,
    members_of,
    resource_of,
    status_of,
    values_of,
    with_standing,
)
from ktrlplane.adapters.postgres.session import Session, batched, rows_of
from ktrlplane.adapters.postgres.sight import grants
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import Departing, ResourceFilter, Resources

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

# As one document: a list of values for each column costs the driver three times as much.
_REPLACE_ALL: Final = """
    UPDATE ktrlplane.resources r
    SET project_id = now.project_id, org_id = now.org_id, name = now.name, type = now.type,
        sku = now.sku, settings_text = now.settings_json, status = now.status,
        status_reason = now.status_reason, generation = now.generation,
        observed_generation = now.observed_generation, holds = now.holds,
        conditions = now.conditions, access_url = now.access_url,
        error_message = now.error_message, stripe_price_id = now.stripe_price_id,
        created_at = now.created_at, updated_at = now.updated_at
    FROM json_to_recordset(%(rows)s) AS now (
        resource_id text, project_id text, org_id text, name text, type text, sku text,
        settings_json text, status text, status_reason text, generation bigint,
        observed_generation bigint, holds text[], conditions jsonb, access_url text,
        error_message text, stripe_price_id text, created_at timestamptz, updated_at timestamptz
    )
    WHERE r.resource_id = now.resource_id
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

_AMONG: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.resources
    WHERE resource_id = ANY(%(resource_ids)s::text[])
    ORDER BY resource_id
    """,
    columns=COLUMNS,
)

# By skipping from one tenant to the next in the index, where anything is due at all.
_DELETING_SINCE: Final = composed(
    """
    WITH RECURSIVE tenants AS (
        (
            SELECT {tenant} AS tenant FROM ktrlplane.resources r
            WHERE status = 'Deleting' AND {tenant} > %(after)s AND %(before)s > (
                SELECT updated_at FROM ktrlplane.resources
                WHERE status = 'Deleting'
                ORDER BY updated_at, resource_id LIMIT 1
            )
            ORDER BY 1 LIMIT 1
        )
        UNION ALL
        SELECT next.tenant
        FROM tenants, LATERAL (
            SELECT {tenant} AS tenant FROM ktrlplane.resources r
            WHERE status = 'Deleting' AND {tenant} > tenants.tenant
            ORDER BY 1 LIMIT 1
        ) next
    )
    SELECT named.tenant, ARRAY(
        SELECT resource_id FROM ktrlplane.resources r
        WHERE status = 'Deleting' AND {tenant} = named.tenant AND updated_at < %(before)s
        ORDER BY updated_at, resource_id
        LIMIT %(each)s
    ) AS resource_ids
    FROM (SELECT tenant FROM tenants LIMIT %(tenants)s) named
    ORDER BY named.tenant
    """,
    tenant=SQL("coalesce('organization ' || r.org_id, 'project ' || r.project_id)"),
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

    def among(self, resource_ids: Collection[ResourceId]) -> Sequence[Resource]:
        values = {"resource_ids": [one.value for one in resource_ids]}
        return self._session.all(resource_of, _AMONG, values, row=args_row)

    def statuses(self, resource_ids: Collection[ResourceId]) -> Mapping[ResourceId, Status]:
        values = {"resource_ids": [one.value for one in resource_ids]}
        return dict(self._session.all(status_of, _STATUSES_OF, values))

    def replace(self, resource: Resource) -> None:
        if self._session.change(_REPLACE, values_of(resource)) == 0:
            raise not_found(Scope.of(resource.resource_id))

    def replace_all(self, resources: Sequence[Resource]) -> None:
        for some in batched(resources):
            if self._session.change(_REPLACE_ALL, rows_of(map(members_of, some))) < len(some):
                raise NotFound("One of these resources is not there.")

    def count(self, scope: Scope, type: str, sku: str) -> int:  # noqa: A002
        values = {"scope_id": scope.scope_id, "type": type, "sku": sku}
        return count_of(self._session, _COUNT[scope.scope_type], values)

    def of(self, project_id: ProjectId) -> Sequence[Resource]:
        return self._session.all(resource_of, _OF, {"project_id": project_id}, row=args_row)

    def deleting_since(
        self, before: datetime, *, after: str, tenants: int, each: int
    ) -> Sequence[Departing]:
        values = {"before": before, "after": after, "tenants": tenants, "each": each}
        return self._session.all(departing, _DELETING_SINCE, values)

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
        query = page_query(shape, in_a_project=inside)
        rows = self._session.all(resource_of, query, values, row=args_row)
        total = None
        if page.include_total:
            counting = count_query(shape.uncut(), in_a_project=inside)
            total = count_of(self._session, counting, values)

        def place(row: Resource) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.resource_id.value
            )

        return page_of(rows, page, place, total)
