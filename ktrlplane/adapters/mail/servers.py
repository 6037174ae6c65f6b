"""Where a mail server is, and what it takes to speak with it."""

import ipaddress
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import field, frozen

SMTP_PORT: Final = 25
SUBMISSION_PORT: Final = 587
SUBMISSIONS_PORT: Final = 465


@frozen(kw_only=True)
class Login:
    user: str = field(repr=False)
    password: str = field(repr=False)


@frozen(kw_only=True)
class MailServer:
    """``tls_first``: encrypted from the first byte; ``starttls``: whether to ask for it where
    the server offers it; ``needs_tls``: nothing is sent before it is encrypted."""

    host: str
    port: int
    login: Login | None
    tls_first: bool
    starttls: bool
    needs_tls: bool

    @classmethod
    def at(cls, url: str) -> Self:
        """``smtp://`` or ``smtps://user:password@host:port``, the former with
        ``?starttls=required`` or ``never``.

        A password goes unencrypted to this machine alone, whatever the server offers: who can
        change what it says could otherwise have it.

        Raises: ValueError, which repeats no secret.
        """
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("smtp", "smtps") or not host:
            raise ValueError("The address of a mail server starts with smtp:// or smtps://.")
        login, tls_first = _login(parts.username, parts.password), parts.scheme == "smtps"
        asked = parse_qs(parts.query).get("starttls", [""])[-1]
        exposed = login is not None and not _is_loopback(host)
        if exposed and asked == "never":
            raise ValueError("A password goes unencrypted to this machine alone.")
        return cls(
            host=host,
            port=parts.port or _usual_port(login, tls_first=tls_first),
            login=login,
            tls_first=tls_first,
            starttls=asked != "never",
            needs_tls=exposed or asked == "required",
        )


def _login(user: str | None, password: str | None) -> Login | None:
    if user is None and password is None:
        return None
    if not user or not password:
        raise ValueError("A user comes with a password.")
    return Login(user=unquote(user, errors="strict"), password=unquote(password, errors="strict"))


def _usual_port(login: Login | None, *, tls_first: bool) -> int:
    if tls_first:
        return SUBMISSIONS_PORT
    return SMTP_PORT if login is None else SUBMISSION_PORT


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
