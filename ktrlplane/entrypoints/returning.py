"""Where the payment provider's pages may send people back to."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from ktrlplane.entrypoints.settings import Settings

LONGEST: Final = 2048
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def returns(settings: Settings) -> Callable[[str], bool]:
    """Whether a URL is one of this platform's own or of an application that may call it; while
    the local development issuer is in use, also one of this machine."""
    known = {_origin(url) for url in (settings.public_url, *settings.cors_origins) if url}
    allowed = frozenset(one for one in known if one is not None)

    def may_return_to(url: str) -> bool:
        origin = _origin(url)
        if origin is None:
            return False
        host = origin[1]
        return origin in allowed or (settings.is_local_issuer and host in _LOOPBACK)

    return may_return_to


def _origin(url: str) -> tuple[str, str, int] | None:
    """None for what browsers may read otherwise than this does."""
    if (
        len(url) > LONGEST
        or not url.isascii()
        or not url.isprintable()
        or any(mark in url for mark in " \\<>\"'")
    ):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    if not _AUTHORITY.fullmatch(parts.netloc) or port == 0:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)
