"""The queries behind assignments."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from psycopg.sql import SQL, Composable, Composed

from ktrlplane.adapters.postgres.lists import Shape, composed
from ktrlplane.adapters.postgres.users import USER_BESIDE
from ktrlplane.domain.access import Scope

COLUMNS: Final = SQL("""
    a.assignment_id, a.user_id, a.group_id, a.role_id, a.scope_type, a.scope_id,
    a.assigned_by, a.created_at, a.expires_at
""")

_UNEXPIRED: Final = SQL("(a.expires_at IS NULL OR a.expires_at > %(at)s)")

ADD: Final = """
    INSERT INTO ktrlplane.role_assignments AS held (
        assignment_id, user_id, group_id, role_id, scope_type, scope_id, assigned_by,
        created_at, expires_at, updated_at
    )
    VALUES (
        %(assignment_id)s, %(user_id)s, %(group_id)s, %(role_id)s, %(scope_type)s,
        %(scope_id)s, %(assigned_by)s, %(created_at)s, %(expires_at)s, %(created_at)s
    )
    ON CONFLICT (holder, scope_type, scope_id, role_id) DO UPDATE
    SET assignment_id = excluded.assignment_id, assigned_by = excluded.assigned_by,
        created_at = excluded.created_at, expires_at = excluded.expires_at,
        updated_at = excluded.created_at
    WHERE held.expires_at <= excluded.created_at
"""

REPLACE: Final = """
    UPDATE ktrlplane.role_assignments
    SET user_id = %(user_id)s, group_id = %(group_id)s, role_id = %(role_id)s,
        scope_type = %(scope_type)s, scope_id = %(scope_id)s, assigned_by = %(assigned_by)s,
        created_at = %(created_at)s, expires_at = %(expires_at)s, updated_at = now()
    WHERE assignment_id = %(assignment_id)s
"""

REMOVE: Final = """
    DELETE FROM ktrlplane.role_assignments WHERE assignment_id = %(assignment_id)s
    RETURNING scope_type, scope_id
"""

# In halves, so that each finds its index: that of the living or that of the tombstones.
BELOW: Final = SQL("""
    (
        SELECT %(scope_type)s AS scope_type, %(scope_id)s AS scope_id
        UNION ALL
        SELECT 'project', project_id FROM ktrlplane.projects
        WHERE %(scope_type)s = 'organization' AND org_id = %(scope_id)s AND status <> 'Deleted'
        UNION ALL
        SELECT 'project', project_id FROM ktrlplane.projects
        WHERE %(scope_type)s = 'organization' AND org_id = %(scope_id)s AND status = 'Deleted'
        UNION ALL
        SELECT 'resource', resource_id FROM ktrlplane.resources
        WHERE %(scope_type)s = 'organization' AND org_id = %(scope_id)s AND status <> 'Deleted'
        UNION ALL
        SELECT 'resource', resource_id FROM ktrlplane.resources
        WHERE %(scope_type)s = 'organization' AND org_id = %(scope_id)s AND status = 'Deleted'
        UNION ALL
        SELECT 'resource', resource_id FROM ktrlplane.resources
        WHERE %(scope_type)s = 'project' AND project_id = %(scope_id)s AND status <> 'Deleted'
        UNION ALL
        SELECT 'resource', resource_id FROM ktrlplane.resources
        WHERE %(scope_type)s = 'project' AND project_id = %(scope_id)s AND status = 'Deleted'
    )
""")
"""A scope and every scope in it."""

REMOVE_BELOW: Final = composed(
    """
    DELETE FROM ktrlplane.role_assignments WHERE (scope_type, scope_id) IN {below}
    RETURNING scope_type, scope_id
    """,
    below=BELOW,
)

THESE: Final = SQL("""
    (
        SELECT asked.scope_type, asked.scope_id
        FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[]) AS asked (scope_type, scope_id)
    )
""")


def scopes_values(scopes: Sequence[Scope]) -> Mapping[str, object]:
    """What ``THESE`` asks for."""
    return {
        "scope_types": [scope.scope_type.value for scope in scopes],
        "scope_ids": [scope.scope_id for scope in scopes],
    }


REMOVE_ON: Final = composed(
    """
    DELETE FROM ktrlplane.role_assignments WHERE (scope_type, scope_id) IN {these}
    RETURNING scope_type, scope_id
    """,
    these=THESE,
)

ON: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.role_assignments a
    WHERE scope_type = %(scope_type)s AND scope_id = %(scope_id)s AND {unexpired}
    ORDER BY created_at, assignment_id
    """,
    columns=COLUMNS,
    unexpired=_UNEXPIRED,
)

OF: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.role_assignments a
    WHERE holder = %(holder)s
    ORDER BY created_at, assignment_id
    """,
    columns=COLUMNS,
)

OF_BELOW: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.role_assignments a
    WHERE holder = %(holder)s AND (scope_type, scope_id) IN {below}
    ORDER BY created_at, assignment_id
    """,
    columns=COLUMNS,
    below=BELOW,
)

LENT_BELOW: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.role_assignments a
    JOIN ktrlplane.roles g USING (role_id)
    WHERE (scope_type, scope_id) IN {below}
        AND (a.group_id IS NOT NULL OR g.org_id IS NOT NULL)
    ORDER BY a.created_at, a.assignment_id
    """,
    columns=COLUMNS,
    below=BELOW,
)

WITH_ROLE: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.role_assignments a
    WHERE role_id = %(role_id)s
    ORDER BY created_at, assignment_id
    """,
    columns=COLUMNS,
)

OF_EVERYBODY: Final = composed(
    "SELECT {columns} FROM ktrlplane.role_assignments a ORDER BY created_at, assignment_id",
    columns=COLUMNS,
)

ROLE_BESIDE: Final = SQL("""
    g.name AS of_role_name, g.display_name AS of_role_display_name,
    g.description AS of_role_description, g.permissions AS of_role_permissions,
    g.is_system AS of_role_is_system, g.is_hidden AS of_role_is_hidden,
    g.org_id AS of_role_org_id, g.display_order AS of_role_display_order
""")
"""The columns of a role g beside another thing."""

SCOPE_NAME: Final = SQL("coalesce(o.name, p.name, r.name, a.scope_id) AS scope_name")

_VIEW: Final = SQL("""
    SELECT
        {columns}, {user}, {role},
        t.org_id AS of_group_org_id, t.name AS of_group_name,
        t.description AS of_group_description, t.created_at AS of_group_created_at,
        t.updated_at AS of_group_updated_at,
        {scope_name}
    FROM {assignments} a
    LEFT JOIN ktrlplane.users u ON u.user_id = a.user_id
    LEFT JOIN ktrlplane.groups t ON t.group_id = a.group_id
    JOIN ktrlplane.roles g ON g.role_id = a.role_id
    LEFT JOIN ktrlplane.organizations o
        ON a.scope_type = 'organization' AND o.org_id = a.scope_id
    LEFT JOIN ktrlplane.projects p ON a.scope_type = 'project' AND p.project_id = a.scope_id
    LEFT JOIN ktrlplane.resources r ON a.scope_type = 'resource' AND r.resource_id = a.scope_id
""")


def _viewing(assignments: Composable) -> Composed:
    return _VIEW.format(
        columns=COLUMNS,
        user=USER_BESIDE,
        role=ROLE_BESIDE,
        scope_name=SCOPE_NAME,
        assignments=assignments,
    )


GET: Final = composed(
    "{view} WHERE a.assignment_id = %(assignment_id)s",
    view=_viewing(SQL("ktrlplane.role_assignments")),
)

_PATH: Final = """
    unnest(%(scope_types)s::text[], %(scope_ids)s::text[]) AS path (scope_type, scope_id)
"""

_PAGE: Final = SQL("""
    (
        SELECT a.* FROM {path}
        CROSS JOIN LATERAL (
            SELECT {columns} FROM ktrlplane.role_assignments a
            WHERE a.scope_type = path.scope_type AND a.scope_id = path.scope_id
                AND {unexpired} {beyond}
            ORDER BY created_at {way}, assignment_id {way}
            LIMIT %(reach)s
        ) a
        ORDER BY created_at {way}, assignment_id {way}
        LIMIT %(rows)s OFFSET %(offset)s
    )
""")

COUNT: Final = composed(
    """
    SELECT count(*) AS total FROM {path}
    JOIN ktrlplane.role_assignments a USING (scope_type, scope_id)
    WHERE {unexpired}
    """,
    path=SQL(_PATH),
    unexpired=_UNEXPIRED,
)


@cache
def page_query(shape: Shape) -> bytes:
    parts = shape.parts(SQL("assignment_id"), {})
    page = _PAGE.format(path=SQL(_PATH), columns=COLUMNS, unexpired=_UNEXPIRED, **parts)
    return composed(
        "{view} ORDER BY a.created_at {way}, a.assignment_id {way}",
        view=_viewing(page),
        **parts,
    )
