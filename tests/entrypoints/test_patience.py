"""Requests that are put aside, in the loop of the web server."""

import errno
import io
import math
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.workers.gthread import (  # type: ignore[import-untyped]
    PollableMethodQueue,
    ThreadWorker,
)

from ktrlplane.entrypoints.http.waiting import AT_ONCE, Parked, Seat, waited
from ktrlplane.entrypoints.serving import patience
from ktrlplane.entrypoints.serving.parking import Parking, Place
from ktrlplane.entrypoints.serving.patience import READ_WITHIN_S, PatientWorker


class Conn:
    """As much of gunicorn's as is looked at."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.parser: Any = None
        self.again: Seat | None = None
        self.request: Any = None
        self.seat = Seat()


class Loop:
    """A worker's, without its arbiter and its threads: ``left`` are connections that a thread
    would be given."""

    def __init__(self) -> None:
        self.worker: Any = PatientWorker.__new__(PatientWorker)
        self.left: list[Conn] = []
        worker = self.worker
        worker.poller, worker.method_queue = selectors.DefaultSelector(), PollableMethodQueue()
        worker.method_queue.init()
        worker.poller.register(
            worker.method_queue.fileno(), selectors.EVENT_READ, worker.method_queue.run_callbacks
        )
        worker._parking = Parking(lambda place: worker.method_queue.defer(self.leave, place))
        worker.tpool = self
        self.here, self.client = socket.socketpair()
        self.conn = Conn(self.here)
        self.signal: Future[None] = Future()

    def leave(self, place: Place) -> None:
        self.worker._leave_parking(place)

    def submit(self, _: Any, conn: Conn) -> "Future[None]":
        self.left.append(conn)
        return Future()

    def park(self) -> None:
        now = time.monotonic()
        parked = Parked("k", None, now, now + 60, signal=self.signal)
        self.worker._park(self.conn, Place(self.conn, "request", parked, Seat()))

    def turn(self) -> None:
        self.worker.wait_for_and_dispatch_events(1)

    def turn_until_left(self) -> Seat:
        for _ in range(20):
            if self.left:
                break
            self.turn()
        (conn,) = self.left
        assert conn.again is not None
        return conn.again


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.worker._parking.close()
    loop.here.close()
    loop.client.close()
    loop.worker.method_queue.close()
    loop.worker.poller.close()


def test_an_answer_comes_as_the_client_hangs_up(loop: Loop) -> None:
    """In one turn of the loop: one of the two is told of a socket that nobody listens to."""
    loop.park()
    loop.signal.set_result(None)
    loop.client.close()
    loop.turn_until_left()
    loop.turn()
    assert loop.left == [loop.conn]


def test_an_answer_comes_as_the_client_asks_more(loop: Loop) -> None:
    loop.park()
    loop.signal.set_result(None)
    loop.client.send(b"GET /next")
    assert loop.turn_until_left().since != AT_ONCE
    loop.turn()
    assert loop.left == [loop.conn]


@pytest.mark.parametrize("more", [b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_hangs_up_is_noticed_whatever_they_sent_before(loop: Loop, more: bytes) -> None:
    loop.park()
    if more:
        loop.client.send(more)
        loop.turn()
    assert loop.left == []
    loop.client.close()
    assert loop.turn_until_left().since == AT_ONCE
    assert loop.here.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


def test_what_came_with_the_request_before_is_waited_for_too(loop: Loop) -> None:
    """A thread that had to wait for the rest would be kept from everybody else."""
    loop.worker._arriving, loop.worker._accepts_from = {}, 0.0
    taken = io.BytesIO(b"GET / HTTP/1.1\r\nHo")
    loop.conn.parser = SimpleNamespace(unreader=SimpleNamespace(buf=taken))
    loop.worker.enqueue_req(loop.conn)
    assert loop.left == []
    loop.client.send(b"st: x\r\n")
    loop.turn()
    assert loop.left == []
    loop.client.send(b"\r\n")
    loop.turn()
    assert loop.left == [loop.conn]


@pytest.mark.parametrize(("until", "hears"), [(math.inf, False), (1e12, True)])
def test_who_takes_a_long_answer_is_listened_to(loop: Loop, until: float, *, hears: bool) -> None:
    """Else it would look as if they had gone."""
    worker = loop.worker
    worker.alive, worker._arriving, worker._leaving = True, {}, {}
    worker._served = {loop.conn: time.monotonic() - READ_WITHIN_S - 1}
    loop.conn.seat = Seat(until=until)
    worker._hang_up_on_the_slow(time.monotonic())
    loop.here.settimeout(0)
    if hears:
        with pytest.raises(BlockingIOError):
            loop.here.recv(1)
    else:
        assert loop.here.recv(1) == b""


def test_waits_leave_half_of_the_places_to_queries(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may wait for what they can read, as often as they like."""

    def wait_for_it(_: Any, conn: Conn) -> str:
        seats.append(conn.seat)
        return waited(60, lambda: "not yet", lambda _: False, "key", lambda _: ())

    def ask() -> Place | str:
        found: Place | str = worker.handle(loop.conn)
        return found

    seats: list[Seat] = []
    worker = loop.worker
    worker._served, loop.conn.request = {}, "request"
    monkeypatch.setattr(ThreadWorker, "handle", wait_for_it)
    monkeypatch.setattr(patience, "MOST_PARKED", 4)
    for number in range(4):
        place = ask()
        assert isinstance(place, Place) == (number < 2)
        assert seats[-1].has_room
        worker._parking.put(Place(number, "request", Parked("k", None, 0, math.inf), Seat()))
    assert ask() == "not yet", "as it is, at once"
    assert not seats[-1].has_room
    for number in range(4):
        worker._parking.take_out(number)


class Listener:
    def __init__(self, number: int) -> None:
        self.number = number

    def accept(self) -> None:
        raise OSError(self.number, "no")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_files_end_no_process(loop: Loop, number: int) -> None:
    loop.worker.sockets, loop.worker._accepting = [], True
    loop.worker._accepts_from = 0.0
    loop.worker.accept(Listener(number))
    assert not loop.worker._accepting
    loop.worker.set_accept_enabled(True)
    assert not loop.worker._accepting, "for a while"
    loop.worker._accepts_from = 0.0
    loop.worker.set_accept_enabled(True)
    assert loop.worker._accepting


def test_other_failures_are_told(loop: Loop) -> None:
    with pytest.raises(OSError, match="no"):
        loop.worker.accept(Listener(errno.EPERM))
