"""gunicorn's threaded worker: whose connections it takes, and how they end."""

import errno
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import islice, takewhile
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ktrlplane.entrypoints.serving.arrivals import MOST_WAITED_FOR
from ktrlplane.entrypoints.serving.sockets import Outbox
from ktrlplane.entrypoints.serving.unreadable import answer_to

ACCEPTED_AT_ONCE: Final = 8
"""The others wait for another turn of the loop, or another process."""
WITHOUT_FILES_S: Final = 0.5
"""Nobody comes in for so long where too many files are open."""
LEAVE_WITHIN_S: Final = 2.0
"""The client, once it has its last answer."""


class ConnectingWorker(ThreadWorker):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving: dict[Any, float] = {}
        """Connections that were told that this is the end, by since when, oldest first."""
        self._accepts_from = 0.0

    def accept(self, listener: Any) -> None:
        """Some at a time. Where too many files are open, others come in when some are closed."""
        try:
            for _ in range(ACCEPTED_AT_ONCE):
                before = self.nr_conns
                super().accept(listener)
                if not before < self.nr_conns < self.worker_connections:
                    break
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._accepts_from = time.monotonic() + WITHOUT_FILES_S
            self.set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - as it is called
        if not enabled or time.monotonic() >= self._accepts_from:
            super().set_accept_enabled(enabled)
        if not self.alive:
            self._close_listeners()

    def _close_listeners(self) -> None:
        """Who has connected by now is answered. Who comes later is told at once that there is
        nobody, or finds another process."""
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                with suppress(OSError):
                    super().accept(listener)
            listener.close()

    def _hang_up_on(self, conns: Iterable[Any]) -> None:
        for conn in conns:
            self._forget(conn)
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _let_go(self, conn: Any) -> None:
        """Closes in the order of RFC 9112 section 9.6, so that no answer is cut short. gunicorn
        would wait for the client here, in the main thread, with everybody else waiting too."""
        try:
            conn.sock.setblocking(False)  # noqa: FBT003 - its name
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._leaving[conn] = time.monotonic()
            self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))

    def _discard(self, conn: Any, sock: socket.socket) -> None:
        try:
            more = received(sock, MOST_WAITED_FOR)
        except OSError:
            more = b""
        if more == b"":
            del self._leaving[conn]
            self.poller.unregister(sock)
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers what never reaches the application, in the application's words."""
        with suppress(OSError):
            Outbox(client).sendall(answer_to(exc, addr and addr[0]))  # nor waits for them here

    def _forget(self, conn: Any) -> None:
        """Nothing is waited for any more of what it sends."""
        self._leaving.pop(conn, None)


def oldest(waiting: dict[Any, float], before: float, most: int | None = None) -> list[Any]:
    """Of those that are in the order in which they began."""
    began = islice(waiting.items(), most)
    return [conn for conn, _ in takewhile(lambda one: one[1] <= before, began)]


def wake_after(sock: socket.socket, count: int) -> None:
    """Once so many bytes are there. What cannot be told that wakes for each: a connection that
    is gone, for one."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def received(sock: socket.socket, size: int, flags: int = 0) -> bytes | None:
    """None for nothing yet, empty at the end of the stream. Raises: OSError."""
    try:
        return sock.recv(size, flags | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None


def glimpse(sock: socket.socket) -> bytes | None:
    """What has arrived, left where it is; empty also for a connection that is broken."""
    try:
        return received(sock, MOST_WAITED_FOR, socket.MSG_PEEK)
    except OSError:
        return b""
