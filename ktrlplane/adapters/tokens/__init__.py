"""Bearer tokens as signed JWTs (RFC 7519), of an outside issuer or of the local one."""

from ktrlplane.adapters.tokens.jwks_url import JwksUrl
from ktrlplane.adapters.tokens.jwt_tokens import JwtTokens
from ktrlplane.adapters.tokens.keys import Keys
from ktrlplane.adapters.tokens.local import (
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    LocalIssuer,
    LocalKeys,
)

__all__ = [
    "LOCAL_AUDIENCE",
    "LOCAL_ISSUER",
    "JwksUrl",
    "JwtTokens",
    "Keys",
    "LocalIssuer",
    "LocalKeys",
]
