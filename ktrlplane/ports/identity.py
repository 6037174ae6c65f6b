"""Who a bearer token speaks for."""

from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Final, Protocol

from attrs import field, frozen
from attrs.validators import optional

from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.naming import is_a_name, is_an_email

LEEWAY: Final = timedelta(seconds=60)
"""How far the clocks of issuer and verifier may lie apart."""


def _is_utc(_: object, __: object, value: datetime) -> None:
    if value.utcoffset() != timedelta(0):
        raise ValueError("A time is aware and in UTC.")


@frozen(kw_only=True, cache_hash=True)
class Claims:
    """What a verified token says. Raises ValueError, with the rule, for what cannot be.

    A machine has no verified e-mail address, whatever its token says: invitations bind to
    verified addresses (product.md R1.9), and a machine acts by its assignments alone (R1.10).
    """

    principal_id: PrincipalId
    email: str | None = field(validator=optional(is_an_email))
    email_verified: bool
    name: str | None = field(validator=optional(is_a_name))
    is_service_account: bool
    issued_at: datetime = field(validator=_is_utc)
    expires_at: datetime = field(validator=_is_utc)

    def __attrs_post_init__(self) -> None:
        if self.email_verified and (self.email is None or self.is_service_account):
            raise ValueError("Only a person's e-mail address can be verified.")


class Tokens(Protocol):
    @abstractmethod
    def verify(self, token: str) -> Claims:
        """The claims of a token issued for this service, until ``LEEWAY`` after it expired.

        ``issued_at`` is the moment of verification where the issuer does not say it: such a
        token counts as the newest word, since nothing tells otherwise.

        Raises: Unauthenticated, whatever the text is, with a detail that repeats none of it;
        UpstreamError, where what it takes to verify any token cannot be had.
        """
