"""The local development issuer: a real one, with a key of its own, in the data directory."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from jwt import PyJWS
from jwt.algorithms import RSAAlgorithm

from ktrlplane.adapters.tokens.claims import MACHINE_GRANT, claims_of
from ktrlplane.adapters.tokens.files import create_once, replace
from ktrlplane.adapters.tokens.keys import ALGORITHM, Keys, usable_keys
from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.ports.clock import Clock

LOCAL_ISSUER: Final = "urn:ktrlplane:local-issuer"
LOCAL_AUDIENCE: Final = "ktrlplane"
_DIRECTORY: Final = "issuer"
_KEY_FILE: Final = "key.pem"
_JWKS_FILE: Final = "jwks.json"


class LocalIssuer:
    """Makes its key when there is none; of processes that start at once, one makes it.

    ``is_new`` where there was none: nobody serves who would take its tokens yet.
    """

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        """Raises: ValueError, naming the file, for a key that cannot be read; OSError."""
        self._clock = clock
        directory = data_dir / _DIRECTORY
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        self.is_new = not (directory / _KEY_FILE).exists()
        self._key = _private_key(directory / _KEY_FILE)
        self._jwk = public_jwk(self._key.public_key())
        replace(directory / _JWKS_FILE, orjson.dumps(self.jwks()))

    def __repr__(self) -> str:
        return f"LocalIssuer(kid={self._jwk['kid']!r})"

    def jwks(self) -> dict[str, Any]:
        """The public half (RFC 7517 section 5)."""
        return {"keys": [dict(self._jwk)]}

    def mint(
        self,
        sub: str,
        *,
        ttl_s: int = 3600,
        email: str | None = None,
        email_verified: bool = False,
        name: str | None = None,
        is_service_account: bool = False,
    ) -> str:
        """Raises: ValueError, saying why, for a token that nobody would accept."""
        if ttl_s < 1:
            raise ValueError("A token lives for at least one second.")
        now = self._clock.now()
        said = {
            "iss": LOCAL_ISSUER,
            "aud": LOCAL_AUDIENCE,
            "sub": sub,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + ttl_s,
            "email": email,
            "email_verified": None if email is None else email_verified,
            "name": name,
            "gty": MACHINE_GRANT if is_service_account else None,
        }
        payload = {claim: value for claim, value in said.items() if value is not None}
        try:
            claims_of(payload, issuer=LOCAL_ISSUER, audience=LOCAL_AUDIENCE, now=now)
            content = orjson.dumps(payload)
        except (Unauthenticated, orjson.JSONEncodeError) as refusal:
            raise ValueError(str(refusal)) from None
        headers = {"kid": self._jwk["kid"]}
        return PyJWS().encode(content, self._key, ALGORITHM, headers)


class LocalKeys(Keys):
    """The public keys of the local issuer of ``data_dir``, read again when they change."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _DIRECTORY / _JWKS_FILE
        self._read: tuple[object, Mapping[str, RSAPublicKey]] = (None, {})

    def find(self, kid: str) -> RSAPublicKey | None:
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._read[0] != version:
                self._read = version, usable_keys(orjson.loads(self._path.read_bytes()))
        except (OSError, ValueError):
            return None
        return self._read[1].get(kid)


def _private_key(path: Path) -> RSAPrivateKey:
    if not path.exists():
        create_once(path, _pem(generate_private_key(public_exponent=65537, key_size=2048)))
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        # Without the cause: it may quote the file.
        message = f"{path} holds no key of the local issuer; remove it to get a new one."
        raise ValueError(message)  # noqa: TRY004 - a wrong file is no wrong type
    return key


def _pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_jwk(key: RSAPublicKey) -> dict[str, Any]:
    """With the key's thumbprint as its id (RFC 7638)."""
    public = RSAAlgorithm.to_jwk(key, as_dict=True)
    required = {name: public[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    kid = urlsafe_b64encode(digest).rstrip(b"=").decode()
    return {**required, "kid": kid, "use": "sig", "alg": ALGORITHM}
