"""The queries behind deliveries."""

from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, composed

COLUMNS: Final = SQL("""
    d.delivery_id, d.webhook_id, d.event_id, d.event_type, d.status, d.attempts, d.round,
    d.next_attempt_at, d.claimed_until, d.created_at, d.completed_at
""")
_LAST: Final = SQL("""
    a.number AS last_number, a.attempted_at AS last_attempted_at,
    a.response_status AS last_response_status, a.failure AS last_failure,
    a.response_body AS last_response_body, a.duration_ms AS last_duration_ms
""")
_WITH_LAST: Final = SQL("""
    SELECT {columns}, {last} FROM ktrlplane.webhook_deliveries d
    LEFT JOIN ktrlplane.webhook_attempts a
        ON a.delivery_id = d.delivery_id AND a.number = d.attempts
""").format(columns=COLUMNS, last=_LAST)

ADD: Final = b"""
    INSERT INTO ktrlplane.webhook_deliveries (
        delivery_id, webhook_id, event_id, event_type, status, next_attempt_at, created_at
    )
    VALUES (
        %(delivery_id)s, %(webhook_id)s, %(event_id)s, %(event_type)s, %(status)s,
        %(next_attempt_at)s, %(created_at)s
    )
    ON CONFLICT DO NOTHING
"""

GET: Final = composed(
    "{rows} WHERE d.delivery_id = %(delivery_id)s AND d.webhook_id = %(webhook_id)s",
    rows=_WITH_LAST,
)

REPLACE: Final = b"""
    UPDATE ktrlplane.webhook_deliveries
    SET status = %(status)s, attempts = %(attempts)s, round = %(round)s,
        next_attempt_at = %(next_attempt_at)s, claimed_until = %(claimed_until)s,
        completed_at = %(completed_at)s
    WHERE delivery_id = %(delivery_id)s AND webhook_id = %(webhook_id)s
"""

OF: Final = Listing(
    columns=SQL("*"),
    rows=SQL("{} WHERE d.webhook_id = %(webhook_id)s").format(_WITH_LAST),
    identity=SQL("delivery_id"),
    filters={
        "status": SQL("status = %(status)s"),
        "types": SQL(
            "ARRAY['*', split_part(event_type, '.', 1) || '.*', event_type] && %(types)s::text[]"
        ),
        "since": SQL("created_at >= %(since)s"),
        "until": SQL("created_at < %(until)s"),
    },
)

ATTEMPTS: Final = b"""
    SELECT number, attempted_at, response_status, failure, response_body, duration_ms
    FROM ktrlplane.webhook_attempts WHERE delivery_id = %(delivery_id)s ORDER BY number
"""

RECOVER: Final = b"""
    INSERT INTO ktrlplane.webhook_deliveries AS known (
        delivery_id, webhook_id, event_id, event_type, status, next_attempt_at, created_at
    )
    SELECT
        'dlv_' || substr(event_id, 5, 12)
            || left(encode(sha256(convert_to(%(webhook_id)s || event_id, 'UTF8')), 'hex'), 20),
        %(webhook_id)s, event_id, type, 'pending', %(now)s, %(now)s
    FROM ktrlplane.events
    WHERE (tenant = %(tenant)s OR project_id = %(project_id)s) AND occurred_at >= %(since)s
        AND type <> 'webhook.test'
        AND %(types)s::text[] && ARRAY['*', split_part(type, '.', 1) || '.*', type]
    ON CONFLICT (delivery_id) DO UPDATE
    SET status = 'pending', round = 0, next_attempt_at = %(now)s, claimed_until = NULL,
        completed_at = NULL
    WHERE known.status = 'failed'
"""

# An endpoint that has something pending is found by stepping over the rest of its rows, so that
# the thousands that a dead one has cost nothing. Rows of others who claim at this moment are
# passed over.
CLAIM: Final = composed(
    """
    WITH RECURSIVE lane AS (
        (
            SELECT webhook_id FROM ktrlplane.webhook_deliveries WHERE status = 'pending'
            ORDER BY webhook_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT d.webhook_id FROM ktrlplane.webhook_deliveries d
            WHERE d.status = 'pending' AND d.webhook_id > lane.webhook_id
            ORDER BY d.webhook_id LIMIT 1
        )
        FROM lane WHERE lane.webhook_id IS NOT NULL
    ), open AS (
        SELECT w.webhook_id, greatest(%(each)s - coalesce(busy.count, 0), 0) AS room
        FROM lane
        JOIN ktrlplane.webhooks w ON w.webhook_id = lane.webhook_id AND w.status = 'enabled'
        LEFT JOIN unnest(%(busy)s::text[], %(counts)s::int[]) AS busy (webhook_id, count)
            ON busy.webhook_id = w.webhook_id
    ), due AS (
        SELECT locked.delivery_id, locked.next_attempt_at, row_number() OVER (
            PARTITION BY open.webhook_id ORDER BY locked.next_attempt_at, locked.delivery_id
        ) AS turn
        FROM open
        CROSS JOIN LATERAL (
            SELECT d.delivery_id, d.next_attempt_at FROM ktrlplane.webhook_deliveries d
            WHERE d.webhook_id = open.webhook_id AND d.status = 'pending'
                AND d.next_attempt_at <= %(now)s
            ORDER BY d.next_attempt_at, d.delivery_id LIMIT open.room
            FOR NO KEY UPDATE SKIP LOCKED
        ) locked
        ORDER BY turn, locked.next_attempt_at, locked.delivery_id LIMIT %(limit)s
    ), claimed AS (
        UPDATE ktrlplane.webhook_deliveries d
        SET next_attempt_at = %(until)s, claimed_until = %(until)s
        FROM due WHERE d.delivery_id = due.delivery_id
        RETURNING {delivery}, due.turn, due.next_attempt_at AS was_due_at
    )
    SELECT {delivery}, {last}
    FROM claimed d
    LEFT JOIN ktrlplane.webhook_attempts a
        ON a.delivery_id = d.delivery_id AND a.number = d.attempts
    ORDER BY d.turn, d.was_due_at, d.delivery_id
    """,
    delivery=COLUMNS,
    last=_LAST,
)

IS_ANYTHING_DUE: Final = b"""
    SELECT true AS is_due FROM ktrlplane.webhook_deliveries
    WHERE status = 'pending' AND next_attempt_at <= %(now)s LIMIT 1
"""

RELEASE: Final = b"""
    UPDATE ktrlplane.webhook_deliveries d SET next_attempt_at = %(now)s, claimed_until = NULL
    FROM unnest(%(delivery_ids)s::text[], %(claims)s::timestamptz[]) AS mine (delivery_id, claim)
    WHERE d.delivery_id = mine.delivery_id AND d.claimed_until = mine.claim
"""

SETTLE: Final = b"""
    WITH told AS (
        SELECT * FROM unnest(
            %(delivery_ids)s::text[], %(claims)s::timestamptz[], %(statuses)s::text[],
            %(attempts)s::int[], %(rounds)s::int[], %(next_attempts)s::timestamptz[],
            %(completions)s::timestamptz[], %(times)s::timestamptz[], %(answers)s::int[],
            %(failures)s::text[], %(bodies)s::text[], %(durations)s::int[]
        ) AS told (
            delivery_id, claim, status, attempts, round, next_attempt_at, completed_at,
            attempted_at, response_status, failure, response_body, duration_ms
        )
    ), settled AS (
        UPDATE ktrlplane.webhook_deliveries d
        SET status = told.status, attempts = told.attempts, round = told.round,
            next_attempt_at = told.next_attempt_at, claimed_until = NULL,
            completed_at = told.completed_at
        FROM told
        WHERE d.delivery_id = told.delivery_id AND d.claimed_until = told.claim
        RETURNING d.delivery_id
    ), kept AS (
        INSERT INTO ktrlplane.webhook_attempts (
            delivery_id, number, attempted_at, response_status, failure, response_body,
            duration_ms
        )
        SELECT
            delivery_id, attempts, attempted_at, response_status, failure, response_body,
            duration_ms
        FROM told JOIN settled USING (delivery_id)
    )
    SELECT delivery_id FROM settled
"""

FORGET_COMPLETED: Final = b"""
    DELETE FROM ktrlplane.webhook_deliveries WHERE delivery_id IN (
        SELECT delivery_id FROM ktrlplane.webhook_deliveries WHERE completed_at < %(before)s
        ORDER BY completed_at LIMIT %(limit)s
    )
"""

FORGET_ENDED: Final = b"""
    DELETE FROM ktrlplane.webhook_deliveries WHERE delivery_id IN (
        SELECT d.delivery_id FROM ktrlplane.webhooks w
        JOIN ktrlplane.webhook_deliveries d USING (webhook_id)
        WHERE w.ended_in IS NOT NULL AND (w.status <> 'enabled' OR d.status <> 'pending')
        LIMIT %(limit)s
    )
"""

FORGET_ENDPOINTS: Final = b"""
    DELETE FROM ktrlplane.webhooks WHERE webhook_id IN (
        SELECT webhook_id FROM ktrlplane.webhooks w
        WHERE ended_in IS NOT NULL AND NOT EXISTS (
            SELECT FROM ktrlplane.webhook_deliveries d WHERE d.webhook_id = w.webhook_id
        )
        LIMIT %(limit)s
    )
"""

FIRST_PENDING: Final = b"""
    SELECT min(e.sequence) AS first FROM ktrlplane.webhook_deliveries d
    JOIN ktrlplane.webhooks w ON w.webhook_id = d.webhook_id AND w.status = 'enabled'
    JOIN ktrlplane.events e ON e.event_id = d.event_id
    WHERE d.status = 'pending' AND e.tenant = %(tenant)s AND e.sequence <= %(through)s
"""

DROP: Final = b"""
    DELETE FROM ktrlplane.webhook_deliveries d USING ktrlplane.events e
    WHERE d.event_id = e.event_id AND d.status = 'pending'
        AND e.tenant = %(tenant)s AND e.sequence <= %(through)s
"""
