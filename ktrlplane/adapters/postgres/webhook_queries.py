"""The queue of deliveries, in SQL."""

from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed
from ktrlplane.adapters.postgres.webhook_rows import DELIVERY, ENTRY, LAST

# Endpoint by endpoint along the index of the queue: what waits for one is passed over in one
# step, however much it is.
_WAITING: Final = SQL("""
    RECURSIVE waiting AS (
        (
            SELECT webhook_id FROM ktrlplane.webhook_deliveries
            WHERE status = 'pending' ORDER BY webhook_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT d.webhook_id FROM ktrlplane.webhook_deliveries d
            WHERE d.status = 'pending' AND d.webhook_id > waiting.webhook_id
            ORDER BY d.webhook_id LIMIT 1
        )
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    )
""")

# A queue that was empty when it was last counted may hold a hundred thousand a moment later. Until
# it is counted again, reading all of a table seems best to the planner: it is left no such choice.
ALONG_INDEXES: Final = b"""
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""

# Rows that others claim at this moment are passed over. What waits for one endpoint is read along
# the index that begins with endpoints (and not by time, past all that waits for others), and what
# is chosen and its events are looked up one by one.
CLAIM: Final = composed(
    """
    WITH {waiting},
    due AS (
        SELECT theirs.delivery_id, theirs.next_attempt_at,
            coalesce(busy.count, 0) + row_number() OVER (
                PARTITION BY w.webhook_id ORDER BY theirs.next_attempt_at, theirs.delivery_id
            ) AS place
        FROM waiting
        JOIN ktrlplane.webhooks w ON w.webhook_id = waiting.webhook_id AND w.status = 'enabled'
        LEFT JOIN unnest(%(webhook_ids)s::text[], %(counts)s::int[]) AS busy (webhook_id, count)
            ON busy.webhook_id = w.webhook_id
        CROSS JOIN LATERAL (
            SELECT d.delivery_id, d.next_attempt_at FROM ktrlplane.webhook_deliveries d
            WHERE d.status = 'pending'
                AND (d.webhook_id, d.next_attempt_at) >= (w.webhook_id, '-infinity')
                AND (d.webhook_id, d.next_attempt_at) <= (w.webhook_id, %(now)s)
            ORDER BY d.webhook_id, d.next_attempt_at, d.delivery_id
            LIMIT least(greatest(%(each)s - coalesce(busy.count, 0), 0), %(limit)s)
            FOR UPDATE SKIP LOCKED
        ) theirs
    ),
    chosen AS (
        SELECT delivery_id, place, next_attempt_at AS was_due_at FROM due
        ORDER BY place, next_attempt_at, delivery_id LIMIT %(limit)s
    ),
    d AS (
        UPDATE ktrlplane.webhook_deliveries
        SET claims = claims + 1, next_attempt_at = %(until)s, leased_until = %(until)s
        WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM chosen))
        RETURNING *
    )
    SELECT {delivery}, {webhook}, {entry}
    FROM d
    JOIN chosen USING (delivery_id)
    JOIN ktrlplane.webhooks w ON w.webhook_id = d.webhook_id
    CROSS JOIN LATERAL (
        SELECT {columns} FROM ktrlplane.events WHERE event_id = d.event_id LIMIT 1
    ) e
    {last}
    ORDER BY chosen.place, chosen.was_due_at, d.delivery_id
    """,
    waiting=_WAITING,
    delivery=DELIVERY,
    webhook=SQL(", ").join(
        SQL("w.{0} AS w_{0}").format(SQL(name))
        for name in (
            *("webhook_id", "scope_type", "scope_id", "url", "event_types", "description"),
            *("status", "disabled_reason", "failing_since", "secret", "previous_secret"),
            *("previous_secret_until", "created_by", "created_at", "updated_at"),
        )
    ),
    entry=SQL(", ").join(
        SQL("e.{0} AS e_{0}").format(SQL(name))
        for name in (
            *("event_id", "sequence", "type", "version", "occurred_at", "actor_type"),
            *("actor_id", "org_id", "project_id", "resource_id", "request_id", "said"),
            *("previous_hash", "hash"),
        )
    ),
    columns=ENTRY,
    last=LAST,
)

# Asked before anything is claimed: mostly there is nothing, and then this is all.
IS_ANYTHING_DUE: Final = b"""
    SELECT true AS is_due FROM ktrlplane.webhook_deliveries
    WHERE status = 'pending' AND next_attempt_at <= %(now)s LIMIT 1
"""

FIRST_UNDELIVERED: Final = b"""
    SELECT min(e.sequence) AS first FROM ktrlplane.webhook_deliveries d
    JOIN ktrlplane.webhooks w ON w.webhook_id = d.webhook_id AND w.status = 'enabled'
    JOIN ktrlplane.events e ON e.event_id = d.event_id
    WHERE d.status = 'pending' AND e.tenant = %(tenant)s
"""

SETTLE: Final = b"""
    WITH outcome AS (
        SELECT * FROM json_to_recordset(%(rows)s) AS told (
            delivery_id text, claims int, status text, attempts int,
            next_attempt_at timestamptz, completed_at timestamptz, number int,
            attempted_at timestamptz, response_status int, failure text, response_body text,
            duration_ms int
        )
    ),
    settled AS (
        UPDATE ktrlplane.webhook_deliveries d
        SET attempts = outcome.attempts,
            leased_until = NULL,
            status = CASE
                WHEN d.status = 'cancelled' AND outcome.status <> 'delivered' THEN d.status
                ELSE outcome.status
            END,
            next_attempt_at = CASE WHEN d.status = 'pending' THEN outcome.next_attempt_at END,
            completed_at = CASE
                WHEN d.status = 'cancelled' AND outcome.status <> 'delivered' THEN d.completed_at
                ELSE outcome.completed_at
            END
        FROM outcome
        WHERE d.delivery_id = outcome.delivery_id AND d.claims = outcome.claims
            AND d.attempts < outcome.attempts AND d.status IN ('pending', 'cancelled')
            AND EXISTS (SELECT FROM ktrlplane.webhooks w WHERE w.webhook_id = d.webhook_id)
        RETURNING d.delivery_id
    ),
    kept AS (
        INSERT INTO ktrlplane.webhook_attempts (
            delivery_id, number, attempted_at, response_status, failure, response_body,
            duration_ms
        )
        SELECT delivery_id, number, attempted_at, response_status, failure, response_body,
            duration_ms
        FROM outcome JOIN settled USING (delivery_id)
    )
    SELECT delivery_id FROM settled
"""

RELEASE: Final = b"""
    UPDATE ktrlplane.webhook_deliveries d
    SET next_attempt_at = %(now)s, leased_until = NULL
    FROM unnest(%(delivery_ids)s::text[], %(claims)s::int[]) AS back (delivery_id, claims)
    WHERE d.delivery_id = back.delivery_id AND d.claims = back.claims AND d.status = 'pending'
"""

CANCEL: Final = b"""
    UPDATE ktrlplane.webhook_deliveries
    SET status = 'cancelled', next_attempt_at = NULL, completed_at = %(at)s
    WHERE webhook_id = %(webhook_id)s AND status = 'pending'
"""
