"""The queries behind notifications."""

from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Listing, composed
from ktrlplane.adapters.postgres.sight import reads

_COLUMNS: Final = SQL("""
    n.notification_id, n.user_id, n.event_id, n.event_type, n.scope_type, n.scope_id, n.title,
    n.created_at, n.read_at, n.in_app, n.email, n.mail_due_at, n.letter_id
""")

# What ``principal`` may read now, wherever it is by now.
_READABLE: Final = SQL("""
    SELECT {columns} FROM ktrlplane.notifications n
    LEFT JOIN ktrlplane.resources r
        ON n.scope_type = 'resource' AND r.resource_id = n.scope_id
    LEFT JOIN ktrlplane.projects p
        ON n.scope_type = 'project' AND p.project_id = n.scope_id
    LEFT JOIN ktrlplane.organizations o
        ON n.scope_type = 'organization' AND o.org_id = n.scope_id AND o.deleted_at IS NULL
    WHERE n.user_id = %(principal)s AND {reads}
""").format(
    columns=_COLUMNS,
    reads=reads("""
        ('organization', coalesce(o.org_id, p.org_id, r.org_id)),
        ('project', coalesce(p.project_id, r.project_id)),
        ('resource', r.resource_id),
        ('global', CASE n.scope_type WHEN 'global' THEN '*' END)
    """),
)

# Rows that others take at this moment are passed over.
TAKE_NOTABLE: Final = b"""
    DELETE FROM ktrlplane.notable_events WHERE (occurred_at, event_id) IN (
        SELECT occurred_at, event_id FROM ktrlplane.notable_events
        ORDER BY occurred_at, event_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    RETURNING event_id
"""

ADD: Final = b"""
    INSERT INTO ktrlplane.notifications (
        notification_id, user_id, event_id, event_type, scope_type, scope_id, title, created_at,
        read_at, in_app, email, mail_due_at, letter_id
    )
    SELECT * FROM unnest(
        %(notification_id)s::text[], %(user_id)s::text[], %(event_id)s::text[],
        %(event_type)s::text[], %(scope_type)s::text[], %(scope_id)s::text[], %(title)s::text[],
        %(created_at)s::timestamptz[], %(read_at)s::timestamptz[], %(in_app)s::boolean[],
        %(email)s::text[], %(mail_due_at)s::timestamptz[], %(letter_id)s::text[]
    )
    ON CONFLICT DO NOTHING
"""

REPLACE: Final = b"""
    UPDATE ktrlplane.notifications n
    SET read_at = made.read_at, email = made.email, mail_due_at = made.mail_due_at,
        letter_id = made.letter_id
    FROM unnest(
        %(notification_id)s::text[], %(read_at)s::timestamptz[], %(email)s::text[],
        %(mail_due_at)s::timestamptz[], %(letter_id)s::text[]
    ) AS made (notification_id, read_at, email, mail_due_at, letter_id)
    WHERE n.notification_id = made.notification_id
"""

OF: Final = Listing(
    columns=SQL("*"),
    rows=SQL("{} AND n.in_app").format(_READABLE),
    identity=SQL("notification_id"),
    filters={"unread": SQL("read_at IS NULL")},
)

GET: Final = composed(
    "{readable} AND n.in_app AND n.notification_id = %(notification_id)s", readable=_READABLE
)

READ: Final = b"""
    UPDATE ktrlplane.notifications SET read_at = %(at)s
    WHERE notification_id = %(notification_id)s AND read_at IS NULL
"""

READ_ALL: Final = composed(
    """
    WITH listed AS ({readable} AND n.in_app)
    UPDATE ktrlplane.notifications n SET read_at = %(at)s
    FROM listed
    WHERE n.notification_id = listed.notification_id
        AND n.read_at IS NULL AND n.created_at <= %(until)s
    """,
    readable=_READABLE,
)

PREFERENCES: Final = b"""
    SELECT user_id, event_type, in_app, email FROM ktrlplane.notification_preferences
    WHERE user_id = ANY(%(user_ids)s::text[]) ORDER BY user_id, event_type
"""

PREFER: Final = b"""
    WITH chosen AS (
        SELECT * FROM unnest(
            %(event_types)s::text[], %(in_app)s::boolean[], %(emails)s::text[]
        ) AS chosen (event_type, in_app, email)
    ), gone AS (
        DELETE FROM ktrlplane.notification_preferences
        WHERE user_id = %(user_id)s AND event_type NOT IN (SELECT event_type FROM chosen)
    )
    INSERT INTO ktrlplane.notification_preferences (user_id, event_type, in_app, email)
    SELECT %(user_id)s, event_type, in_app, email FROM chosen
    ON CONFLICT (user_id, event_type) DO UPDATE
    SET in_app = excluded.in_app, email = excluded.email
"""

HOLD_LETTERS: Final = b"""
    SELECT pg_try_advisory_xact_lock(hashtextextended('notification letters', 0)) AS held
"""

UNMAILED: Final = composed(
    """
    WITH theirs AS (
        SELECT DISTINCT user_id, email FROM (
            SELECT user_id, email FROM ktrlplane.notifications
            WHERE mail_due_at <= %(at)s AND letter_id IS NULL
            ORDER BY mail_due_at, notification_id LIMIT %(limit)s
        ) due
    )
    SELECT {columns} FROM ktrlplane.notifications n JOIN theirs USING (user_id, email)
    WHERE n.mail_due_at IS NOT NULL AND n.letter_id IS NULL
    ORDER BY n.user_id, n.email, n.created_at, n.notification_id
    """,
    columns=_COLUMNS,
)

LETTERS_SINCE: Final = b"""
    SELECT user_id, count(*) AS count FROM ktrlplane.notification_letters
    WHERE user_id = ANY(%(user_ids)s::text[])
        AND (sent_at >= %(since)s OR due_at IS NOT NULL)
    GROUP BY user_id
"""

WRITE: Final = b"""
    INSERT INTO ktrlplane.notification_letters (
        letter_id, user_id, email, created_at, due_at, attempts, sent_at
    )
    VALUES (
        %(letter_id)s, %(user_id)s, %(email)s, %(created_at)s, %(due_at)s, %(attempts)s,
        %(sent_at)s
    )
"""

TAKE_LETTERS: Final = b"""
    WITH due AS (
        SELECT letter_id, due_at FROM ktrlplane.notification_letters WHERE due_at <= %(at)s
        ORDER BY due_at, letter_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE ktrlplane.notification_letters l
        SET due_at = %(until)s, attempts = l.attempts + 1
        FROM due WHERE l.letter_id = due.letter_id
        RETURNING l.*, due.due_at AS was_due_at
    )
    SELECT letter_id, user_id, email, created_at, due_at, attempts, sent_at FROM taken
    ORDER BY was_due_at, letter_id
"""

INSIDE: Final = composed(
    """
    {readable} AND n.letter_id = %(letter_id)s ORDER BY n.created_at, n.notification_id
    """,
    readable=_READABLE,
)
USER_OF: Final = b"""
    SELECT user_id FROM ktrlplane.notification_letters WHERE letter_id = %(letter_id)s
"""

SETTLE: Final = b"""
    UPDATE ktrlplane.notification_letters SET due_at = %(due_at)s, sent_at = %(sent_at)s
    WHERE letter_id = %(letter_id)s AND due_at = %(seen_due_at)s AND attempts = %(attempts)s
"""

FORGET: Final = b"""
    DELETE FROM ktrlplane.notifications WHERE notification_id IN (
        SELECT notification_id FROM ktrlplane.notifications WHERE created_at < %(before)s
        ORDER BY created_at LIMIT %(limit)s
    )
"""

FORGET_LETTERS: Final = b"""
    DELETE FROM ktrlplane.notification_letters WHERE letter_id IN (
        SELECT letter_id FROM ktrlplane.notification_letters l
        WHERE created_at < %(before)s AND NOT EXISTS (
            SELECT FROM ktrlplane.notifications n WHERE n.letter_id = l.letter_id
        )
        LIMIT %(limit)s
    )
"""
