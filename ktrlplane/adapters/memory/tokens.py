import secrets

from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.identity import LEEWAY, Claims, Tokens


class MemoryTokens(Tokens):
    """Opaque tokens, good for as long as this object lives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: dict[str, Claims] = {}

    def issue(self, claims: Claims) -> str:
        token = secrets.token_urlsafe()
        self._issued[token] = claims
        return token

    def verify(self, token: str) -> Claims:
        claims = self._issued.get(token)
        if claims is None:
            raise Unauthenticated("This token was not issued here.")
        now = self._clock.now()
        if now >= claims.expires_at + LEEWAY:
            raise Unauthenticated("The token has expired; sign in again.")
        if claims.issued_at > now + LEEWAY:
            raise Unauthenticated("The token is not valid yet.")
        return claims
