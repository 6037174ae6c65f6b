"""What the former system's tables hold.

Its times have no zone and are UTC. Those that no calendar has (infinity is one) count as
never said; an expiry beyond all years never comes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import psycopg
from attrs import frozen
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

T = TypeVar("T")


@frozen(kw_only=True)
class TheirUser:
    user_id: str
    email: str
    name: str | None
    created_at: datetime | None
    updated_at: datetime | None


@frozen(kw_only=True)
class TheirOrganization:
    org_id: str
    name: str
    created_at: datetime | None
    updated_at: datetime | None


@frozen(kw_only=True)
class TheirProject:
    project_id: str
    org_id: str | None
    name: str
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None


@frozen(kw_only=True)
class TheirResource:
    resource_id: str
    project_id: str
    name: str
    type: str
    status: str | None
    settings_text: str | None
    error_message: str | None
    access_url: str | None
    sku: str
    stripe_price_id: str | None
    created_at: datetime | None
    updated_at: datetime | None


@frozen(kw_only=True)
class TheirRole:
    role_id: str
    name: str
    display_name: str | None
    description: str | None
    is_hidden: bool | None
    display_order: int | None
    permissions: Sequence[str]


@frozen(kw_only=True)
class TheirAssignment:
    assignment_id: str
    user_id: str
    role_id: str
    scope_type: str
    scope_id: str
    assigned_by: str | None
    created_at: datetime | None
    expires_at: datetime | None


@frozen(kw_only=True)
class TheirBillingAccount:
    billing_account_id: str
    scope_type: str
    scope_id: str
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    created_at: datetime | None
    updated_at: datetime | None


@frozen(kw_only=True)
class Theirs:
    """Each kind in the order of its ids."""

    users: Sequence[TheirUser]
    organizations: Sequence[TheirOrganization]
    projects: Sequence[TheirProject]
    resources: Sequence[TheirResource]
    roles: Sequence[TheirRole]
    assignments: Sequence[TheirAssignment]
    billing_accounts: Sequence[TheirBillingAccount]


_TIMES: Final = SQL("""
    CASE WHEN created_at BETWEEN '0001-01-03' AND '9999-12-29'
        THEN created_at AT TIME ZONE 'UTC' END AS created_at,
    CASE WHEN updated_at BETWEEN '0001-01-03' AND '9999-12-29'
        THEN updated_at AT TIME ZONE 'UTC' END AS updated_at
""")

_CREATED: Final = SQL("""
    CASE WHEN created_at BETWEEN '0001-01-03' AND '9999-12-29'
        THEN created_at AT TIME ZONE 'UTC' END AS created_at
""")

_USERS: Final = """
    SELECT user_id, email, name, {times} FROM {old}.users ORDER BY user_id COLLATE "C"
"""
_ORGANIZATIONS: Final = """
    SELECT org_id, name, {times} FROM {old}.organizations ORDER BY org_id COLLATE "C"
"""
_PROJECTS: Final = """
    SELECT project_id, org_id, name, status, {times}
    FROM {old}.projects ORDER BY project_id COLLATE "C"
"""
_RESOURCES: Final = """
    SELECT resource_id, project_id, name, type, status, settings_json::text AS settings_text,
        error_message, access_url, sku, stripe_price_id, {times}
    FROM {old}.resources ORDER BY resource_id COLLATE "C"
"""
_ROLES: Final = """
    SELECT role_id, name, display_name, description, is_hidden, display_order, ARRAY(
        SELECT p.resource_type || ':' || p.action
        FROM {old}.role_permissions g JOIN {old}.permissions p USING (permission_id)
        WHERE g.role_id = r.role_id ORDER BY p.permission_id COLLATE "C"
    ) AS permissions
    FROM {old}.roles r ORDER BY role_id COLLATE "C"
"""
_ASSIGNMENTS: Final = """
    SELECT assignment_id, user_id, role_id, scope_type, scope_id, assigned_by, {created},
        CASE WHEN expires_at > '9999-12-29' THEN NULL
            WHEN expires_at < '1970-01-01' THEN timestamptz 'epoch'
            ELSE expires_at AT TIME ZONE 'UTC' END AS expires_at
    FROM {old}.role_assignments ORDER BY assignment_id COLLATE "C"
"""
_BILLING_ACCOUNTS: Final = """
    SELECT billing_account_id, scope_type, scope_id, stripe_customer_id, stripe_subscription_id,
        {times}
    FROM {old}.billing_accounts ORDER BY billing_account_id COLLATE "C"
"""


def read(connection: psycopg.Connection[Any], schema: str) -> Theirs:
    """All of it. In a transaction that sees one moment, on a connection in UTC."""
    return Theirs(
        users=_all(connection, schema, TheirUser, _USERS),
        organizations=_all(connection, schema, TheirOrganization, _ORGANIZATIONS),
        projects=_all(connection, schema, TheirProject, _PROJECTS),
        resources=_all(connection, schema, TheirResource, _RESOURCES),
        roles=_all(connection, schema, TheirRole, _ROLES),
        assignments=_all(connection, schema, TheirAssignment, _ASSIGNMENTS),
        billing_accounts=_all(connection, schema, TheirBillingAccount, _BILLING_ACCOUNTS),
    )


def _all(
    connection: psycopg.Connection[Any], schema: str, kind: type[T], query: str
) -> Sequence[T]:
    statement = SQL(query).format(old=Identifier(schema), times=_TIMES, created=_CREATED)
    return connection.cursor(row_factory=class_row(kind)).execute(statement).fetchall()


_TIME: Final = "timestamp without time zone"
SHAPE: Final[Mapping[str, Mapping[str, str | None]]] = {
    "users": {"user_id": None, "email": None, "name": None},
    "organizations": {"org_id": None, "name": None},
    "projects": {"project_id": None, "org_id": None, "name": None, "status": None},
    "resources": {
        **dict.fromkeys(("resource_id", "project_id", "name", "type", "status", "sku")),
        **dict.fromkeys(("error_message", "access_url", "stripe_price_id")),
        "settings_json": "jsonb",
    },
    "roles": dict.fromkeys(
        ("role_id", "name", "display_name", "description", "is_hidden", "display_order")
    ),
    "permissions": dict.fromkeys(("permission_id", "resource_type", "action")),
    "role_permissions": dict.fromkeys(("role_id", "permission_id")),
    "role_assignments": {
        **dict.fromkeys(("assignment_id", "user_id", "role_id", "scope_type", "scope_id")),
        "assigned_by": None,
        "expires_at": _TIME,
    },
    "billing_accounts": dict.fromkeys(
        ("billing_account_id", "scope_type", "scope_id", "stripe_customer_id",
         "stripe_subscription_id")
    ),
}  # fmt: skip
"""What is read of which table, and what it has to be where that matters."""

_DATED: Final = ("users", "organizations", "projects", "resources", "billing_accounts")

_COLUMNS: Final = """
    SELECT c.relname || '.' || a.attname, format_type(a.atttypid, NULL)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = to_regnamespace(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""


def missing(connection: psycopg.Connection[Any], schema: str) -> Sequence[str]:
    """Columns that are read and are not there, or not what they have to be."""
    present = dict(connection.execute(_COLUMNS, [schema]).fetchall())
    wanted = {
        f"{table}.{name}": kind for table, names in SHAPE.items() for name, kind in names.items()
    }
    wanted |= {f"{table}.{name}_at": _TIME for table in _DATED for name in ("created", "updated")}
    wanted["role_assignments.created_at"] = _TIME
    return [
        name
        for name, kind in wanted.items()
        if name not in present or kind not in (None, present[name])
    ]
