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
        is_service_account: bool,
        issued_at: datetime,
        now: datetime,
    ) -> Self:
        """The user after a token says this. An older token than the newest tells nothing.

        A token may leave e-mail and name out (machine tokens and access tokens often do);
        what was known stays then. Whoever signed in as a machine once is one from then on:
        else it could own what must have a person for an owner (R1.6).
        """
        if issued_at < self.claims_at:
            return self
        told = evolve(
            self,
            email=email or self.email,
            email_verified=verified if email else self.email_verified,
            name=name or self.name,
            is_service_account=self.is_service_account or is_service_account,
        )
        if told == self:
            return self
        return evolve(told, claims_at=issued_at, updated_at=now)
