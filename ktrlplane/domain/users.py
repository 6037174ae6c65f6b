"""People and machines that sign in."""

from datetime import datetime
from typing import Self

from attrs import evolve, field, frozen

from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.naming import is_a_name


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

    @classmethod
    def announced(cls, user_id: PrincipalId, now: datetime) -> Self:
        """Known before its first call: any token tells more."""
        return cls(
            user_id=user_id,
            email=None,
            email_verified=False,
            name=None,
            is_service_account=user_id.is_service_account,
            claims_at=datetime.fromtimestamp(0, tz=now.tzinfo),
            created_at=now,
            updated_at=now,
        )

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


@frozen(kw_only=True)
class ServiceAccount:
    """A client that an organization works with, under a name of its own. Several
    organizations may work with the same client: none can keep another from it."""

    org_id: OrganizationId
    user_id: PrincipalId
    name: str = field(validator=is_a_name)
    created_by: PrincipalId | None
    created_at: datetime

    @property
    def client_id(self) -> str:
        return self.user_id.value.removesuffix(MACHINE)


MACHINE = "@clients"
"""What the subject of a machine's token ends in (R1.10)."""


def principal_of(client_id: str) -> PrincipalId:
    """Of a client, named with or without that ending. Raises: ValueError."""
    return PrincipalId(client_id.removesuffix(MACHINE) + MACHINE)
