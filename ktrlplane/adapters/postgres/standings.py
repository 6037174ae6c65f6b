"""Asking the database what principals hold where."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.decisions import Question
from ktrlplane.adapters.postgres.lists import composed
from ktrlplane.adapters.postgres.prepared import Prepared
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.sight import grants, grants_of
from ktrlplane.domain.access import GLOBAL, Scope, ScopeType
from ktrlplane.domain.standings import Standing

# LIMIT keeps the planner, which does not know how few are asked, from reading whole tables.
LOCATED: Final = SQL("""
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
_MANY: Final = Prepared.of(
    composed(
        """
        SELECT
            asked.scope_type,
            coalesce(o.org_id, p.org_id, r.org_id) AS org_id,
            coalesce(p.project_id, r.project_id) AS project_id,
            r.resource_id,
            {grants}
        FROM unnest(%(principals)s::text[], %(scope_types)s::text[], %(scope_ids)s::text[])
            WITH ORDINALITY AS asked (user_id, scope_type, scope_id, place)
        {located}
        LEFT JOIN LATERAL (
            SELECT org_id FROM ktrlplane.organizations
            WHERE asked.scope_type = 'organization' AND org_id = asked.scope_id
                AND deleted_at IS NULL
            LIMIT 1
        ) o ON true
        ORDER BY asked.place
        """,
        located=LOCATED,
        grants=grants(
            """
            ('organization', coalesce(o.org_id, p.org_id, r.org_id)),
            ('project', coalesce(p.project_id, r.project_id)),
            ('resource', r.resource_id),
            ('global', CASE asked.scope_type WHEN 'global' THEN '*' END)
            """,
            org="coalesce(o.org_id, p.org_id, r.org_id)",
            principal="asked.user_id",
        ),
    )
)

# Most ask one question, and what is in a plan has to be set up each time: without the tables
# that this kind of scope is not in, it costs three quarters.
_ONE: Final[Mapping[ScopeType, Prepared]] = {
    scope_type: Prepared.of(composed(query, grants=grants(path, org=org)))
    for scope_type, query, path, org in (
        (
            ScopeType.RESOURCE,
            """
            SELECT 'resource', r.org_id, r.project_id, r.resource_id, {grants}
            FROM ktrlplane.resources r WHERE resource_id = %(scope_id)s
            """,
            "('organization', r.org_id), ('project', r.project_id), ('resource', r.resource_id)",
            "r.org_id",
        ),
        (
            ScopeType.PROJECT,
            """
            SELECT 'project', p.org_id, p.project_id, NULL, {grants}
            FROM ktrlplane.projects p WHERE project_id = %(scope_id)s
            """,
            "('organization', p.org_id), ('project', p.project_id)",
            "p.org_id",
        ),
        (
            ScopeType.ORGANIZATION,
            """
            SELECT 'organization', o.org_id, NULL, NULL, {grants}
            FROM ktrlplane.organizations o WHERE org_id = %(scope_id)s AND deleted_at IS NULL
            """,
            "('organization', o.org_id)",
            "o.org_id",
        ),
        (
            ScopeType.GLOBAL,
            "SELECT 'global', NULL, NULL, NULL, {grants}",
            "('global', '*')",
            "NULL",
        ),
    )
}


def standings(
    session: Session, asked: Sequence[Question], at: datetime
) -> Sequence[Standing | None]:
    """In the order asked, in one round trip."""
    if len(asked) == 1:
        ((principal, scope),) = asked
        one = {"principal": principal, "scope_id": scope.scope_id, "at": at}
        return session.prepared(_standing, _ONE[scope.scope_type], one) or [None]
    many = {
        "principals": [principal.value for principal, _ in asked],
        "scope_types": [scope.scope_type.value for _, scope in asked],
        "scope_ids": [scope.scope_id for _, scope in asked],
        "at": at,
    }
    return session.prepared(_standing, _MANY, many)


@lru_cache(maxsize=8192)
def _standing(
    scope_type: str,
    org_id: str | None,
    project_id: str | None,
    resource_id: str | None,
    held: str | None,
) -> Standing | None:
    """A product asks about the same people again and again, and the same row always says the
    same."""
    kinds = (ScopeType.ORGANIZATION, ScopeType.PROJECT, ScopeType.RESOURCE)
    ids = (org_id, project_id, resource_id)
    path = tuple(Scope(kind, found) for kind, found in zip(kinds, ids, strict=True) if found)
    if scope_type == GLOBAL.scope_type:
        path = (GLOBAL,)
    return Standing(path, grants_of(held)) if path else None


@lru_cache(maxsize=8192)
def scope_of(text: str) -> Scope:
    """What ``str`` makes of it, read back."""
    return Scope.parse(*text.split(" "))
