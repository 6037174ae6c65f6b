"""The queries behind lists of resources.

A list is put together from the parts that the principal sees: for each organization and each
project that they hold, the first rows of an index, only their keys; then the rows of the
page. So its price goes with what a principal holds and not with what there is, and a cursor
costs nothing. Nothing comes twice: what is in an organization that is held, or in a project
that is, is left to that.

Every part is a LATERAL with a LIMIT of its own, and what is not to be asked of every row is
an uncorrelated subquery, which is hashed. Then there is but one sensible plan, and the
generic plan of a prepared statement, which knows no value, is as good as any.
"""

from functools import cache
from typing import Final

from psycopg.sql import SQL, Composed, Literal

from ktrlplane.adapters.postgres.lists import LIGHT, WEIGHED, Shape, composed
from ktrlplane.adapters.postgres.sight import HELD, held_of_a_kind, reads
from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.paging import MAX_WEIGHT

COLUMNS: Final = SQL("""
    resource_id, project_id, org_id, name, type, sku, settings_text, status, status_reason,
    generation, observed_generation, nullif(holds, '{}'), nullif(conditions, '[]'), access_url,
    error_message, stripe_price_id, came_unpriced, created_at, updated_at
""")
"""In the order in which ``resources`` makes a resource of them. No conditions, no list, nor for
holds: most have none, and reading costs more than looking."""

_FILTERS: Final = {
    "type": SQL("type = %(type)s"),
    "sku": SQL("sku = %(sku)s"),
    "text": SQL("(strpos(name_key, %(text)s) > 0 OR strpos(resource_id, %(text)s) > 0)"),
    # Written so that the indexes of the living and of the tombstones are seen to serve.
    "alive": SQL("status <> 'Deleted'"),
    "deleted": SQL("status = 'Deleted'"),
    "status": SQL("status = %(status)s"),
}

_PARTS: Final = """
    SELECT held.scope_type, held.scope_id, found.* FROM held
    CROSS JOIN LATERAL (
        SELECT {key} AS key, resource_id FROM ktrlplane.resources
        WHERE org_id = held.scope_id {matching} {beyond} {first}
    ) found
    WHERE held.scope_type = 'organization'

    UNION ALL

    SELECT held.scope_type, held.scope_id, found.* FROM held
    JOIN ktrlplane.projects p ON p.project_id = held.scope_id
    CROSS JOIN LATERAL (
        SELECT {key} AS key, resource_id FROM ktrlplane.resources
        WHERE project_id = p.project_id {matching} {beyond} {first}
    ) found
    WHERE held.scope_type = 'project'
        AND (p.org_id IS NULL OR p.org_id NOT IN
            (SELECT scope_id FROM held WHERE scope_type = 'organization'))

    UNION ALL

    SELECT held.scope_type, held.scope_id, {key} AS key, resource_id FROM held
    JOIN ktrlplane.resources r ON r.resource_id = held.scope_id
    WHERE held.scope_type = 'resource'
        AND (r.org_id IS NULL OR r.org_id NOT IN
            (SELECT scope_id FROM held WHERE scope_type = 'organization'))
        AND r.project_id NOT IN (SELECT scope_id FROM held WHERE scope_type = 'project')
        {matching} {beyond}
"""

_FROM_HEADS: Final = """
    SELECT found.* FROM head
    CROSS JOIN LATERAL (
        SELECT {key} AS key, resource_id FROM ktrlplane.resources
        WHERE org_id = head.scope_id {matching} {beyond} {first}
    ) found
    WHERE head.scope_type = 'organization'

    UNION ALL

    SELECT found.* FROM head
    CROSS JOIN LATERAL (
        SELECT {key} AS key, resource_id FROM ktrlplane.resources
        WHERE project_id = head.scope_id {matching} {beyond} {first}
    ) found
    WHERE head.scope_type = 'project'

    UNION ALL

    SELECT key, resource_id FROM head WHERE head.scope_type = 'resource'
"""

_IN_A_PROJECT: Final = """
    SELECT {key} AS key, resource_id FROM ktrlplane.resources
    WHERE project_id = %(project_id)s {matching} {beyond}
        AND ({reads_the_project} OR resource_id IN {held_alone})
"""

_FIRST: Final = SQL("ORDER BY {key} {way}, resource_id {way} LIMIT ")

_EVERYWHERE: Final = """
    WITH {held}, head AS (
        SELECT * FROM ({heads}) heads
        ORDER BY key {way}, resource_id {way}
        LIMIT %(reach)s
    )
    SELECT * FROM ({from_heads}) seen
"""

_PAGE: Final = """
    WITH page AS (
        {seen}
        ORDER BY key {way}, resource_id {way}
        LIMIT %(rows)s OFFSET %(offset)s
    )
    {rows}
"""

_WEIGHT: Final = SQL("octet_length(settings_text) + octet_length(conditions::text)")

_LIGHT_ROWS: Final = """
    SELECT r.* FROM page
    LEFT JOIN LATERAL (
        SELECT {columns} FROM ktrlplane.resources
        WHERE resource_id = page.resource_id AND {weight} <= {light} LIMIT 1
    ) r ON true
    ORDER BY page.key {way}, page.resource_id {way}
"""

_ROWS: Final = """
    SELECT page.key, r.* FROM page
    CROSS JOIN LATERAL (
        SELECT *, {weight} AS weight FROM ktrlplane.resources
        WHERE resource_id = page.resource_id LIMIT 1
    ) r
"""


@cache
def page_query(shape: Shape, *, in_a_project: bool) -> bytes:
    """In the place of what is not ``LIGHT`` there are nulls."""
    parts = shape.parts(SQL("resource_id"), _FILTERS)
    rows = SQL(_LIGHT_ROWS).format(columns=COLUMNS, weight=_WEIGHT, light=LIGHT, **parts)
    return _page(parts, rows, in_a_project=in_a_project)


@cache
def weighed_page_query(shape: Shape, *, in_a_project: bool) -> bytes:
    parts = shape.parts(SQL("resource_id"), _FILTERS)
    weighed = WEIGHED.format(
        page=SQL(_ROWS).format(weight=_WEIGHT),
        identity=SQL("resource_id"),
        most=Literal(MAX_WEIGHT),
        **parts | {"key": SQL("key")},
    )
    rows = SQL("SELECT {}, followed {}").format(COLUMNS, weighed)
    return _page(parts, rows, in_a_project=in_a_project)


def _page(parts: dict[str, Composed], rows: Composed, *, in_a_project: bool) -> bytes:
    seen = _in_a_project(parts) if in_a_project else _everywhere(parts)
    return composed(_PAGE, seen=seen, rows=rows, **parts)


def _everywhere(parts: dict[str, Composed]) -> Composed:
    first = _FIRST.format(**parts)
    heads = SQL(_PARTS).format(first=first + SQL("1"), **parts)
    from_heads = SQL(_FROM_HEADS).format(first=first + SQL("%(reach)s"), **parts)
    return SQL(_EVERYWHERE).format(held=HELD, heads=heads, from_heads=from_heads, **parts)


def _in_a_project(parts: dict[str, Composed]) -> Composed:
    return SQL(_IN_A_PROJECT).format(
        reads_the_project=reads(
            "('project', %(project_id)s), ('organization', "
            "(SELECT org_id FROM ktrlplane.projects WHERE project_id = %(project_id)s))"
        ),
        held_alone=held_of_a_kind(ScopeType.RESOURCE),
        **parts,
    )


@cache
def count_query(shape: Shape, *, in_a_project: bool) -> bytes:
    parts = shape.parts(SQL("resource_id"), _FILTERS)
    if in_a_project:
        return composed("SELECT count(*) AS total FROM ({seen}) seen", seen=_in_a_project(parts))
    return composed(
        "WITH {held} SELECT count(*) AS total FROM ({parts}) seen",
        held=HELD,
        parts=SQL(_PARTS).format(first=SQL(""), **parts),
    )
