"""From the payload of a token whose signature is right to claims that can be relied on.

The issuer is trusted to name people, not to write well: what has another type than agreed
is refused, a name is cleaned, and nothing else gets through.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.naming import MAX_NAME_LENGTH
from ktrlplane.ports.identity import LEEWAY, Claims

Payload = Mapping[str, object]

MACHINE_GRANT: Final = "client-credentials"
_YEAR_3000: Final = 32_503_680_000
_JOINERS: Final = "\u200c\u200d"
"""Invisible, and yet needed to write Persian and some emoji."""


def claims_of(payload: Payload, *, issuer: str, audience: str, now: datetime) -> Claims:
    """Raises: Unauthenticated."""
    if payload.get("iss") != issuer:
        raise Unauthenticated("The token comes from another issuer than the one trusted here.")
    if not _is_for(payload.get("aud"), audience):
        raise Unauthenticated("The token is meant for another audience.")
    expires_at, issued_at = _moment(payload, "exp"), _moment(payload, "iat")
    if expires_at is None:
        raise Unauthenticated("The token has no exp claim.")
    if now >= expires_at + LEEWAY:
        raise Unauthenticated("The token has expired; sign in again.")
    for start in (issued_at, _moment(payload, "nbf")):
        if start is not None and start > now + LEEWAY:
            raise Unauthenticated("The token is not valid yet.")
    try:
        return _claims(payload, issued_at or now, expires_at)
    except ValueError as rule:
        # Every ValueError of the nouns is a fixed sentence: it repeats nothing of the token.
        raise Unauthenticated(f"The token has a claim that cannot be right: {rule}") from None


def _claims(payload: Payload, issued_at: datetime, expires_at: datetime) -> Claims:
    principal_id = PrincipalId(_text(payload, "sub") or "")
    email = _text(payload, "email") or None
    # A machine has fewer rights than a person, so either sign of one is enough. Tokens by
    # the profile of RFC 9068 have no gty at all.
    machine = _text(payload, "gty") == MACHINE_GRANT or principal_id.is_service_account
    verified = payload.get("email_verified") is True  # "true" and 1 are somebody's accident
    return Claims(
        principal_id=principal_id,
        email=email,
        email_verified=verified and email is not None and not machine,
        name=_shown(_text(payload, "name") or ""),
        is_service_account=machine,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def _is_for(audiences: object, audience: str) -> bool:
    return audiences == audience or (isinstance(audiences, list) and audience in audiences)


def _text(payload: Payload, claim: str) -> str | None:
    value = payload.get(claim)
    if value is not None and not isinstance(value, str):
        raise Unauthenticated(f"The token's {claim} claim is not a string.")
    return value


def _moment(payload: Payload, claim: str) -> datetime | None:
    """Seconds since 1970 (RFC 7519 section 2), fractions included."""
    value = payload.get(claim)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _YEAR_3000:
        return datetime.fromtimestamp(value, UTC)
    raise Unauthenticated(f"The token's {claim} claim is not a time in seconds.")


def _shown(name: str) -> str | None:
    """``name`` on one line, without what could hide or reorder text, cut where too long."""
    visible = "".join(
        character if character.isprintable() or character in _JOINERS else " "
        for character in name
    )
    return " ".join(visible.split())[:MAX_NAME_LENGTH].strip() or None
