"""Invitations: a role that waits for the owner of an e-mail address to sign in."""

from datetime import datetime, timedelta
from typing import Self

from attrs import evolve, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import InvitationId, PrincipalId, RoleId


@frozen(kw_only=True)
class Invitation:
    """``expires_at`` is when the invitation does, ``role_expires_at`` when what it gives will.

    A mail is due at ``mail_due_at``, unless that is None; ``sent_at`` is when the last one went
    out since it was last to be sent.
    """

    invitation_id: InvitationId
    email: str
    role_id: RoleId
    scope: Scope
    invited_by: PrincipalId
    created_at: datetime
    expires_at: datetime
    role_expires_at: datetime | None = None
    sent_at: datetime | None = None
    mail_due_at: datetime | None = None
    mail_attempts: int = 0

    def is_open(self, moment: datetime) -> bool:
        """Whether it can still be accepted."""
        ends = self.role_expires_at
        return self.expires_at > moment and (ends is None or ends > moment)

    def link(self, origin: str) -> str:
        """Where to begin; ``origin`` is where people find this platform. It is no secret: what
        counts is whom the identity provider says one is."""
        return f"{origin}/invitations/{self.invitation_id}"

    def sent_again(self, by: PrincipalId, *, lasts: timedelta, now: datetime) -> Self:
        """From now on ``by`` is who invites: it is theirs to be allowed to."""
        return evolve(
            self,
            invited_by=by,
            expires_at=now + lasts,
            sent_at=None,
            mail_due_at=now,
            mail_attempts=0,
        )
