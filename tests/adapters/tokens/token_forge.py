"""What the tests of signed tokens share: an issuer that stops at nothing, and its server."""

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

from attrs import define, field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

from ktrlplane.adapters.memory.clock import ManualClock

ISSUER = "https://issuer.example/"
AUDIENCE = "https://api.example"


def base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def rs256(key: RSAPrivateKey, content: bytes) -> bytes:
    return key.sign(content, padding.PKCS1v15(), hashes.SHA256())


@frozen
class Forge:
    """Makes tokens as an issuer would, and as no decent library would.

    A header or claim that is given as ``...`` is left out.
    """

    key: RSAPrivateKey
    kid: str
    now: int = int(ManualClock().now().timestamp())

    def jwk(self, **others: object) -> dict[str, Any]:
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "use": "sig", "alg": "RS256", **others}

    def header(self, **others: object) -> Mapping[str, object]:
        return self._without({"alg": "RS256", "typ": "JWT", "kid": self.kid, **others})

    def payload(self, **others: object) -> Mapping[str, object]:
        usual = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "auth0|ada",
            "iat": self.now,
            "exp": self.now + 3600,
        }
        return self._without({**usual, **others})

    def token(
        self,
        header: Mapping[str, object] | bytes | None = None,
        payload: Mapping[str, object] | bytes | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        parts = (self._bytes(header, self.header()), self._bytes(payload, self.payload()))
        content = ".".join(map(base64url, parts))
        signature = (sign or (lambda signed: rs256(self.key, signed)))(content.encode())
        return f"{content}.{base64url(signature)}"

    def saying(self, **claims: object) -> str:
        return self.token(payload=self.payload(**claims))

    @staticmethod
    def _bytes(part: Mapping[str, object] | bytes | None, usual: Mapping[str, object]) -> bytes:
        if isinstance(part, bytes):
            return part
        return json.dumps(usual if part is None else part).encode()

    @staticmethod
    def _without(parts: Mapping[str, object]) -> Mapping[str, object]:
        return {name: value for name, value in parts.items() if value is not ...}


@define
class JwksServer:
    """Answers on the loopback interface as it is told, and counts how often it was asked."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    asked: int = 0
    gate: threading.Event = field(factory=threading.Event)
    body_gate: threading.Event = field(factory=threading.Event)
    arrived: threading.Event = field(factory=threading.Event)
    dripping: bool = False
    url: str = ""

    def publish(self, *keys: Mapping[str, object]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        self.arrived.set()
        self.gate.wait(10)
        request.send_response(self.status)
        for name, value in ({"Content-Length": str(len(self.body))} | self.headers).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.flush()
        self.body_gate.wait(10)
        if self.dripping:
            for byte in self.body:
                request.wfile.write(bytes([byte]))
                request.wfile.flush()
        else:
            request.wfile.write(self.body)
