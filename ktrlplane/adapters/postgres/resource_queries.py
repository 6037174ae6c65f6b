"""The queries behind resources, but for lists."""

from typing import Final

from psycopg.sql import SQL, Identifier

from ktrlplane.adapters.postgres.lists import (
    composed,
)
from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.resource_lists import COLUMNS
from ktrlplane.adapters.postgres.sight import grants
from ktrlplane.domain.access import ScopeType

ADD: Final = """
    INSERT INTO ktrlplane.resources (
        resource_id, project_id, org_id, name, type, sku, settings_text, status, status_reason,
        generation, observed_generation, holds, conditions, access_url, error_message,
        stripe_price_id, came_unpriced, created_at, updated_at
    )
    VALUES (
        %(resource_id)s, %(project_id)s, %(org_id)s, %(name)s, %(type)s, %(sku)s,
        %(settings_json)s, %(status)s, %(status_reason)s, %(generation)s,
        %(observed_generation)s, %(holds)s, %(conditions)s, %(access_url)s,
        %(error_message)s, %(stripe_price_id)s, %(came_unpriced)s, %(created_at)s,
        %(updated_at)s
    )
    ON CONFLICT (resource_id) DO NOTHING
"""

REPLACE: Final = """
    UPDATE ktrlplane.resources
    SET project_id = %(project_id)s, org_id = %(org_id)s, name = %(name)s, type = %(type)s,
        sku = %(sku)s, settings_text = %(settings_json)s, status = %(status)s,
        status_reason = %(status_reason)s, generation = %(generation)s,
        observed_generation = %(observed_generation)s, holds = %(holds)s,
        conditions = %(conditions)s, access_url = %(access_url)s,
        error_message = %(error_message)s, stripe_price_id = %(stripe_price_id)s,
        came_unpriced = %(came_unpriced)s, created_at = %(created_at)s, updated_at = %(updated_at)s
    WHERE resource_id = %(resource_id)s
"""

# As one document: a list of values for each column costs the driver three times as much.
REPLACE_ALL: Final = """
    UPDATE ktrlplane.resources r
    SET project_id = now.project_id, org_id = now.org_id, name = now.name, type = now.type,
        sku = now.sku, settings_text = now.settings_json, status = now.status,
        status_reason = now.status_reason, generation = now.generation,
        observed_generation = now.observed_generation, holds = now.holds,
        conditions = now.conditions, access_url = now.access_url,
        error_message = now.error_message, stripe_price_id = now.stripe_price_id,
        came_unpriced = now.came_unpriced, created_at = now.created_at, updated_at = now.updated_at
    FROM json_to_recordset(%(rows)s) AS now (
        resource_id text, project_id text, org_id text, name text, type text, sku text,
        settings_json text, status text, status_reason text, generation bigint,
        observed_generation bigint, holds text[], conditions jsonb, access_url text,
        error_message text, stripe_price_id text, came_unpriced boolean, created_at timestamptz,
        updated_at timestamptz
    )
    WHERE r.resource_id = now.resource_id
"""

GET: Final = Prepared.of(
    composed(
        "SELECT {columns} FROM ktrlplane.resources WHERE resource_id = %(resource_id)s",
        columns=COLUMNS,
    )
)

WITH_STANDING: Final = Prepared.of(
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

OF: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.resources
    WHERE project_id = %(project_id)s AND status <> 'Deleted'
    ORDER BY resource_id
    """,
    columns=COLUMNS,
)

COUNT: Final = {
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

STATUSES_OF: Final = b"""
    SELECT resource_id, status FROM ktrlplane.resources
    WHERE resource_id = ANY(%(resource_ids)s)
"""

AMONG: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.resources
    WHERE resource_id = ANY(%(resource_ids)s::text[])
    ORDER BY resource_id
    """,
    columns=COLUMNS,
)

# By skipping from one tenant to the next in the index, where anything is due at all.
DELETING_SINCE: Final = composed(
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
