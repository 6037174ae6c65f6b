"""A connection to a mail server, within bounds and as secret as it has to be."""

import io
import smtplib
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from ktrlplane.adapters.mail.servers import Login, MailServer

STEP_S: Final = 10.0
"""For a server to take or say something."""

WHOLE_S: Final = 30.0
MAX_REPLIES_BYTES: Final = 64 * 1024

_READY: Final = 220
_GO_ON: Final = 334
_SIGNED_IN: Final = 235


class NotEncrypted(Exception):
    """The server offers no encryption where there has to be."""


class NoWayToSignIn(Exception):
    """None that both sides know."""


class _Replies(io.RawIOBase):
    """What a server says, until a deadline: a timeout of the socket alone starts anew with
    every byte, and smtplib reads replies of any number of lines."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline
        self._left = MAX_REPLIES_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0 or self._left <= 0:
            raise TimeoutError("The server says too much, or too slowly.")
        self._sock.settimeout(min(STEP_S, left_s))
        count = self._sock.recv_into(buffer)
        self._left -= count
        return count


class _Bounded(smtplib.SMTP):
    def __init__(self, server: MailServer, deadline: float, **more: Any) -> None:
        self._deadline = deadline
        # Given, since smtplib would ask the name service for it, which may take long.
        name = socket.gethostname()
        super().__init__(server.host, server.port, local_hostname=name, timeout=STEP_S, **more)
        if "." not in name and self.sock is not None:
            self.local_hostname = _literal(self.sock.getsockname()[0])

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Replies(self.sock, self._deadline))
        return super().getreply()


class _Encrypted(_Bounded, smtplib.SMTP_SSL):
    pass


@contextmanager
def connected(server: MailServer, tls: ssl.SSLContext) -> Iterator[smtplib.SMTP]:
    """Greeted, encrypted and signed in.

    Raises: smtplib.SMTPException, OSError, UnicodeError (for what cannot be a host),
    NotEncrypted, NoWayToSignIn.
    """
    deadline = time.monotonic() + WHOLE_S
    if server.tls_first:
        connection: _Bounded = _Encrypted(server, deadline, context=tls)
    else:
        connection = _Bounded(server, deadline)
    try:
        _greet(connection, server, tls)
        if server.login is not None:
            _sign_in(connection, server.login)
        yield connection
        # What was taken stays taken, however the server says good-bye.
        with suppress(smtplib.SMTPException, OSError):
            connection.quit()
    finally:
        connection.close()


def _greet(connection: smtplib.SMTP, server: MailServer, tls: ssl.SSLContext) -> None:
    connection.ehlo_or_helo_if_needed()
    if server.tls_first:
        return
    if server.starttls and connection.has_extn("starttls"):
        connection.starttls(context=tls)
        connection.ehlo_or_helo_if_needed()
    elif server.needs_tls:
        raise NotEncrypted


def _sign_in(connection: smtplib.SMTP, login: Login) -> None:
    """Not by smtplib's own login: that takes ASCII alone, and tries the next way where the
    server refuses the password."""
    ways = connection.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in ways:
        secret = _base64(f"\0{login.user}\0{login.password}")
        code, _ = connection.docmd("AUTH", f"PLAIN {secret}")
    elif "LOGIN" in ways:
        code, _ = connection.docmd("AUTH", "LOGIN")
        for part in (login.user, login.password):
            if code == _GO_ON:
                code, _ = connection.docmd(_base64(part))
    else:
        raise NoWayToSignIn
    if code != _SIGNED_IN:
        # Without the server's words: it may have repeated what it was told.
        raise smtplib.SMTPAuthenticationError(code, b"")


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _literal(address: str) -> str:
    """How a machine without a full name calls itself (RFC 5321 section 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
