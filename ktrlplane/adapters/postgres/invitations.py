from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve
from psycopg.sql import SQL

from ktrlplane.adapters.postgres.assignment_queries import (
    BELOW,
    ROLE_BESIDE,
    SCOPE_NAME,
    THESE,
    scopes_values,
)
from ktrlplane.adapters.postgres.lists import Listing, composed, searched, taken
from ktrlplane.adapters.postgres.roles import role_of
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.users import USER_BESIDE, user_of
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import InvitationId, PrincipalId, RoleId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import Cursor, Page, PageRequest, time_key
from ktrlplane.ports.invitations import Invitations, InvitationView

_COLUMNS: Final = SQL("""
    a.invitation_id, a.email, a.role_id, a.scope_type, a.scope_id, a.invited_by, a.created_at,
    a.expires_at, a.role_expires_at, a.sent_at, a.mail_due_at, a.mail_attempts
""")

_ADD: Final = """
    INSERT INTO ktrlplane.invitations AS known (
        invitation_id, email, role_id, scope_type, scope_id, invited_by, created_at, expires_at,
        role_expires_at, sent_at, mail_due_at, mail_attempts
    )
    VALUES (
        %(invitation_id)s, %(email)s, %(role_id)s, %(scope_type)s, %(scope_id)s,
        %(invited_by)s, %(created_at)s, %(expires_at)s, %(role_expires_at)s, %(sent_at)s,
        %(mail_due_at)s, %(mail_attempts)s
    )
    ON CONFLICT (email_key, scope_type, scope_id, role_id) DO UPDATE
    SET invitation_id = excluded.invitation_id, email = excluded.email,
        invited_by = excluded.invited_by, created_at = excluded.created_at,
        expires_at = excluded.expires_at, role_expires_at = excluded.role_expires_at,
        sent_at = excluded.sent_at, mail_due_at = excluded.mail_due_at,
        mail_attempts = excluded.mail_attempts
    WHERE known.expires_at <= excluded.created_at
        OR known.role_expires_at <= excluded.created_at
"""

_VIEW: Final = SQL("""
    SELECT {columns}, {user}, {role}, {scope_name}
    FROM ktrlplane.invitations a
    JOIN ktrlplane.users u ON u.user_id = a.invited_by
    JOIN ktrlplane.roles g ON g.role_id = a.role_id
    LEFT JOIN ktrlplane.organizations o
        ON a.scope_type = 'organization' AND o.org_id = a.scope_id
    LEFT JOIN ktrlplane.projects p ON a.scope_type = 'project' AND p.project_id = a.scope_id
    LEFT JOIN ktrlplane.resources r ON a.scope_type = 'resource' AND r.resource_id = a.scope_id
""").format(columns=_COLUMNS, user=USER_BESIDE, role=ROLE_BESIDE, scope_name=SCOPE_NAME)

_GET: Final = composed("{view} WHERE a.invitation_id = %(invitation_id)s", view=_VIEW)

_REPLACE: Final = """
    UPDATE ktrlplane.invitations
    SET email = %(email)s, role_id = %(role_id)s, scope_type = %(scope_type)s,
        scope_id = %(scope_id)s, invited_by = %(invited_by)s, created_at = %(created_at)s,
        expires_at = %(expires_at)s, role_expires_at = %(role_expires_at)s,
        sent_at = %(sent_at)s, mail_due_at = %(mail_due_at)s,
        mail_attempts = %(mail_attempts)s
    WHERE invitation_id = %(invitation_id)s
"""

_REMOVE: Final = "DELETE FROM ktrlplane.invitations WHERE invitation_id = %(invitation_id)s"

_REMOVE_BELOW: Final = composed(
    "DELETE FROM ktrlplane.invitations WHERE (scope_type, scope_id) IN {below}", below=BELOW
)

_REMOVE_ON: Final = composed(
    "DELETE FROM ktrlplane.invitations WHERE (scope_type, scope_id) IN {these}", these=THESE
)

_REMOVE_LENT_BELOW: Final = composed(
    """
    DELETE FROM ktrlplane.invitations a
    USING ktrlplane.roles g
    WHERE (a.scope_type, a.scope_id) IN {below}
        AND g.role_id = a.role_id AND g.org_id IS NOT NULL
    """,
    below=BELOW,
)

_OF: Final = Listing(
    columns=SQL("*"),
    rows=SQL("{} WHERE a.scope_type = %(scope_type)s AND a.scope_id = %(scope_id)s").format(_VIEW),
    identity=SQL("invitation_id"),
)

_TO: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.invitations a
    WHERE email_key = %(email)s
    ORDER BY created_at, invitation_id
    """,
    columns=_COLUMNS,
)

# The rows of others who take some at this moment are passed over.
_TAKE_MAIL: Final = composed(
    """
    WITH due AS (
        SELECT invitation_id, mail_due_at FROM ktrlplane.invitations
        WHERE mail_due_at <= %(at)s AND expires_at > %(at)s
            AND (role_expires_at IS NULL OR role_expires_at > %(at)s)
        ORDER BY mail_due_at, invitation_id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE ktrlplane.invitations a
        SET mail_due_at = %(until)s, mail_attempts = a.mail_attempts + 1
        FROM due WHERE a.invitation_id = due.invitation_id
        RETURNING a.invitation_id, a.mail_due_at, a.mail_attempts, due.mail_due_at AS was_due_at
    )
    SELECT viewed.*, taken.mail_due_at, taken.mail_attempts
    FROM taken
    JOIN ({view}) viewed USING (invitation_id)
    ORDER BY taken.was_due_at, invitation_id
    """,
    view=_VIEW,
)


class PostgresInvitations(Invitations):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, invitation: Invitation) -> None:
        if self._session.change(_ADD, _values(invitation)) == 0:
            raise AlreadyExists(
                f"{invitation.email} is invited to this role on {invitation.scope} already; "
                "send that invitation again instead."
            )

    def get(self, invitation_id: InvitationId) -> InvitationView:
        view = self._session.one(_view, _GET, {"invitation_id": invitation_id})
        if view is None:
            raise _not_there(invitation_id)
        return view

    def replace(self, invitation: Invitation) -> None:
        if self._session.change(_REPLACE, _values(invitation)) == 0:
            raise _not_there(invitation.invitation_id)

    def remove(self, invitation_id: InvitationId) -> None:
        if self._session.change(_REMOVE, {"invitation_id": invitation_id}) == 0:
            raise _not_there(invitation_id)

    def remove_below(self, scope: Scope) -> None:
        self._session.change(_REMOVE_BELOW, _scope_values(scope))

    def remove_on(self, scopes: Sequence[Scope]) -> None:
        self._session.change(_REMOVE_ON, scopes_values(scopes))

    def remove_lent_below(self, scope: Scope) -> None:
        self._session.change(_REMOVE_LENT_BELOW, _scope_values(scope))

    def of(self, scope: Scope, page: PageRequest) -> Page[InvitationView]:
        by_time = evolve(page, sort=page.sort.by_time)
        return _OF.page(self._session, _view, by_time, _place, _scope_values(scope))

    def to(self, email: str) -> Sequence[Invitation]:
        return self._session.all(_invitation, _TO, {"email": searched(email)})

    def take_mail(self, at: datetime, until: datetime, limit: int) -> Sequence[InvitationView]:
        values = {"at": at, "until": until, "limit": limit}
        return self._session.change_returning(_view, _TAKE_MAIL, values)


def _invitation(
    *,
    invitation_id: str,
    role_id: str,
    scope_type: str,
    scope_id: str,
    invited_by: str,
    **columns: Any,
) -> Invitation:
    return Invitation(
        invitation_id=InvitationId(invitation_id),
        role_id=RoleId(role_id),
        scope=Scope(ScopeType(scope_type), scope_id),
        invited_by=PrincipalId(invited_by),
        **columns,
    )


def _view(role_id: str, invited_by: str, scope_name: str, **columns: Any) -> InvitationView:
    return InvitationView(
        inviter=user_of(invited_by, **taken(columns, "of_user_")),
        role=role_of(role_id, **taken(columns, "of_role_")),
        invitation=_invitation(role_id=role_id, invited_by=invited_by, **columns),
        scope_name=scope_name,
    )


def _place(view: InvitationView) -> Cursor:
    invitation = view.invitation
    return Cursor(time_key(invitation.created_at), invitation.invitation_id.value)


def _not_there(invitation_id: InvitationId) -> NotFound:
    return NotFound(f"There is no invitation {invitation_id}.")


def _scope_values(scope: Scope) -> Mapping[str, object]:
    return {"scope_type": scope.scope_type, "scope_id": scope.scope_id}


def _values(invitation: Invitation) -> Mapping[str, object]:
    return {
        "invitation_id": invitation.invitation_id,
        "email": invitation.email,
        "role_id": invitation.role_id,
        **_scope_values(invitation.scope),
        "invited_by": invitation.invited_by,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
        "role_expires_at": invitation.role_expires_at,
        "sent_at": invitation.sent_at,
        "mail_due_at": invitation.mail_due_at,
        "mail_attempts": invitation.mail_attempts,
    }
