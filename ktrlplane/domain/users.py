"""People and machines that sign in."""

from datetime import datetime
from typing import Self

from attrs import evolve, frozen

from ktrlplane.domain.ids import PrincipalId


@frozen(kw_only=True)
class User:
    """Known since the first call. ``claims_at`` is when the newest token seen was issued."""

    user_id: PrincipalId
    email: str | None
    email_verified: bool
    name: str | None
    is_service_account: bool
    claims_at: datetime
    created_at: datetime
    updated_at: datetime

    def as_told_by(
        self,
        email: str | None,
        name: str | None,
        *,
        verified: bool,
        issued_at: datetime,
        now: datetime,
    ) -> Self:
        """The user after a token says this. An older token than the newest tells nothing.

        A token may leave e-mail and name out (machine tokens and access tokens often do);
        what was known stays then.
        """
        if issued_at < self.claims_at:
            return self
        told = evolve(
            self,
            email=email or self.email,
            email_verified=verified if email else self.email_verified,
            name=name or self.name,
        )
        if told == self:
            return self
        return evolve(told, claims_at=issued_at, updated_at=now)
