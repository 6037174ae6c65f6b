from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import (
    Shape,
    composed,
    count_of,
    page_of,
    searched,
    shape_of,
    span,
)
from ktrlplane.adapters.postgres.refusals import taken
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.sight import grants, grants_of, held_of_a_kind
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.organizations import Organization, PurchasePolicy
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import Organizations

_COLUMNS: Final = SQL("org_id, name, purchase_policy, created_at, updated_at, deleted_at")

_ADD: Final = """
    INSERT INTO ktrlplane.organizations
        (org_id, name, purchase_policy, created_at, updated_at, deleted_at)
    VALUES (
        %(org_id)s, %(name)s, %(purchase_policy)s, %(created_at)s, %(updated_at)s, %(deleted_at)s
    )
    ON CONFLICT (org_id) DO NOTHING
"""

_REPLACE: Final = """
    UPDATE ktrlplane.organizations
    SET name = %(name)s, purchase_policy = %(purchase_policy)s, created_at = %(created_at)s,
        updated_at = %(updated_at)s, deleted_at = %(deleted_at)s
    WHERE org_id = %(org_id)s AND deleted_at IS NULL
"""

_GET: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.organizations
    WHERE org_id = %(org_id)s AND deleted_at IS NULL
    """,
    columns=_COLUMNS,
)

_WITH_STANDING: Final = composed(
    """
    SELECT {columns}, {grants}
    FROM ktrlplane.organizations o
    WHERE org_id = %(org_id)s AND deleted_at IS NULL
    """,
    columns=_COLUMNS,
    grants=grants("('organization', o.org_id)", org="o.org_id"),
)

_SEEN: Final = """
    SELECT {columns} FROM ktrlplane.organizations
    WHERE deleted_at IS NULL AND org_id IN (SELECT DISTINCT scope_id FROM {held} held) {matching}
"""

_FILTERS: Final = {"text": SQL("(strpos(name_key, %(text)s) > 0 OR strpos(org_id, %(text)s) > 0)")}


class PostgresOrganizations(Organizations):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, organization: Organization) -> None:
        if self._session.change(_ADD, _values(organization)) == 0:
            raise taken("organization", organization.org_id)

    def with_standing(
        self, org_id: OrganizationId, principal: PrincipalId, at: datetime
    ) -> tuple[Organization, Standing]:
        scope = Scope.of(org_id)
        values = {"org_id": org_id, "principal": principal, "at": at}
        standing = self._session.remembered(principal, scope, at)
        if standing is None:
            found = self._session.remembering(
                principal, lambda: self._session.one(_with_standing, _WITH_STANDING, values)
            )
        else:
            organization = self._session.one(_organization, _GET, values)
            found = None if organization is None else (organization, standing)
        if found is None:
            raise not_found(scope)
        return found

    def replace(self, organization: Organization) -> None:
        scope = Scope.of(organization.org_id)
        if self._session.change(_REPLACE, _values(organization)) == 0:
            raise not_found(scope)
        if organization.deleted_at is not None:
            self._session.touched(scope)

    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, *, text: str | None = None
    ) -> Page[Organization]:
        shape = shape_of(page, text=text)
        values = {"principal": principal, "at": at, **span(page), "text": searched(text or "")}
        rows = self._session.all(_organization, _page_query(shape), values)
        total = None
        if page.include_total:
            total = count_of(self._session, _count_query(shape.uncut()), values)

        def place(row: Organization) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.org_id.value
            )

        return page_of(rows, page, place, total)


@cache
def _page_query(shape: Shape) -> bytes:
    parts = shape.parts(SQL("org_id"), _FILTERS)
    seen = SQL(_SEEN).format(
        columns=_COLUMNS, held=held_of_a_kind(ScopeType.ORGANIZATION), **parts
    )
    return composed(
        "{seen} {beyond} ORDER BY {key} {way}, org_id {way} LIMIT %(rows)s OFFSET %(offset)s",
        seen=seen,
        **parts,
    )


@cache
def _count_query(shape: Shape) -> bytes:
    return composed(
        _SEEN,
        columns=SQL("count(*) AS total"),
        held=held_of_a_kind(ScopeType.ORGANIZATION),
        **shape.parts(SQL("org_id"), _FILTERS),
    )


def _organization(org_id: str, purchase_policy: str, **columns: Any) -> Organization:
    return Organization(
        org_id=OrganizationId(org_id), purchase_policy=PurchasePolicy(purchase_policy), **columns
    )


def _with_standing(grants: str | None, **columns: Any) -> tuple[Organization, Standing]:
    organization = _organization(**columns)
    return organization, Standing((Scope.of(organization.org_id),), grants_of(grants))


def _values(organization: Organization) -> Mapping[str, object]:
    return {
        "org_id": organization.org_id,
        "name": organization.name,
        "purchase_policy": organization.purchase_policy,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
        "deleted_at": organization.deleted_at,
    }
