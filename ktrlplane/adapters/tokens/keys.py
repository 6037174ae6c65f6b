"""Which public keys may have signed a token."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidKeyError
from jwt.algorithms import RSAAlgorithm

ALGORITHM: Final = "RS256"
MAX_KID_LENGTH: Final = 256
KEY_BITS: Final = range(2048, 8192 + 1)
"""Below, NIST SP 800-131A calls it weak; above, one verification takes milliseconds."""


class Keys(Protocol):
    @abstractmethod
    def find(self, kid: str) -> RSAPublicKey | None:
        """None where the issuer publishes no such key.

        Raises: UpstreamError, where nobody can say.
        """


def usable_keys(document: object) -> Mapping[str, RSAPublicKey]:
    """The keys of a JWK set (RFC 7517 section 5) that may sign here, by key id.

    Keys for other purposes are passed over, and of two with one id the first counts. An
    empty set is lawful: so an issuer takes all its keys back.

    Raises: ValueError, for what is not a JWK set.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("A JWK set is an object with a list of keys.")  # noqa: TRY004 - data
    found: dict[str, RSAPublicKey] = {}
    for entry in entries:
        if isinstance(entry, dict) and _signs_here(entry):
            key = _public_key(entry)
            if key is not None:
                found.setdefault(entry["kid"], key)
    return found


def _signs_here(entry: Mapping[str, object]) -> bool:
    kid, operations = entry.get("kid"), entry.get("key_ops", ["verify"])
    return (
        isinstance(kid, str)
        and 0 < len(kid) <= MAX_KID_LENGTH
        and entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", ALGORITHM) == ALGORITHM
        and isinstance(operations, list)
        and "verify" in operations
    )


def _public_key(entry: Mapping[str, object]) -> RSAPublicKey | None:
    # Only n and e go in: a set that gives a private key away must not make one here.
    try:
        key = RSAAlgorithm.from_jwk({name: entry[name] for name in ("kty", "n", "e")})
    except (InvalidKeyError, KeyError, TypeError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size in KEY_BITS else None
