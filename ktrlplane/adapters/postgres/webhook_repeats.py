"""Deliveries that are sent again, and those that have had their time, in SQL."""

from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed

_AGAIN: Final = SQL("""
    status = 'pending', claims = claims + 1, earlier_attempts = attempts,
    next_attempt_at = %(at)s, leased_until = NULL, completed_at = NULL
""")

ASK_AGAIN: Final = composed(
    """
    UPDATE ktrlplane.webhook_deliveries SET {again}
    WHERE delivery_id = %(delivery_id)s
        AND NOT (status = 'pending' AND coalesce(leased_until, %(at)s) > %(at)s)
    """,
    again=_AGAIN,
)

RECOVER: Final = composed(
    """
    UPDATE ktrlplane.webhook_deliveries SET {again}
    WHERE delivery_id IN (
        SELECT delivery_id FROM ktrlplane.webhook_deliveries
        WHERE webhook_id = %(webhook_id)s AND created_at >= %(since)s
            AND status IN ('failed', 'cancelled')
        ORDER BY created_at, delivery_id LIMIT %(limit)s
    )
    """,
    again=_AGAIN,
)

_MISSED: Final = """
    INSERT INTO ktrlplane.webhook_deliveries (
        delivery_id, webhook_id, event_id, event_type, next_attempt_at, created_at
    )
    SELECT
        'dlv_' || substr(e.event_id, 5, 16) || substr(encode(sha256(convert_to(
            e.event_id || ' ' || %(webhook_id)s, 'UTF8'
        )), 'hex'), 1, 16),
        %(webhook_id)s, e.event_id, e.type, %(at)s, e.occurred_at
    FROM ktrlplane.events e
    WHERE {there} AND e.occurred_at >= %(since)s AND e.type <> 'webhook.test'
        AND %(event_types)s::text[]
            && ARRAY['*', split_part(e.type, '.', 1) || '.*', e.type]
        AND NOT EXISTS (
            SELECT FROM ktrlplane.webhook_deliveries d
            WHERE d.event_id = e.event_id AND d.webhook_id = %(webhook_id)s
        )
    ORDER BY e.occurred_at, e.event_id LIMIT %(limit)s
    ON CONFLICT DO NOTHING
"""
MISSED_IN_ORGANIZATION: Final = composed(
    _MISSED, there=SQL("e.tenant = 'organization ' || %(scope_id)s")
)
MISSED_IN_PROJECT: Final = composed(_MISSED, there=SQL("e.project_id = %(scope_id)s"))

# An array, for the planner has no idea how few there are.
FORGET: Final = b"""
    WITH RECURSIVE known AS (
        (
            SELECT webhook_id FROM ktrlplane.webhook_deliveries
            ORDER BY webhook_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT d.webhook_id FROM ktrlplane.webhook_deliveries d
            WHERE d.webhook_id > known.webhook_id
            ORDER BY d.webhook_id LIMIT 1
        )
        FROM known WHERE known.webhook_id IS NOT NULL
    )
    DELETE FROM ktrlplane.webhook_deliveries WHERE delivery_id = ANY (ARRAY(
        SELECT old.delivery_id
        FROM known
        LEFT JOIN ktrlplane.webhooks w ON w.webhook_id = known.webhook_id
        CROSS JOIN LATERAL (
            SELECT d.delivery_id, d.created_at FROM ktrlplane.webhook_deliveries d
            WHERE d.webhook_id = known.webhook_id
                AND d.created_at < CASE
                    WHEN w.webhook_id IS NULL THEN 'infinity' ELSE %(before)s
                END
                AND (d.status = 'pending' AND w.status = 'enabled') IS NOT TRUE
            ORDER BY d.created_at, d.delivery_id LIMIT %(limit)s
        ) old
        ORDER BY old.created_at, old.delivery_id LIMIT %(limit)s
    ))
"""

FORGET_ENDED: Final = b"""
    DELETE FROM ktrlplane.webhooks WHERE webhook_id IN (
        SELECT w.webhook_id
        FROM ktrlplane.webhooks w
        LEFT JOIN ktrlplane.organizations o
            ON w.scope_type = 'organization' AND o.org_id = w.scope_id
        LEFT JOIN ktrlplane.projects p ON w.scope_type = 'project' AND p.project_id = w.scope_id
        WHERE (o.org_id IS NULL OR o.deleted_at IS NOT NULL)
            AND NOT EXISTS (
                SELECT FROM ktrlplane.projects left_in
                WHERE left_in.org_id = o.org_id AND left_in.status <> 'Deleted'
            )
            AND (p.project_id IS NULL OR p.status = 'Deleted')
            AND (w.status <> 'enabled' OR NOT EXISTS (
                SELECT FROM ktrlplane.webhook_deliveries d
                WHERE d.webhook_id = w.webhook_id AND d.status = 'pending'
            ))
        ORDER BY w.webhook_id LIMIT %(limit)s
    )
"""
