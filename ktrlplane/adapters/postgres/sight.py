"""What principals hold, and what they see by it: the parts that queries share."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import orjson
from psycopg.sql import SQL, Composed, Literal

from ktrlplane.domain.access import Grant, Permission, Scope, ScopeType
from ktrlplane.domain.ids import AssignmentId, RoleId

_GRANTS: Final = SQL("""
    (
        SELECT json_agg(
            json_build_array(
                a.assignment_id, a.role_id, a.scope_type, a.scope_id, roles.permissions
            )
            ORDER BY a.created_at, a.assignment_id
        )::text
        FROM (VALUES {path}) AS path (scope_type, scope_id)
        JOIN ktrlplane.role_assignments a
            ON a.user_id = {principal}
            AND a.scope_type = path.scope_type AND a.scope_id = path.scope_id
            AND (a.expires_at IS NULL OR a.expires_at > %(at)s)
        JOIN ktrlplane.roles USING (role_id)
    ) AS grants
""")

_MAY_READ: Final = SQL("""
    (a.expires_at IS NULL OR a.expires_at > %(at)s)
    AND roles.permissions && '{{Konnektr.KtrlPlane:read,Konnektr.KtrlPlane:*}}'
""").format()
"""An assignment that lets its principal see things: no other text covers ``read`` there."""

HELD: Final = SQL("""
    held AS MATERIALIZED (
        SELECT DISTINCT a.scope_type, a.scope_id
        FROM ktrlplane.role_assignments a
        JOIN ktrlplane.roles USING (role_id)
        WHERE a.user_id = %(principal)s AND {may_read}
    )
""").format(may_read=_MAY_READ)
"""Where ``principal`` holds a role that may read."""

_HELD_OF_A_KIND: Final = SQL("""
    (
        SELECT a.scope_id
        FROM ktrlplane.role_assignments a
        JOIN ktrlplane.roles USING (role_id)
        WHERE a.user_id = %(principal)s AND a.scope_type = {scope_type} AND {may_read}
    )
""")

_READS: Final = SQL("""
    EXISTS (
        SELECT FROM (VALUES {path}) AS path (scope_type, scope_id)
        JOIN ktrlplane.role_assignments a
            ON a.user_id = %(principal)s
            AND a.scope_type = path.scope_type AND a.scope_id = path.scope_id
        JOIN ktrlplane.roles USING (role_id)
        WHERE {may_read}
    )
""")


def grants(path: str, principal: str = "%(principal)s") -> Composed:
    """A column with what ``principal`` holds on ``path``, oldest first. Both are SQL, ``path``
    a list of rows (scope type, scope id): each is one probe of an index.

    An array of arrays, since a row for each grant would repeat the thing itself.
    """
    return _GRANTS.format(path=SQL(path), principal=SQL(principal))


def held_of_a_kind(scope_type: ScopeType) -> Composed:
    """The ids of the scopes of one kind where ``principal`` holds a role that may read."""
    return _HELD_OF_A_KIND.format(scope_type=Literal(scope_type.value), may_read=_MAY_READ)


def reads(path: str) -> Composed:
    """Whether ``principal`` may see everything at the end of ``path``, written as above."""
    return _READS.format(path=SQL(path), may_read=_MAY_READ)


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
        )
        for assignment_id, role_id, scope_type, scope_id, texts in orjson.loads(held or "[]")
    )


def permissions_of(texts: Sequence[str]) -> tuple[Permission, ...]:
    return _parsed(tuple(texts))


@lru_cache(maxsize=4096)
def _parsed(texts: tuple[str, ...]) -> tuple[Permission, ...]:
    # Roles are few and their lists long: parsing them would be most of a check's time.
    return tuple(Permission.parse(text) for text in texts)
