"""A server that says nothing any more: it is stopped, or the network swallows what it says.

libpq waits for an answer without any end; the time limits of statements are the server's, who
cannot keep them then. So somebody looks at the connections that are lent. Where one has been for
a while, the server is asked for another connection. A busy one gives it, or says why not; where
none comes, the sockets of all that have been lent for so long are shut, which ends the wait of
whoever reads from them.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Protocol

import psycopg
import structlog
from attrs import frozen

_log: Final = structlog.get_logger(__name__)


class Lent(Protocol):
    """A connection. ``is_given_up`` says that its socket was shut because of silence."""

    is_given_up: bool
    pgconn: Any


@frozen(kw_only=True)
class Patience:
    """``look_at_s`` is for how long a connection may be lent before anybody asks, ``answer_s``
    how long the server may take to let another one in. psycopg takes 1 for 2."""

    look_at_s: float = 4.0
    answer_s: int = 3
    every_s: float = 1.0


class Watch:
    """``lent`` are connections, by when that was, on the monotonic clock."""

    def __init__(self, url: str, lent: dict[Any, float], patience: Patience) -> None:
        self._url, self._lent, self._patience = url, lent, patience
        self._ended = threading.Event()
        self._asked_at = -patience.look_at_s
        # A daemon: whoever ends the process does not wait for a server that is silent.
        threading.Thread(target=self._watch, name="silence", daemon=True).start()

    def end(self) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._patience.every_s):
            now = time.monotonic()
            if now - self._asked_at >= self._patience.look_at_s and any(self._overdue(now)):
                if self._is_silent():
                    self._give_up(now)
                else:
                    self._asked_at = time.monotonic()

    def _overdue(self, now: float) -> Iterator[tuple[Lent, float]]:
        for connection, since in list(self._lent.items()):
            if now - since >= self._patience.look_at_s:
                yield connection, since

    def _is_silent(self) -> bool:
        try:
            psycopg.connect(self._url, connect_timeout=self._patience.answer_s).close()
        except psycopg.errors.ConnectionTimeout:
            return True
        except psycopg.Error:
            return False  # which the server said, or the machine that it was on
        return False

    def _give_up(self, now: float) -> None:
        overdue = list(self._overdue(now))
        _log.warning("database_silent", connections=len(overdue))
        for connection, since in overdue:
            if self._lent.get(connection) == since:
                connection.is_given_up = True
                with suppress(psycopg.Error, OSError):
                    _shut(connection.pgconn.socket)


def _shut(number: int) -> None:
    with socket.socket(fileno=os.dup(number)) as ours:
        ours.shutdown(socket.SHUT_RDWR)
