"""The queries behind lists of projects; made like those of resource_lists.py."""

from functools import cache
from typing import Final

from psycopg.sql import SQL, Composed

from ktrlplane.adapters.postgres.lists import Shape, composed
from ktrlplane.adapters.postgres.sight import HELD, held_of_a_kind, reads
from ktrlplane.domain.access import ScopeType

COLUMNS: Final = SQL("""
    project_id, org_id, name, status, inherits_billing_from_org, created_at, updated_at
""")

_FILTERS: Final = {
    "text": SQL("(strpos(name_key, %(text)s) > 0 OR strpos(project_id, %(text)s) > 0)")
}

_PARTS: Final = """
    SELECT held.scope_type, held.scope_id, found.* FROM held
    CROSS JOIN LATERAL (
        SELECT {key} AS key, project_id FROM ktrlplane.projects
        WHERE org_id = held.scope_id AND status <> 'Deleted' {matching} {beyond} {first}
    ) found
    WHERE held.scope_type = 'organization'

    UNION ALL

    SELECT held.scope_type, held.scope_id, {key} AS key, project_id FROM held
    JOIN ktrlplane.projects p ON p.project_id = held.scope_id
    WHERE held.scope_type = 'project' AND p.status <> 'Deleted'
        AND (p.org_id IS NULL OR p.org_id NOT IN
            (SELECT scope_id FROM held WHERE scope_type = 'organization'))
        {matching} {beyond}
"""

_EVERYWHERE: Final = """
    WITH {held}, head AS (
        SELECT * FROM ({heads}) heads
        ORDER BY key {way}, project_id {way}
        LIMIT %(reach)s
    )
    SELECT key, project_id FROM (
        SELECT found.* FROM head
        CROSS JOIN LATERAL (
            SELECT {key} AS key, project_id FROM ktrlplane.projects
            WHERE org_id = head.scope_id AND status <> 'Deleted' {matching} {beyond} {first}
        ) found
        WHERE head.scope_type = 'organization'

        UNION ALL

        SELECT key, project_id FROM head WHERE head.scope_type = 'project'
    ) seen
"""

_IN_AN_ORG: Final = """
    SELECT {key} AS key, project_id FROM ktrlplane.projects
    WHERE org_id = %(org_id)s AND status <> 'Deleted' {matching} {beyond}
        AND ({reads_the_org} OR project_id IN {held_alone})
"""

_FIRST: Final = SQL("ORDER BY {key} {way}, project_id {way} LIMIT ")

_PAGE: Final = """
    WITH page AS (
        {seen}
        ORDER BY key {way}, project_id {way}
        LIMIT %(rows)s OFFSET %(offset)s
    )
    SELECT p.* FROM page
    CROSS JOIN LATERAL (
        SELECT {columns} FROM ktrlplane.projects WHERE project_id = page.project_id LIMIT 1
    ) p
    ORDER BY page.key {way}, page.project_id {way}
"""


@cache
def page_query(shape: Shape, *, in_an_org: bool) -> bytes:
    parts = shape.parts(SQL("project_id"), _FILTERS)
    seen = _in_an_org(parts) if in_an_org else _everywhere(parts)
    return composed(_PAGE, seen=seen, columns=COLUMNS, **parts)


@cache
def count_query(shape: Shape, *, in_an_org: bool) -> bytes:
    parts = shape.parts(SQL("project_id"), _FILTERS)
    if in_an_org:
        return composed("SELECT count(*) AS total FROM ({seen}) seen", seen=_in_an_org(parts))
    return composed(
        "WITH {held} SELECT count(*) AS total FROM ({parts}) seen",
        held=HELD,
        parts=SQL(_PARTS).format(first=SQL(""), **parts),
    )


def _everywhere(parts: dict[str, Composed]) -> Composed:
    first = _FIRST.format(**parts)
    heads = SQL(_PARTS).format(first=first + SQL("1"), **parts)
    return SQL(_EVERYWHERE).format(held=HELD, heads=heads, first=first + SQL("%(reach)s"), **parts)


def _in_an_org(parts: dict[str, Composed]) -> Composed:
    return SQL(_IN_AN_ORG).format(
        reads_the_org=reads("('organization', %(org_id)s)"),
        held_alone=held_of_a_kind(ScopeType.PROJECT),
        **parts,
    )
