"""The queries behind what one user can reach."""

from functools import cache
from typing import Final

from psycopg.sql import SQL, Composable, Composed

from ktrlplane.adapters.postgres.assignment_queries import _UNEXPIRED, COLUMNS, _viewing
from ktrlplane.adapters.postgres.lists import Shape, composed
from ktrlplane.adapters.postgres.sight import HOLDERS, manages

_REACHED: Final = SQL("""
    (
        SELECT * FROM (
            SELECT {columns} FROM {holders} who
            JOIN ktrlplane.role_assignments a USING (holder)
            LEFT JOIN ktrlplane.projects p
                ON a.scope_type = 'project' AND p.project_id = a.scope_id
            LEFT JOIN ktrlplane.resources r
                ON a.scope_type = 'resource' AND r.resource_id = a.scope_id
            WHERE {unexpired} {managed}
        ) held
        WHERE true {beyond}
        {span}
    )
""")


_MANAGED: Final = SQL(" AND {manages}").format(
    manages=manages(
        """
        ('organization', CASE a.scope_type
            WHEN 'organization' THEN a.scope_id ELSE coalesce(p.org_id, r.org_id) END),
        ('project', CASE a.scope_type
            WHEN 'project' THEN a.scope_id ELSE r.project_id END),
        (a.scope_type, a.scope_id)
        """,
        manager="%(manager)s",
    )
)


@cache
def reach_query(shape: Shape, *, managed: bool) -> bytes:
    parts = shape.parts(SQL("assignment_id"), {})
    return composed(
        "{view} ORDER BY a.created_at {way}, a.assignment_id {way}",
        view=_viewing(
            _reached(managed=managed, beyond=parts["beyond"], span=_SPAN.format(**parts))
        ),
        **parts,
    )


@cache
def reach_count(*, managed: bool) -> bytes:
    nothing = SQL("")
    return composed(
        "SELECT count(*) AS total FROM {reached} a",
        reached=_reached(managed=managed, beyond=nothing, span=nothing),
    )


def _reached(*, managed: bool, beyond: Composable, span: Composable) -> Composed:
    return _REACHED.format(
        columns=COLUMNS,
        holders=HOLDERS,
        unexpired=_UNEXPIRED,
        managed=_MANAGED if managed else SQL(""),
        beyond=beyond,
        span=span,
    )


_SPAN: Final = SQL("""
    ORDER BY created_at {way}, assignment_id {way}
    LIMIT %(rows)s OFFSET %(offset)s
""")
