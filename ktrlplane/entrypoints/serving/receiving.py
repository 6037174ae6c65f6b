"""gunicorn's threaded worker, made to receive requests in its main thread.

Nobody is given a thread before all that they send is there, or they send what nobody reads. A
request of ordinary size is left where it is until then; of a larger one the main thread takes
what comes meanwhile.
"""

import socket
import time
from contextlib import suppress
from functools import partial
from itertools import islice
from selectors import EVENT_READ
from typing import Any, Final

from attrs import define, field
from gunicorn.http import errors  # type: ignore[import-untyped]

from ktrlplane.entrypoints.serving.arrivals import (
    MOST_WAITED_FOR,
    Arrival,
    BodyTooLarge,
    HeadTooLarge,
    head_of,
)
from ktrlplane.entrypoints.serving.connecting import (
    LEAVE_WITHIN_S,
    ConnectingWorker,
    glimpse,
    oldest,
    received,
    wake_after,
)
from ktrlplane.entrypoints.serving.sockets import Ahead
from ktrlplane.entrypoints.serving.unreadable import TooMuch

ARRIVE_WITHIN_S: Final = 15.0
HURRIED_S: Final = 1.0
"""Where nobody else can come in, who takes longer than this makes room..."""
HURRIED: Final = 32
"""... so many at a time."""
MOST_TAKEN_OF_ALL: Final = 128 * 1024 * 1024
"""Bytes of large requests, in one process: of those that are coming, and those that are there
until they are answered."""

_STEP: Final = 256 * 1024
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@define(eq=False)
class _Taken:
    """Of a large request, by the main thread."""

    arrival: Arrival
    arrived: bytearray = field(factory=bytearray)


class ReceivingWorker(ConnectingWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Any, float] = {}
        """Connections whose request is not there yet, by when that began, oldest first."""
        self._coming: dict[Any, _Taken] = {}
        """Those of them whose request is large."""
        self._taken: dict[Any, int] = {}
        """How much was taken from whom, until it is answered."""

    def enqueue_req(self, conn: Any) -> None:
        """Called for whatever connection is readable, or new."""
        self._hand_over_or_wait(conn, seen=0)

    # -- what comes ----------------------------------------------------------------------------

    def _hand_over_or_wait(self, conn: Any, *, seen: int) -> None:
        # gunicorn has taken what came together with the request before.
        taken = b"" if conn.parser is None else conn.parser.unreader.buf.getvalue()
        arrived = glimpse(conn.sock)
        if taken and arrived != b"":
            arrived = taken + (arrived or b"")
        missing, arrival = int(arrived != b""), None
        try:
            head = head_of(arrived) if arrived else None
            if head is not None and arrived is not None:
                arrival = Arrival(head)
                missing = arrival.missing(arrived)
        except HeadTooLarge:
            self._refuse(conn, errors.LimitRequestHeaders("too large"))
            return
        except BodyTooLarge:
            self._refuse(conn, TooMuch())
            return
        if arrival is not None and arrival.head.is_taken and (missing or arrival.is_in_chunks):
            self._begin_to_take(conn, arrival)
            return
        known = len(arrived or b"")
        if missing == 0:
            self._hand_over(conn)
            return
        if seen and known <= seen:
            conn.init()
            take_in(conn)
            self._hand_over_or_wait(conn, seen=0)  # it may have got the rest, too
            return
        self._arriving.setdefault(conn, time.monotonic())
        wake_after(conn.sock, known + missing - len(taken))  # nor for each byte
        self.poller.register(conn.sock, EVENT_READ, partial(self._more_came, conn, known))

    def _more_came(self, conn: Any, seen: int, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self._hand_over_or_wait(conn, seen=seen)

    def _begin_to_take(self, conn: Any, arrival: Arrival) -> None:
        self._arriving.setdefault(conn, time.monotonic())
        conn.init()
        self._coming[conn] = _Taken(arrival, bytearray(conn.parser.unreader.take_buffered()))
        if arrival.head.expects:
            conn.was_told = True
            with suppress(OSError):
                conn.sock.send(_CONTINUE, socket.MSG_DONTWAIT)
        self._take(conn)

    def _more_to_take(self, conn: Any, sock: socket.socket) -> None:
        if conn not in self._coming:
            return  # it has made room in this very turn of the loop
        self.poller.unregister(sock)
        self._take(conn)

    def _take(self, conn: Any) -> None:
        taken = self._coming[conn]
        part: bytes | None = b""
        with suppress(OSError):
            part = received(conn.sock, _STEP)
        taken.arrived += part or b""
        try:
            missing = taken.arrival.missing(taken.arrived)
        except BodyTooLarge:
            self._refuse(conn, TooMuch())
            return
        self._taken[conn] = len(taken.arrived)
        if missing == 0 or part == b"":
            del self._coming[conn]
            conn.parser.unreader.sock = Ahead(conn.sock, bytes(taken.arrived))
            self._hand_over(conn)
            return
        wake_after(conn.sock, min(missing, _STEP // 4))
        self.poller.register(conn.sock, EVENT_READ, partial(self._more_to_take, conn))
        self._make_room_to_take()

    def _make_room_to_take(self) -> None:
        """Who has been at it for longest makes room."""
        while self._coming and sum(self._taken.values()) > MOST_TAKEN_OF_ALL:
            conn = next(iter(self._coming))
            self.poller.unregister(conn.sock)
            self._refuse(conn, TooMuch(of_all=True))

    def _hand_over(self, conn: Any) -> None:
        if self._arriving.pop(conn, None) is not None:
            wake_after(conn.sock, 1)
        conn.data_ready = True
        super().enqueue_req(conn)

    def _take_back(self, conn: Any) -> None:
        """Once a thread has done with a request: what came with the next one."""
        self._taken.pop(conn, None)
        unreader = getattr(conn.parser, "unreader", None)
        if unreader is not None and isinstance(ahead := unreader.sock, Ahead):
            unreader.sock = conn.sock
            unreader.unread(unreader.take_buffered() + ahead.rest())

    # -- who does not come, and who goes -------------------------------------------------------

    def _refuse(self, conn: Any, refusal: Exception) -> None:
        self._forget(conn)
        conn.sock.setblocking(False)  # noqa: FBT003 - its name
        self.handle_error(None, conn.sock, conn.client, refusal)
        self._let_go(conn)

    def _forget(self, conn: Any) -> None:
        super()._forget(conn)
        for of_them in (self._arriving, self._coming, self._taken):
            of_them.pop(conn, None)

    def _hang_up_on_the_slow(self, now: float) -> None:
        self._hang_up_on(oldest(self._arriving, now - ARRIVE_WITHIN_S))
        self._hang_up_on(oldest(self._leaving, now - LEAVE_WITHIN_S))
        if not self.alive:  # who has begun may go on
            silent = oldest(self._arriving, now - LEAVE_WITHIN_S)
            self._hang_up_on([one for one in silent if self._is_silent(one)])

    def _hurry(self, now: float) -> None:
        """Where no more connections are taken."""
        self._hang_up_on(oldest(self._arriving, now - HURRIED_S, most=HURRIED))
        for conn in list(islice(self.keepalived_conns, HURRIED)):
            if conn.timeout - self.cfg.keepalive > now - HURRIED_S:
                break
            if not glimpse(conn.sock):  # else it asks again
                self.keepalived_conns.remove(conn)
                self._hang_up_on([conn])

    def _is_silent(self, conn: Any) -> bool:
        return conn not in self._coming and glimpse(conn.sock) is None


def take_in(conn: Any) -> bytes:
    """What its parser has been given, with what has arrived since. Where nothing else has come,
    though more was asked for by ``wake_after``, the end has, which is seen behind it; or the
    system is short of memory, and tells of what is there for as long as it is left there."""
    unreader = conn.parser.unreader
    with suppress(OSError):
        more = received(conn.sock, MOST_WAITED_FOR)
        unreader.unread(unreader.take_buffered() + (more or b""))
    return bytes(unreader.buf.getvalue())
