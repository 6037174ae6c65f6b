"""One JSON document over HTTP, within bounds."""

import ipaddress
import time
from typing import Final, Protocol
from urllib.parse import urlsplit

import orjson
import requests
import urllib3

CONNECT_S: Final = 2
READ_S: Final = 3
WHOLE_S: Final = 5
MAX_BYTES: Final = 256 * 1024
FAILURES: Final = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
"""What ``fetch_json`` raises: the network's errors, or ValueError for a wrong answer."""

_OK: Final = 200


class _Body(Protocol):
    def read1(self, amt: int, *, decode_content: bool) -> bytes: ...


def checked_url(url: str) -> str:
    """``url``, if what it answers can be believed.

    Raises: ValueError, for anything but https, or http to this machine.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError("The address of a key set starts with https:// and names a host.")
    if parts.username is not None:
        raise ValueError("A key set is public: its address has no user name or password in it.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("A key set comes over https; only this machine may serve it over http.")
    return url


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _NoRedirects(requests.Session):
    """With ``allow_redirects=False`` alone, requests still reads a redirect's body, unbounded."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def fetch_json(url: str) -> object:
    """Follows no redirect. Raises: ``FAILURES``."""
    deadline = time.monotonic() + WHOLE_S
    with _NoRedirects() as session:
        # Proxies and certificates as the environment says, but none to reach this machine.
        session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        with session.get(
            url,
            timeout=(CONNECT_S, READ_S),
            allow_redirects=False,
            stream=True,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        ) as response:
            if response.status_code != _OK:
                raise ValueError(f"answered {response.status_code}")
            return orjson.loads(_read(response.raw, deadline))


def _read(body: _Body, deadline: float) -> bytes:
    # Not read(): that waits for all it asked for, as long as a byte comes now and then.
    content = bytearray()
    while part := body.read1(MAX_BYTES, decode_content=False):
        content += part
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"took more than {WHOLE_S} s")
    return bytes(content)
