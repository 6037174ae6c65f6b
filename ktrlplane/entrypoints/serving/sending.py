"""gunicorn's threaded worker, made to send in its main thread what clients do not take at once."""

import socket
import struct
import time
from contextlib import suppress
from functools import partial
from itertools import takewhile
from selectors import EVENT_WRITE
from typing import Any, Final

from attrs import frozen

from ktrlplane.entrypoints.serving.receiving import ReceivingWorker
from ktrlplane.entrypoints.serving.sockets import Outbox

ANSWER_WITHIN_S: Final = 120.0
"""Longer than any answer takes to be made: what lasts longer is a client that does not take it."""
HURRIED_ANSWER_S: Final = 15.0
"""For a client to take one where nobody else can come in."""
MOST_SENDING: Final = 128 * 1024 * 1024
"""Bytes of answers that are made, and not taken yet."""

_BROKEN_OFF: Final = struct.pack("ii", 1, 0)


@frozen
class _Sending:
    """An answer that is made; ``done`` is what then became of the request, to gunicorn."""

    outbox: Outbox
    done: Any
    since: float


class SendingWorker(ReceivingWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sending: dict[Any, _Sending] = {}
        """Connections whose clients have not taken their answer yet, oldest first."""

    def handle_request(self, req: Any, conn: Any) -> Any:
        sock, conn.outbox = conn.sock, None
        conn.sock = outbox = Outbox(sock)
        try:
            keepalive = super().handle_request(req, conn)
        except OSError:
            # Before 1.1 nothing but this tells a part from the whole.
            conn.is_broken_off = req.version < (1, 1)
            raise
        finally:
            conn.sock = sock
        conn.outbox = outbox
        return keepalive

    def finish_request(self, conn: Any, fs: Any) -> None:
        self._take_back(conn)
        outbox: Outbox | None = getattr(conn, "outbox", None)
        conn.outbox = None
        if outbox is None or not outbox.size:
            self._finish(conn, fs)
            return
        self._sending[conn] = _Sending(outbox, fs, time.monotonic())
        conn.sock.setblocking(False)  # noqa: FBT003 - its name
        self.poller.register(conn.sock, EVENT_WRITE, partial(self._send_on, conn))
        while sum(one.outbox.size for one in self._sending.values()) > MOST_SENDING:
            self._give_up_sending(next(iter(self._sending)))

    def _send_on(self, conn: Any, _: socket.socket) -> None:
        sending = self._sending.get(conn)
        if sending is None:
            return  # it has made room in this very turn of the loop
        try:
            sending.outbox.send_on()
        except OSError:
            self._give_up_sending(conn)
            return
        if not sending.outbox.size:
            del self._sending[conn]
            self.poller.unregister(conn.sock)
            self._finish(conn, sending.done)

    def _give_up_sending(self, conn: Any) -> None:
        del self._sending[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _finish(self, conn: Any, fs: Any) -> None:
        """The answer is taken."""
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self._let_go(conn)
        else:
            super().finish_request(conn, fs)

    def _let_go(self, conn: Any) -> None:
        if getattr(conn, "is_broken_off", False):
            with suppress(OSError):
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _BROKEN_OFF)
            self._close(conn)
        else:
            super()._let_go(conn)

    def _hurry(self, now: float) -> None:
        super()._hurry(now)
        self._give_up_on_who_takes_since(now - HURRIED_ANSWER_S)

    def _give_up_on_who_takes_since(self, before: float) -> None:
        oldest = takewhile(lambda one: one[1].since <= before, self._sending.items())
        for conn, _ in list(oldest):
            self._give_up_sending(conn)

    def _hang_up_on_the_slow(self, now: float) -> None:
        super()._hang_up_on_the_slow(now)
        self._give_up_on_who_takes_since(now - ANSWER_WITHIN_S)
