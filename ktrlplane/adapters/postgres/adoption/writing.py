"""Copying into our tables, as they are once the step before has been taken. Later steps change
what is in them for every database alike."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

from ktrlplane.adapters.postgres.adoption.ours import Ours
from ktrlplane.domain.access import Scope
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.transitions import between

_USERS: Final = (
    "user_id", "email", "email_verified", "name", "is_service_account", "claims_at",
    "created_at", "updated_at",
)  # fmt: skip
_ORGANIZATIONS: Final = ("org_id", "name", "purchase_policy", "created_at", "updated_at")
_PROJECTS: Final = (
    "project_id", "org_id", "name", "status", "inherits_billing_from_org", "created_at",
    "updated_at",
)  # fmt: skip
_RESOURCES: Final = (
    "resource_id", "project_id", "org_id", "name", "type", "sku", "settings_text", "status",
    "status_reason", "generation", "observed_generation", "access_url", "error_message",
    "stripe_price_id", "created_at", "updated_at",
)  # fmt: skip
_TRANSITIONS: Final = (
    "transition_id", "resource_id", "to_status", "reason", "generation", "occurred_at",
)  # fmt: skip
_ROLES: Final = (
    "role_id", "name", "display_name", "description", "permissions", "is_system", "is_hidden",
    "display_order",
)  # fmt: skip
_ASSIGNMENTS: Final = (
    "assignment_id", "user_id", "role_id", "scope_type", "scope_id", "assigned_by",
    "created_at", "expires_at",
)  # fmt: skip
_INVITATIONS: Final = (
    "invitation_id", "email", "role_id", "scope_type", "scope_id", "invited_by", "created_at",
    "expires_at", "role_expires_at",
)  # fmt: skip
_BILLING_ACCOUNTS: Final = (
    "billing_account_id", "scope_type", "scope_id", "stripe_customer_id",
    "stripe_subscription_id", "created_at", "updated_at",
)  # fmt: skip


def write(connection: psycopg.Connection[Any], ours: Ours) -> None:
    """What is referred to comes first."""
    copies: Sequence[tuple[str, Sequence[str], Iterable[object]]] = (
        ("users", _USERS, ours.users),
        ("organizations", _ORGANIZATIONS, ours.organizations),
        ("projects", _PROJECTS, ours.projects),
        ("resources", _RESOURCES, ours.resources),
        ("resource_transitions", _TRANSITIONS, _beginnings(ours)),
        ("roles", _ROLES, ours.roles),
        ("role_assignments", _ASSIGNMENTS, ours.assignments),
        ("invitations", _INVITATIONS, ours.invitations),
        ("billing_accounts", _BILLING_ACCOUNTS, ours.billing_accounts),
    )
    for table, columns, things in copies:
        _copy(connection, table, columns, things)
        # Nobody waits until the server finds out by itself how much there is now.
        connection.execute(SQL("ANALYZE ktrlplane.{}").format(Identifier(table)))


def _copy(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[str],
    things: Iterable[object],
) -> None:
    statement = SQL("COPY ktrlplane.{} ({}) FROM STDIN").format(
        Identifier(table), SQL(", ").join(map(Identifier, columns))
    )
    with connection.cursor().copy(statement) as copy:
        for thing in things:
            copy.write_row([_value(thing, column) for column in columns])


def _value(thing: object, column: str) -> object:
    """What a column of our tables is called is what a noun calls it, but for these."""
    match column:
        case "settings_text":
            assert isinstance(thing, Resource)
            return thing.settings_json.text
        case "scope_type" | "scope_id":
            scope: Scope = getattr(thing, "scope")  # noqa: B009
            return getattr(scope, column)
        case "permissions":
            return [str(one) for one in getattr(thing, column)]
    return getattr(thing, column)


def _beginnings(ours: Ours) -> Iterable[object]:
    """Each resource's history begins here."""
    for resource in ours.resources:
        yield between(None, resource, actor=None, at=ours.moment)
