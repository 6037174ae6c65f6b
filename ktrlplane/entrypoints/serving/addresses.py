"""Where the server listens."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from attrs import frozen


class CannotListen(Exception):
    """``str()`` is a sentence for a person."""


@frozen
class Address:
    host: str
    port: int

    @property
    def bind(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """As a client on this machine would write it."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104
        host = "::1" if host == "::" else host
        return f"http://{_bracketed(host)}:{self.port}"


@contextmanager
def reserved(host: str, port: int) -> Iterator[Address]:
    """Port 0 stands for any free one. Nobody else can take it meanwhile, where the system
    allows to keep it for processes that share it.

    Raises: CannotListen.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # What a server that has ended left behind in TIME_WAIT is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            found = probe.getsockname()
    except OSError as exc:
        raise CannotListen(_told(exc, host, port)) from None
    with socket.socket(family, socket.SOCK_STREAM) as holder:
        with suppress(OSError, AttributeError):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(found)
        yield Address(host, found[1])


def _told(exc: OSError, host: str, port: int) -> str:
    if exc.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use: end the program that listens there, "
            "or choose another one with --port."
        )
    if exc.errno == errno.EACCES:
        return f"Port {port} of {host} is not yours to use: choose one from 1024 up with --port."
    return f"This machine cannot listen on {host}, port {port}: {exc.strerror or exc}."


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host  # noqa: PLR2004
    except ValueError:
        return host
