"""gunicorn's threaded worker, made so that slow clients cannot occupy its threads.

A thread that reads a request waits for every byte of it, and there are few threads: a handful
of clients that stop in the middle would keep everybody else out. So the main thread waits, for
any number of them: it looks at what has arrived without taking it, and hands a request to a
thread only when its head, and a body of ordinary size, is there. Who takes too long is hung up
on. Whatever a thread has to wait for all the same (a large body, a client that does not take
its answer) has an end too.
"""

import errno
import math
import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from attrs import evolve, frozen
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ktrlplane.entrypoints.http.waiting import AT_ONCE, Parked, Seat, seated
from ktrlplane.entrypoints.serving.arrivals import MOST_WAITED_FOR, HeadTooLarge, still_missing
from ktrlplane.entrypoints.serving.parking import Parking, Place
from ktrlplane.entrypoints.serving.unreadable import answer_to

ARRIVE_WITHIN_S: Final = 15.0
READ_WITHIN_S: Final = 20.0
"""The body, by a thread."""
ANSWER_WITHIN_S: Final = 120.0
"""Longer than any answer takes to be made: what lasts longer is a client that does not take it."""
DISCARD_WITHIN_S: Final = 0.2
"""What an answer left unread of a body."""
WITHOUT_FILES_S: Final = 0.5
"""Nobody comes in for so long where too many files are open."""
LEAVE_WITHIN_S: Final = 2.0
"""The client, once it has its last answer."""
LOOK_EVERY_S: Final = 1.0
MOST_PARKED: Final = 500
"""Half of the connections that a worker takes: who waits must not keep others from coming."""

_UNREAD_SMALL: Final = 64 * 1024


@frozen
class _Again:
    """In the place of a parser: gives the request that was put aside, once."""

    place: Place
    parser: Any

    def __next__(self) -> Any:
        self.place.conn.parser = self.parser
        return self.place.req


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parking = Parking(lambda place: self.method_queue.defer(self._leave_parking, place))
        self._arriving: dict[Any, float] = {}
        """Connections whose request is not there yet, by when that began, oldest first."""
        self._served: dict[Any, float] = {}
        """Connections that a thread has, by since when."""
        self._leaving: dict[Any, float] = {}
        """Connections that were told that this is the end, by since when, oldest first."""
        self._looked_at = time.monotonic()
        self._accepts_from = 0.0

    def accept(self, listener: Any) -> None:
        """Where too many files are open, others come in when some are closed."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._accepts_from = time.monotonic() + WITHOUT_FILES_S
            self.set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - as it is called
        if not enabled or time.monotonic() >= self._accepts_from:
            super().set_accept_enabled(enabled)

    def enqueue_req(self, conn: Any) -> None:
        """Called for whatever connection is readable, or new."""
        self._hand_over_or_wait(conn, seen=0)

    def _hand_over_or_wait(self, conn: Any, *, seen: int) -> None:
        # gunicorn has taken what came together with the request before.
        taken = b"" if conn.parser is None else conn.parser.unreader.buf.getvalue()
        arrived = _glimpse(conn.sock)
        if taken and arrived != b"":
            arrived = taken + (arrived or b"")
        try:
            missing = 1 if arrived is None else still_missing(arrived) if arrived else 0
        except HeadTooLarge:
            self._refuse(conn)
            return
        known = len(arrived or b"")
        if missing == 0 or (seen and known <= seen):  # a client that has broken off
            self._hand_over(conn)
            return
        self._arriving.setdefault(conn, time.monotonic())
        _wake_after(conn.sock, known + missing - len(taken))  # nor for each byte
        self.poller.register(conn.sock, EVENT_READ, partial(self._more_came, conn, known))

    def _more_came(self, conn: Any, seen: int, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self._hand_over_or_wait(conn, seen=seen)

    def _hand_over(self, conn: Any) -> None:
        if self._arriving.pop(conn, None) is not None:
            _wake_after(conn.sock, 1)
        conn.data_ready = True
        super().enqueue_req(conn)

    def _refuse(self, conn: Any) -> None:
        self._arriving.pop(conn, None)
        conn.sock.setblocking(False)  # noqa: FBT003 - its name
        self.handle_error(None, conn.sock, conn.client, errors.LimitRequestHeaders("too large"))
        self._let_go(conn)

    def _park(self, conn: Any, place: Place) -> None:
        # One that sends the next request already is read when this one is answered.
        conn.sock.setblocking(False)  # noqa: FBT003 - its name
        self._listen_for(place, seen=0)
        self._parking.put(place)

    def _listen_for(self, place: Place, *, seen: int) -> None:
        """Whether more comes than was seen, or the end does."""
        conn = place.conn
        conn.listened_for = place
        _wake_after(conn.sock, seen + 1)
        heard = partial(self._heard_while_parked, place, seen)
        self.poller.register(conn.sock, EVENT_READ, heard)

    def _stop_listening(self, conn: Any) -> None:
        conn.listened_for = None
        self.poller.unregister(conn.sock)

    def _heard_while_parked(self, place: Place, seen: int, sock: socket.socket) -> None:
        if place.conn.listened_for is not place:
            return  # it has left in this very turn of the loop
        self._stop_listening(place.conn)
        arrived = _glimpse(sock)
        known = len(arrived or b"")
        if arrived is None or seen < known < MOST_WAITED_FOR:
            self._listen_for(place, seen=known)
        # Who has hung up and who will only send no more look the same until they are answered.
        # So they are answered at once, and neither is waited for.
        elif known <= seen and self._parking.take_out(place.conn) is not None:
            self._leave_parking(place, at_once=True)

    def _leave_parking(self, place: Place, *, at_once: bool = False) -> None:
        conn = place.conn
        if conn.listened_for is place:
            self._stop_listening(conn)
        _wake_after(conn.sock, 1)
        conn.parser = _Again(place, conn.parser)
        at_once = at_once or self._parking.is_closed
        conn.again = evolve(
            place.seat,
            since=AT_ONCE if at_once else place.parked.since,
            carried=place.parked.carried,
        )
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if not fs.cancelled() and fs.exception() is None and isinstance(fs.result(), Place):
            self._park(conn, fs.result())
        elif fs.cancelled() or fs.exception() is not None or not fs.result():
            self._let_go(conn)
        else:
            super().finish_request(conn, fs)

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
            more = sock.recv(MOST_WAITED_FOR)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            del self._leaving[conn]
            self.poller.unregister(sock)
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def handle(self, conn: Any) -> Any:
        """Gives a place in the parking, too."""
        seat = getattr(conn, "again", None) or Seat(is_gone=partial(_is_gone, conn.sock))
        conn.again = None
        parked = len(self._parking)
        seat.has_room, seat.may_wait = parked < MOST_PARKED, parked < MOST_PARKED // 2
        conn.seat = seat
        self._served[conn] = time.monotonic()
        try:
            with seated(seat):
                return super().handle(conn)
        except Parked as parked:
            return Place(conn, conn.request, parked, seat)
        finally:
            conn.request = None
            del self._served[conn]

    def handle_request(self, req: Any, conn: Any) -> Any:
        conn.request = req
        if not _is_small(req):
            # Should the answer leave it unread, the client must know not to go on here.
            req.force_close()
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        if not keepalive:
            return False
        return bool(conn.parser.finish_body(deadline=time.monotonic() + DISCARD_WITHIN_S))

    def murder_pending(self) -> None:
        """Called in every turn of the loop, once a second at least."""
        super().murder_pending()
        now = time.monotonic()
        if not self.alive:
            self._parking.close()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._hang_up_on_the_slow(now)

    def _hang_up_on_the_slow(self, now: float) -> None:
        arrive_within_s = ARRIVE_WITHIN_S if self.alive else LEAVE_WITHIN_S
        for waiting, limit_s in (
            (self._arriving, arrive_within_s),
            (self._leaving, LEAVE_WITHIN_S),
        ):
            for conn, since in list(waiting.items()):
                if now - since < limit_s:
                    break
                del waiting[conn]
                self.poller.unregister(conn.sock)
                self._close(conn)
        for conn, since in list(self._served.items()):
            # Its thread sees the end of the stream, and finishes what it does.
            with suppress(OSError):
                if now > min(since + ANSWER_WITHIN_S, conn.seat.until):
                    conn.sock.shutdown(socket.SHUT_RDWR)
                elif now - since > READ_WITHIN_S and conn.seat.until == math.inf:
                    conn.sock.shutdown(socket.SHUT_RD)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers what never reaches the application, in the application's words."""
        with suppress(OSError):
            client.sendall(answer_to(exc, addr and addr[0]))


def _wake_after(sock: socket.socket, count: int) -> None:
    """Once so many bytes are there. What cannot be told that wakes for each: a connection that
    is gone, for one."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def _glimpse(sock: socket.socket) -> bytes | None:
    """What has arrived, left where it is; None for nothing yet, empty at the end of the stream
    and for a connection that is broken."""
    try:
        return sock.recv(MOST_WAITED_FOR, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _is_gone(sock: socket.socket) -> bool:
    return _glimpse(sock) == b""


def _is_small(req: Any) -> bool:
    """Whether gunicorn discards what is left unread of its body."""
    for name, value in req.headers:
        if name == "TRANSFER-ENCODING" or (
            name == "CONTENT-LENGTH" and int(value) >= _UNREAD_SMALL
        ):
            return False
    return True
