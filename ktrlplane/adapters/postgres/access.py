from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.sight import grants, grants_of
from ktrlplane.domain.access import Scope, ScopeType, Standing
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.stores import Access

# LIMIT keeps the planner, which does not know how few are asked, from reading whole tables.
_LOCATED: Final = SQL("""
    LEFT JOIN LATERAL (
        SELECT resource_id, project_id, org_id FROM ktrlplane.resources
        WHERE asked.scope_type = 'resource' AND resource_id = asked.scope_id
        LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT project_id, org_id FROM ktrlplane.projects
        WHERE asked.scope_type = 'project' AND project_id = asked.scope_id
        LIMIT 1
    ) p ON true
""")

# A question is at most one row of a table, by its key, and four probes of the index of
# assignments: a resource knows its project and its organization.
_STANDINGS: Final = """
    SELECT
        coalesce(o.org_id, p.org_id, r.org_id) AS org_id,
        coalesce(p.project_id, r.project_id) AS project_id,
        r.resource_id,
        {grants}
    FROM {asked}
    {located}
    LEFT JOIN LATERAL (
        SELECT org_id FROM ktrlplane.organizations
        WHERE asked.scope_type = 'organization' AND org_id = asked.scope_id
            AND deleted_at IS NULL
        LIMIT 1
    ) o ON true
    ORDER BY asked.place
"""

_PARTS: Final = {
    "located": _LOCATED,
    "grants": grants(
        """
        ('organization', coalesce(o.org_id, p.org_id, r.org_id)),
        ('project', coalesce(p.project_id, r.project_id)),
        ('resource', r.resource_id),
        ('global', CASE asked.scope_type WHEN 'global' THEN '*' END)
        """,
        principal="asked.user_id",
    ),
}

_MANY: Final = composed(
    _STANDINGS,
    asked=SQL("""
        unnest(%(principals)s::text[], %(scope_types)s::text[], %(scope_ids)s::text[])
        WITH ORDINALITY AS asked (user_id, scope_type, scope_id, place)
    """),
    **_PARTS,
)

# Most ask one question, and an array of one is dearer to send than all the rest.
_ONE: Final = composed(
    _STANDINGS,
    asked=SQL("""
        (VALUES (%(principal)s::text, %(scope_type)s::text, %(scope_id)s::text, 1))
        AS asked (user_id, scope_type, scope_id, place)
    """),
    **_PARTS,
)


# In the order of the roots, so that two who hold the same tenants do not wait for each other.
_HOLD: Final = composed(
    """
    SELECT root, pg_advisory_xact_lock(hashtextextended('tenant ' || root, 0)) AS done
    FROM (
        SELECT DISTINCT
            CASE asked.scope_type
                WHEN 'global' THEN 'global'
                WHEN 'organization' THEN 'organization ' || asked.scope_id
                WHEN 'project'
                    THEN coalesce('organization ' || p.org_id, 'project ' || p.project_id)
                ELSE coalesce('organization ' || r.org_id, 'project ' || r.project_id)
            END AS root
        FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[])
            AS asked (scope_type, scope_id)
        {located}
        ORDER BY root
        OFFSET 0
    ) roots
    WHERE root IS NOT NULL
    """,
    located=_LOCATED,
)

_ROOTS: Final = {ScopeType.GLOBAL, ScopeType.ORGANIZATION}


class PostgresAccess(Access):
    def __init__(self, session: Session) -> None:
        self._session = session

    def standings(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime
    ) -> Sequence[Standing | None]:
        rows = self._session.all(_found, *_question(asked, at))
        return [
            _standing(scope, path, held)
            for (_, scope), (path, held) in zip(asked, rows, strict=True)
        ]

    def hold(self, *scopes: Scope) -> None:
        values = {
            "scope_types": [scope.scope_type.value for scope in scopes],
            "scope_ids": [scope.scope_id for scope in scopes],
        }
        held: set[str] = set()
        while True:
            # A project can move to another tenant while this waits for the one it was in:
            # ask again, with what has been committed by then, until nothing is new.
            roots = set(self._session.change_returning(_root, _HOLD, values))
            if roots <= held or all(scope.scope_type in _ROOTS for scope in scopes):
                return
            held |= roots


def _question(
    asked: Sequence[tuple[PrincipalId, Scope]], at: datetime
) -> tuple[bytes, dict[str, object]]:
    if len(asked) == 1:
        ((principal, scope),) = asked
        return _ONE, {
            "principal": principal.value,
            "scope_type": scope.scope_type.value,
            "scope_id": scope.scope_id,
            "at": at,
        }
    return _MANY, {
        "principals": [principal.value for principal, _ in asked],
        "scope_types": [scope.scope_type.value for _, scope in asked],
        "scope_ids": [scope.scope_id for _, scope in asked],
        "at": at,
    }


def _root(root: str, done: str) -> str:
    return root


def _found(
    org_id: str | None, project_id: str | None, resource_id: str | None, grants: str | None
) -> tuple[tuple[Scope, ...], str | None]:
    kinds = (ScopeType.ORGANIZATION, ScopeType.PROJECT, ScopeType.RESOURCE)
    ids = (org_id, project_id, resource_id)
    path = (Scope(kind, found) for kind, found in zip(kinds, ids, strict=True) if found)
    return tuple(path), grants


def _standing(scope: Scope, path: tuple[Scope, ...], held: str | None) -> Standing | None:
    if scope.scope_type is ScopeType.GLOBAL:
        path = (scope,)
    return Standing(path, grants_of(held)) if path else None
