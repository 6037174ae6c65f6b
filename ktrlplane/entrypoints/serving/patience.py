"""gunicorn's threaded worker, made so that slow clients cannot occupy its threads.

A thread that reads a request waits for every byte of it, and one that answers waits until all is
taken, and there are few threads: a handful of clients that stop in the middle would keep
everybody else out. So the main thread waits, for any number of them: for requests to arrive
(see ``receiving``), for what they wait for to happen, and for answers to be taken (``sending``).
Who takes too long is hung up on. Whatever a thread has to wait for all the same (the client of an
answer that is made while it is sent) has an end too.
"""

import math
import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from attrs import evolve, frozen

from ktrlplane.entrypoints.http.waiting import AT_ONCE, Parked, Seat, seated
from ktrlplane.entrypoints.serving.arrivals import MOST_WAITED_FOR
from ktrlplane.entrypoints.serving.connecting import glimpse, wake_after
from ktrlplane.entrypoints.serving.parking import Parking, Place
from ktrlplane.entrypoints.serving.receiving import take_in
from ktrlplane.entrypoints.serving.sending import ANSWER_WITHIN_S, SendingWorker

READ_WITHIN_S: Final = 20.0
"""What of a body a thread reads."""
DISCARD_WITHIN_S: Final = 0.2
"""What an answer left unread of a body."""
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


class PatientWorker(SendingWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parking = Parking(lambda place: self.method_queue.defer(self._leave_parking, place))
        self._served: dict[Any, float] = {}
        """Connections that a thread has, by since when."""
        self._looked_at = time.monotonic()

    # -- who waits -----------------------------------------------------------------------------

    def _park(self, conn: Any, place: Place) -> None:
        # One that sends the next request already is read when this one is answered.
        conn.sock.setblocking(False)  # noqa: FBT003 - its name
        self._listen_for(place, seen=0)
        self._parking.put(place)

    def _listen_for(self, place: Place, *, seen: int) -> None:
        """Whether more comes than was seen, or the end does."""
        conn = place.conn
        conn.listened_for = place
        wake_after(conn.sock, seen + 1)
        heard = partial(self._heard_while_parked, place, seen)
        self.poller.register(conn.sock, EVENT_READ, heard)

    def _stop_listening(self, conn: Any) -> None:
        conn.listened_for = None
        self.poller.unregister(conn.sock)

    def _heard_while_parked(self, place: Place, seen: int, sock: socket.socket) -> None:
        if place.conn.listened_for is not place:
            return  # it has left in this very turn of the loop
        self._stop_listening(place.conn)
        arrived = glimpse(sock)
        known = len(arrived or b"")
        if arrived is None or seen < known < MOST_WAITED_FOR:
            self._listen_for(place, seen=known)
        elif arrived and known <= seen:
            if len(take_in(place.conn)) < MOST_WAITED_FOR:
                self._listen_for(place, seen=0)
        # Who has hung up and who will only send no more look the same until they are answered.
        # So they are answered at once, and neither is waited for.
        elif known <= seen and self._parking.take_out(place.conn) is not None:
            self._leave_parking(place, at_once=True)

    def _leave_parking(self, place: Place, *, at_once: bool = False) -> None:
        conn = place.conn
        if conn.listened_for is place:
            self._stop_listening(conn)
        wake_after(conn.sock, 1)
        conn.parser = _Again(place, conn.parser)
        at_once = at_once or self._parking.is_closed
        conn.again = evolve(
            place.seat,
            since=AT_ONCE if at_once else place.parked.since,
            carried=place.parked.carried,
        )
        self._hand_over(conn)

    # -- who is answered -----------------------------------------------------------------------

    def handle(self, conn: Any) -> Any:
        """Gives a place in the parking, too."""
        seat = getattr(conn, "again", None) or Seat(is_gone=partial(_is_gone, conn.sock))
        conn.again = None
        taken = len(self._parking)
        seat.has_room, seat.may_wait = taken < MOST_PARKED, taken < MOST_PARKED // 2
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
        is_full = self.nr_conns >= self.worker_connections
        if is_full or not _is_small(req):
            # Others want to come in; or should the answer leave it unread, the client must know
            # not to go on here.
            req.force_close()
        if getattr(conn, "was_told", False):
            conn.was_told = req._expected_100_continue = False  # noqa: SLF001 - nor again
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        if not keepalive:
            return False
        return bool(conn.parser.finish_body(deadline=time.monotonic() + DISCARD_WITHIN_S))

    def _finish(self, conn: Any, fs: Any) -> None:
        if not fs.cancelled() and fs.exception() is None and isinstance(fs.result(), Place):
            self._park(conn, fs.result())
        else:
            super()._finish(conn, fs)

    # -- who takes too long --------------------------------------------------------------------

    def murder_pending(self) -> None:
        """Called in every turn of the loop, once a second at least."""
        super().murder_pending()
        now = time.monotonic()
        if not self.alive:
            self._parking.close()
        if self.nr_conns >= self.worker_connections:
            self._hurry(now)
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._hang_up_on_the_slow(now)

    def _hang_up_on_the_slow(self, now: float) -> None:
        super()._hang_up_on_the_slow(now)
        for conn, since in list(self._served.items()):
            # Its thread sees the end of the stream, and finishes what it does.
            with suppress(OSError):
                if now > min(since + ANSWER_WITHIN_S, conn.seat.until):
                    conn.sock.shutdown(socket.SHUT_RDWR)
                elif now - since > READ_WITHIN_S and conn.seat.until == math.inf:
                    conn.sock.shutdown(socket.SHUT_RD)


def _is_gone(sock: socket.socket) -> bool:
    return glimpse(sock) == b""


def _is_small(req: Any) -> bool:
    """Whether gunicorn discards what is left unread of its body."""
    for name, value in req.headers:
        if name == "TRANSFER-ENCODING" or (
            name == "CONTENT-LENGTH" and int(value) >= _UNREAD_SMALL
        ):
            return False
    return True
