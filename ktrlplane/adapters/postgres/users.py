from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from attrs import asdict
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed, searched
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.sight import HELD
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.users import User
from ktrlplane.ports.users import Users

_COLUMNS: Final = SQL("""
    user_id, email, email_verified, name, is_service_account, claims_at, created_at, updated_at
""")

USER_BESIDE: Final = SQL("""
    u.email AS of_user_email, u.email_verified AS of_user_email_verified,
    u.name AS of_user_name, u.is_service_account AS of_user_is_service_account,
    u.claims_at AS of_user_claims_at, u.created_at AS of_user_created_at,
    u.updated_at AS of_user_updated_at
""")
"""The columns of a user u beside another thing."""

_FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.users WHERE user_id = %(user_id)s", columns=_COLUMNS
)

_WITH_EMAIL: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.users
    WHERE email_verified AND NOT is_service_account AND lower(email COLLATE "C") = %(email)s
    ORDER BY user_id
    """,
    columns=_COLUMNS,
)

# Two first calls of one user at once leave the earlier beginning and the newer claims.
_PUT: Final = """
    INSERT INTO ktrlplane.users AS known (
        user_id, email, email_verified, name, is_service_account, claims_at, created_at,
        updated_at
    )
    VALUES (
        %(user_id)s, %(email)s, %(email_verified)s, %(name)s, %(is_service_account)s,
        %(claims_at)s, %(created_at)s, %(updated_at)s
    )
    ON CONFLICT (user_id) DO UPDATE
    SET email = excluded.email, email_verified = excluded.email_verified,
        name = excluded.name, is_service_account = excluded.is_service_account,
        claims_at = excluded.claims_at, updated_at = excluded.updated_at,
        created_at = least(known.created_at, excluded.created_at)
    WHERE known.claims_at <= excluded.claims_at
"""

_SEARCH: Final = composed(
    """
    WITH {held}, shared AS MATERIALIZED (
        SELECT scope_type, scope_id FROM held WHERE scope_type IN ('organization', 'project')
        UNION
        SELECT 'organization', p.org_id
        FROM held JOIN ktrlplane.projects p ON p.project_id = held.scope_id
        WHERE held.scope_type = 'project' AND p.org_id IS NOT NULL
        UNION
        SELECT 'project', p.project_id
        FROM held JOIN ktrlplane.projects p ON p.org_id = held.scope_id
        WHERE held.scope_type = 'organization' AND p.status <> 'Deleted'
    ), sharing AS MATERIALIZED (
        SELECT user_id, group_id
        FROM shared JOIN ktrlplane.role_assignments USING (scope_type, scope_id)
        WHERE expires_at IS NULL OR expires_at > %(at)s
    )
    SELECT {columns} FROM ktrlplane.users
    WHERE NOT is_service_account
        AND (strpos(name_key, %(text)s) > 0 OR strpos(lower(email COLLATE "C"), %(text)s) > 0)
        AND user_id IN (
            SELECT user_id FROM sharing WHERE user_id IS NOT NULL
            UNION ALL
            SELECT m.user_id FROM sharing JOIN ktrlplane.group_members m USING (group_id)
        )
    ORDER BY name_key NULLS LAST, user_id
    LIMIT %(limit)s
    """,
    columns=_COLUMNS,
    held=HELD,
)


class PostgresUsers(Users):
    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, user_id: PrincipalId) -> User | None:
        return self._session.one(user_of, _FIND, {"user_id": user_id})

    def with_email(self, email: str) -> Sequence[User]:
        return self._session.all(user_of, _WITH_EMAIL, {"email": searched(email)})

    def put(self, user: User) -> None:
        self._session.change(_PUT, asdict(user, recurse=False))

    def search(
        self, principal: PrincipalId, at: datetime, text: str, limit: int
    ) -> Sequence[User]:
        values = {"principal": principal, "at": at, "text": searched(text), "limit": limit}
        return self._session.all(user_of, _SEARCH, values)


def user_of(user_id: str, **columns: Any) -> User:
    return User(user_id=PrincipalId(user_id), **columns)
