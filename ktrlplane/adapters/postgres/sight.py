"""What principals hold, and what they see by it: the parts that queries share."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import orjson
from psycopg.sql import SQL, Composed, Literal

from ktrlplane.domain.access import CONTROL_PLANE, Action, Permission, Scope, ScopeType
from ktrlplane.domain.ids import AssignmentId, GroupId, RoleId
from ktrlplane.domain.standings import Grant

_HOLDERS: Final = SQL("""
    (
        SELECT {principal} AS holder
        UNION ALL
        SELECT 'group ' || group_id FROM ktrlplane.group_members WHERE user_id = {principal}{org}
    )
""")

_GRANTS: Final = SQL("""
    (
        SELECT json_agg(
            json_build_array(
                a.assignment_id, a.role_id, a.scope_type, a.scope_id, roles.permissions,
                a.group_id, a.expires_at
            )
            ORDER BY a.created_at, a.assignment_id
        )::text
        FROM (VALUES {path}) AS path (scope_type, scope_id)
        CROSS JOIN {holders} who
        JOIN ktrlplane.role_assignments a
            ON a.holder = who.holder
            AND a.scope_type = path.scope_type AND a.scope_id = path.scope_id
            AND (a.expires_at IS NULL OR a.expires_at > %(at)s)
        JOIN ktrlplane.roles USING (role_id)
    ) AS grants
""")

_MAY: Final = SQL("""
    (a.expires_at IS NULL OR a.expires_at > %(at)s)
    AND roles.permissions && ARRAY[{action}, {everything}]
""")


def _may(action: Action) -> Composed:
    """Of an assignment: no other text covers an action of the control plane."""
    return _MAY.format(
        action=Literal(str(Permission.control_plane(action))),
        everything=Literal(str(Permission(CONTROL_PLANE, "*"))),
    )


_MAY_READ: Final = _may(Action.READ)
"""An assignment that lets its holder see things."""


def _holders(principal: str, org: str | None = None) -> Composed:
    """In person and as a member of groups, of one organization if that is given. Both are SQL."""
    within = SQL("") if org is None else SQL(" AND org_id = " + org)
    return _HOLDERS.format(principal=SQL(principal), org=within)


HOLDERS: Final = _holders("%(principal)s")
"""As whom ``principal`` holds roles: in person, and as a member of groups."""

OF_EACH: Final = SQL("""
    CROSS JOIN LATERAL (
        SELECT * FROM ktrlplane.role_assignments WHERE holder = who.holder OFFSET 0
    ) a
""")
"""The assignments ``a`` of each holder ``who``, by probes of the index. A generic plan, which
takes everybody for a member of as many groups as people are on the average, would else read all
assignments there are: and that average is whatever somebody makes of it."""

_SCOPES: Final = SQL("""
    SELECT DISTINCT a.scope_type, a.scope_id
    FROM {holders} who {of_each}
    JOIN ktrlplane.roles USING (role_id)
    WHERE {may}
""")

HELD: Final = SQL("held AS MATERIALIZED ({})").format(
    _SCOPES.format(holders=HOLDERS, of_each=OF_EACH, may=_MAY_READ)
)
"""Where ``principal`` holds a role that may read."""

_HELD_OF_A_KIND: Final = SQL("""
    (
        SELECT a.scope_id
        FROM {holders} who {of_each}
        JOIN ktrlplane.roles USING (role_id)
        WHERE a.scope_type = {scope_type} AND {may_read}
    )
""")

_HOLDS_A_RIGHT: Final = SQL("""
    EXISTS (
        SELECT FROM (VALUES {path}) AS path (scope_type, scope_id)
        CROSS JOIN {holders} who
        JOIN ktrlplane.role_assignments a
            ON a.holder = who.holder
            AND a.scope_type = path.scope_type AND a.scope_id = path.scope_id
        JOIN ktrlplane.roles USING (role_id)
        WHERE {right}
    )
""")


def grants(path: str, *, org: str | None, principal: str = "%(principal)s") -> Composed:
    """A column with what ``principal`` holds on ``path``, oldest first. All are SQL, ``path`` a
    list of rows (scope type, scope id), each one probe of an index for the principal and for
    each of their groups in ``org``, the path's organization: whoever puts people into groups
    elsewhere neither gives them anything here nor makes their checks slow.

    An array of arrays, since a row for each grant would repeat the thing itself.
    """
    holders = _holders(principal, org)
    return _GRANTS.format(path=SQL(path), holders=holders)


def held_of_a_kind(scope_type: ScopeType) -> Composed:
    """The ids of the scopes of one kind where ``principal`` holds a role that may read."""
    return _HELD_OF_A_KIND.format(
        scope_type=Literal(scope_type.value),
        may_read=_MAY_READ,
        holders=HOLDERS,
        of_each=OF_EACH,
    )


def reads(path: str) -> Composed:
    """Whether ``principal`` may see everything at the end of ``path``, written as above."""
    return _HOLDS_A_RIGHT.format(path=SQL(path), right=_MAY_READ, holders=HOLDERS)


def managed(manager: str) -> Composed:
    """A query for the scopes where ``manager`` (SQL) holds a role that may manage access."""
    may = _may(Action.MANAGE_ACCESS)
    return _SCOPES.format(holders=_holders(manager), of_each=OF_EACH, may=may)


@lru_cache(maxsize=8192)
def grants_of(held: str | None) -> tuple[Grant, ...]:
    """Of what ``grants`` gives. A product asks about the same people again and again, and the
    same text always says the same."""
    return tuple(
        Grant(
            assignment_id=AssignmentId(assignment_id),
            role_id=RoleId(role_id),
            scope=Scope(ScopeType(scope_type), scope_id),
            permissions=permissions_of(texts),
            group_id=None if group_id is None else GroupId(group_id),
            expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
        )
        for (
            assignment_id,
            role_id,
            scope_type,
            scope_id,
            texts,
            group_id,
            expires_at,
        ) in orjson.loads(held or "[]")
    )


def permissions_of(texts: Sequence[str]) -> tuple[Permission, ...]:
    return _parsed(tuple(texts))


@lru_cache(maxsize=4096)
def _parsed(texts: tuple[str, ...]) -> tuple[Permission, ...]:
    # Roles are few and their lists long: parsing them would be most of a check's time.
    return tuple(Permission.parse(text) for text in texts)
