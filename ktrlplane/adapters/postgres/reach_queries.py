"""The queries behind what one user can reach."""

from functools import cache
from typing import Final

from psycopg.sql import SQL, Composable, Composed

from ktrlplane.adapters.postgres.assignment_queries import _UNEXPIRED, COLUMNS, _viewing
from ktrlplane.adapters.postgres.lists import Shape, composed
from ktrlplane.adapters.postgres.sight import HOLDERS, OF_EACH, managed

# What one holds is looked up first, and only then what somebody else manages of it.
_REACHED: Final = SQL("""
    (
        WITH held AS MATERIALIZED (
            SELECT {columns} FROM {holders} who {of_each} WHERE {unexpired}
        ) {managing}
        SELECT * FROM (SELECT held.* FROM held {managed}) held
        WHERE true {beyond}
        {span}
    )
""")

_MANAGING: Final = SQL(", managing AS MATERIALIZED ({})").format(managed("%(manager)s"))

_MANAGED: Final = SQL("""
    LEFT JOIN ktrlplane.projects p
        ON held.scope_type = 'project' AND p.project_id = held.scope_id
    LEFT JOIN ktrlplane.resources r
        ON held.scope_type = 'resource' AND r.resource_id = held.scope_id
    JOIN LATERAL (
        SELECT FROM managing
        WHERE (managing.scope_type, managing.scope_id) IN (
            (held.scope_type, held.scope_id),
            ('project', r.project_id),
            ('organization', coalesce(p.org_id, r.org_id))
        )
        LIMIT 1
    ) may ON true
""")


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
        of_each=OF_EACH,
        managing=_MANAGING if managed else SQL(""),
        managed=_MANAGED if managed else SQL(""),
        beyond=beyond,
        span=span,
    )


_SPAN: Final = SQL("""
    ORDER BY created_at {way}, assignment_id {way}
    LIMIT %(rows)s OFFSET %(offset)s
""")
