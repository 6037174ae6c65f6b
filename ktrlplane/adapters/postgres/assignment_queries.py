"""The queries behind assignments."""

from functools import cache
from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import Shape, composed

COLUMNS: Final = SQL("""
    a.assignment_id, a.principal_type, a.user_id, a.role_id, a.scope_type, a.scope_id,
    a.assigned_by, a.created_at, a.expires_at
""")

_UNEXPIRED: Final = SQL("(a.expires_at IS NULL OR a.expires_at > %(at)s)")

ADD: Final = """
    INSERT INTO ktrlplane.role_assignments AS held (
        assignment_id, principal_type, user_id, role_id, scope_type, scope_id, assigned_by,
        created_at, expires_at, updated_at
    )
    VALUES (
        %(assignment_id)s, %(principal_type)s, %(user_id)s, %(role_id)s, %(scope_type)s,
        %(scope_id)s, %(assigned_by)s, %(created_at)s, %(expires_at)s, %(created_at)s
    )
    ON CONFLICT (user_id, scope_type, scope_id, role_id) DO UPDATE
    SET assignment_id = excluded.assignment_id, principal_type = excluded.principal_type,
        assigned_by = excluded.assigned_by, created_at = excluded.created_at,
        expires_at = excluded.expires_at, updated_at = excluded.created_at
    WHERE held.expires_at <= excluded.created_at
"""

REPLACE: Final = """
    UPDATE ktrlplane.role_assignments
    SET principal_type = %(principal_type)s, user_id = %(user_id)s, role_id = %(role_id)s,
        scope_type = %(scope_type)s, scope_id = %(scope_id)s, assigned_by = %(assigned_by)s,
        created_at = %(created_at)s, expires_at = %(expires_at)s, updated_at = now()
    WHERE assignment_id = %(assignment_id)s
"""

REMOVE: Final = """
    DELETE FROM ktrlplane.role_assignments WHERE assignment_id = %(assignment_id)s
"""

# In halves, so that each finds its index: that of the living or that of the tombstones.
REMOVE_BELOW: Final = """
    DELETE FROM ktrlplane.role_assignments
    WHERE (scope_type, scope_id) IN (
        SELECT %(scope_type)s, %(scope_id)s
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
"""

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
    WHERE user_id = %(principal)s
    ORDER BY created_at, assignment_id
    """,
    columns=COLUMNS,
)

OF_EVERYBODY: Final = composed(
    "SELECT {columns} FROM ktrlplane.role_assignments a ORDER BY created_at, assignment_id",
    columns=COLUMNS,
)

_VIEW: Final = SQL("""
    SELECT
        {columns},
        u.email AS of_user_email, u.email_verified AS of_user_email_verified,
        u.name AS of_user_name, u.is_service_account AS of_user_is_service_account,
        u.claims_at AS of_user_claims_at, u.created_at AS of_user_created_at,
        u.updated_at AS of_user_updated_at,
        g.name AS of_role_name, g.display_name AS of_role_display_name,
        g.description AS of_role_description, g.permissions AS of_role_permissions,
        g.is_system AS of_role_is_system, g.is_hidden AS of_role_is_hidden,
        g.org_id AS of_role_org_id, g.display_order AS of_role_display_order,
        coalesce(o.name, p.name, r.name, a.scope_id) AS scope_name
    FROM {assignments} a
    JOIN ktrlplane.users u USING (user_id)
    JOIN ktrlplane.roles g USING (role_id)
    LEFT JOIN ktrlplane.organizations o
        ON a.scope_type = 'organization' AND o.org_id = a.scope_id
    LEFT JOIN ktrlplane.projects p ON a.scope_type = 'project' AND p.project_id = a.scope_id
    LEFT JOIN ktrlplane.resources r ON a.scope_type = 'resource' AND r.resource_id = a.scope_id
""")

GET: Final = composed(
    "{view} WHERE a.assignment_id = %(assignment_id)s",
    view=_VIEW.format(columns=COLUMNS, assignments=SQL("ktrlplane.role_assignments")),
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
        view=_VIEW.format(columns=COLUMNS, assignments=page),
        **parts,
    )
