"""The queries behind the inbox."""

from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed

PUT: Final = b"""
    SELECT 1 AS put FROM ktrlplane.report_status(
        %(resource_id)s, %(health)s, %(observed_generation)s, %(message)s, %(access_url)s
    )
"""

# By skipping from one resource to the next in the index, so many times and no more: one that
# has ten thousand of them waiting is as cheap as any other, and so are ten thousand others.
WAITING: Final = b"""
    WITH RECURSIVE about AS (
        (
            SELECT resource_id FROM ktrlplane.reports
            WHERE resource_id > %(after)s
            ORDER BY resource_id LIMIT 1
        )
        UNION ALL
        SELECT next.resource_id
        FROM about, LATERAL (
            SELECT resource_id FROM ktrlplane.reports
            WHERE resource_id > about.resource_id
            ORDER BY resource_id LIMIT 1
        ) next
    )
    SELECT named.resource_id,
        coalesce('organization ' || found.org_id, 'project ' || found.project_id) AS tenant
    FROM (SELECT resource_id FROM about LIMIT %(limit)s) named
    LEFT JOIN LATERAL (
        SELECT org_id, project_id FROM ktrlplane.resources r
        WHERE r.resource_id = named.resource_id
        LIMIT 1
    ) found ON true
    ORDER BY named.resource_id
"""

# From one report to the next, since the planner would rather sort all that wait about a resource
# than read the first of them in order.
OLDEST: Final = SQL("""
    LATERAL (
        WITH RECURSIVE oldest AS (
            (
                SELECT report_id FROM ktrlplane.reports r
                WHERE r.resource_id = named.resource_id
                ORDER BY report_id LIMIT 1
            )
            UNION ALL
            SELECT next.report_id
            FROM oldest, LATERAL (
                SELECT report_id FROM ktrlplane.reports r
                WHERE r.resource_id = named.resource_id AND r.report_id > oldest.report_id
                ORDER BY report_id LIMIT 1
            ) next
        )
        SELECT report_id FROM oldest LIMIT %(each)s
    ) waiting
""")

# An array, so that rows are found by their key, whatever the planner thinks of the inbox: it
# may have been empty when somebody last counted.
TAKE: Final = composed(
    """
    DELETE FROM ktrlplane.reports
    WHERE report_id = ANY(ARRAY(
        SELECT waiting.report_id
        FROM unnest(%(about)s::text[]) WITH ORDINALITY AS named (resource_id, place), {oldest}
        ORDER BY named.place, waiting.report_id
        LIMIT %(limit)s
    ))
    RETURNING report_id, resource_id, health, observed_generation, message, access_url,
        generation, was_deleting
    """,
    oldest=OLDEST,
)

# Sorted, so that two who count the same kinds do not wait for each other.
REFUSE: Final = b"""
    INSERT INTO ktrlplane.refused_reports AS known (
        resource_id, health, code, message, times, first_at, last_at
    )
    SELECT resource_id, health, code, (array_agg(message ORDER BY place DESC))[1], count(*),
        %(at)s, %(at)s
    FROM unnest(%(about)s::text[], %(healths)s::text[], %(codes)s::text[], %(messages)s::text[])
        WITH ORDINALITY AS refused (resource_id, health, code, message, place)
    GROUP BY resource_id, health, code
    ORDER BY resource_id, health, code
    ON CONFLICT (resource_id, health, code) DO UPDATE
    SET times = known.times + excluded.times, message = excluded.message,
        last_at = greatest(known.last_at, excluded.last_at)
"""

REFUSE_UNKNOWN: Final = composed(
    """
    WITH taken AS (
        DELETE FROM ktrlplane.reports
        WHERE report_id = ANY(ARRAY(
            SELECT report_id FROM ktrlplane.reports
            WHERE report_id = ANY(ARRAY(
                SELECT waiting.report_id
                FROM unnest(%(about)s::text[]) AS named (resource_id), {oldest}
                WHERE NOT EXISTS (
                    SELECT FROM ktrlplane.resources known
                    WHERE known.resource_id = named.resource_id
                )
                LIMIT %(each)s
            ))
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING report_id, resource_id, health, message
    ), kept AS (
        INSERT INTO ktrlplane.refused_reports AS known (
            resource_id, health, code, message, times, first_at, last_at
        )
        SELECT resource_id, health, %(code)s, (array_agg(message ORDER BY report_id DESC))[1],
            count(*), %(at)s, %(at)s
        FROM taken
        GROUP BY resource_id, health
        ORDER BY resource_id, health
        ON CONFLICT (resource_id, health, code) DO UPDATE
        SET times = known.times + excluded.times, message = excluded.message,
            last_at = greatest(known.last_at, excluded.last_at)
    )
    SELECT count(*) AS taken FROM taken
    """,
    oldest=OLDEST,
)

SUM_UP: Final = b"""
    WITH gone AS (
        DELETE FROM ktrlplane.refused_reports
        WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM ktrlplane.refused_reports
            WHERE (resource_id, health) <> (%(rest)s, %(rest)s)
            ORDER BY last_at, resource_id DESC, health DESC, code DESC
            LIMIT greatest(
                0,
                (
                    SELECT count(*) FROM ktrlplane.refused_reports
                    WHERE (resource_id, health) <> (%(rest)s, %(rest)s)
                ) - %(kinds)s
            )
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING code, times, first_at, last_at
    ), kept AS (
        INSERT INTO ktrlplane.refused_reports AS known (
            resource_id, health, code, message, times, first_at, last_at
        )
        SELECT %(rest)s, %(rest)s, code, NULL, sum(times), min(first_at), max(last_at)
        FROM gone
        GROUP BY code
        ORDER BY code
        ON CONFLICT (resource_id, health, code) DO UPDATE
        SET times = known.times + excluded.times, message = NULL,
            first_at = least(known.first_at, excluded.first_at),
            last_at = greatest(known.last_at, excluded.last_at)
    )
    SELECT count(*) AS gone FROM gone
"""

REFUSED: Final = b"""
    SELECT resource_id, health, code, message, times, first_at, last_at
    FROM ktrlplane.refused_reports
    ORDER BY last_at DESC, resource_id, health, code
    LIMIT %(limit)s
"""

COUNT: Final = b"""
    SELECT (SELECT count(*) FROM ktrlplane.reports) AS waiting,
        (SELECT coalesce(sum(times), 0)::bigint FROM ktrlplane.refused_reports) AS refused
"""

FORGET: Final = b"DELETE FROM ktrlplane.refused_reports WHERE last_at < %(before)s"
