"""Requests that are put aside, in the loop of the web server."""

import errno
import io
import math
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import (  # type: ignore[import-untyped]
    PollableMethodQueue,
    ThreadWorker,
)

from ktrlplane.entrypoints.http.waiting import AT_ONCE, Parked, Seat, waited
from ktrlplane.entrypoints.serving import connecting, patience, receiving, sending
from ktrlplane.entrypoints.serving.arrivals import MOST_CHUNKS
from ktrlplane.entrypoints.serving.connecting import LEAVE_WITHIN_S
from ktrlplane.entrypoints.serving.parking import Parking, Place
from ktrlplane.entrypoints.serving.patience import READ_WITHIN_S, PatientWorker
from ktrlplane.entrypoints.serving.receiving import ARRIVE_WITHIN_S, take_in
from ktrlplane.entrypoints.serving.sending import ANSWER_WITHIN_S, HURRIED_ANSWER_S
from ktrlplane.entrypoints.serving.sockets import Outbox


class Conn:
    """As much of gunicorn's as is looked at."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.parser: Any = None
        self.client = ("127.0.0.1", 1)
        self.again: Seat | None = None
        self.request: Any = None
        self.seat = Seat()
        self.timeout = 0.0
        self.outbox: Outbox | None = None
        self.is_closed = False

    def init(self) -> None:
        """There is a parser already."""

    def close(self) -> None:
        self.is_closed = True
        self.sock.close()


class Loop:
    """A worker's, without its arbiter and its threads: ``left`` are connections that a thread
    would be given."""

    def __init__(self) -> None:
        self.worker: Any = PatientWorker.__new__(PatientWorker)
        for name in ("_arriving", "_coming", "_taken", "_leaving", "_served", "_sending"):
            setattr(self.worker, name, {})
        self.worker.nr_conns, self.worker.worker_connections = 0, 1000
        self.worker.keepalived_conns, self.worker.alive = deque(), True
        self.worker.cfg = SimpleNamespace(is_ssl=False, keepalive=5)
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
    source(loop)
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
    loop.worker._accepts_from = 0.0
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


def source(loop: Loop) -> Any:
    """As a parser reads."""
    unreader = SocketUnreader(loop.here)
    loop.conn.parser = SimpleNamespace(unreader=unreader)
    return unreader


HEAD = b"POST / HTTP/1.1\r\n%s\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 200000", b"a" * 200_000),
        (b"Transfer-Encoding: chunked", b"186a0\r\n%s\r\n0\r\n\r\n" % (b"a" * 100_000)),
        (b"Content-Length: 5\r\nExpect: 100-continue", b"hello"),
    ],
)
def test_a_large_request_is_taken_as_it_comes(loop: Loop, head: bytes, body: bytes) -> None:
    """No thread waits for it, and what follows it is not lost."""
    unreader, loop.worker.alive = source(loop), True
    whole, following = HEAD % head + body, b"GET /next"
    loop.client.sendall(whole[:60])
    loop.worker.enqueue_req(loop.conn)
    sending = ThreadPoolExecutor(1).submit(loop.client.sendall, whole[60:] + following)
    while not loop.left:
        loop.turn()
    sending.result()
    read = b""
    while len(read) < len(whole):
        read += unreader.read()
    if b"Expect" in head:
        assert loop.client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    loop.worker._take_back(loop.conn)
    rest = unreader.take_buffered()
    while len(read + rest) < len(whole + following):
        rest += loop.here.recv(100)
    assert (read + rest, loop.worker._taken) == (whole + following, {})


def test_who_breaks_off_is_not_waited_for(loop: Loop) -> None:
    unreader = source(loop)
    loop.client.sendall(HEAD % b"Content-Length: 200000" + b"half")
    loop.worker.enqueue_req(loop.conn)
    assert loop.left == []
    loop.client.close()
    loop.turn()
    assert loop.left == [loop.conn]
    assert unreader.read().endswith(b"half")
    assert unreader.read() == b""


@pytest.mark.parametrize("is_parked", [False, True])
def test_where_the_system_tells_of_too_little_it_is_taken(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, *, is_parked: bool
) -> None:
    """As it does where it is short of memory: that is no sign of an end, and is told of again
    for as long as it is there."""
    unreader = source(loop)
    monkeypatch.setattr(receiving, "wake_after", lambda sock, count: None)
    monkeypatch.setattr(patience, "wake_after", lambda sock, count: None)
    loop.client.send(b"GET / HTTP/1.1\r\nHo")
    if is_parked:
        loop.park()
    else:
        loop.worker.enqueue_req(loop.conn)
    for _ in range(3):
        loop.worker.wait_for_and_dispatch_events(0)
    assert (loop.left, unreader.buf.getvalue()) == ([], b"GET / HTTP/1.1\r\nHo")
    loop.client.send(b"st: x\r\n\r\n")
    if is_parked:
        loop.signal.set_result(None)
    while not loop.left:
        loop.turn()
    assert unreader.read() + loop.here.recv(100) == b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_the_rest_may_come_as_what_there_is_is_taken(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would tell of it any more."""
    source(loop)
    monkeypatch.setattr(receiving, "wake_after", lambda sock, count: None)

    def as_the_rest_comes(conn: Any) -> bytes:
        loop.client.send(b"st: x\r\n\r\n")
        return take_in(conn)

    monkeypatch.setattr(receiving, "take_in", as_the_rest_comes)
    loop.client.send(b"GET / HTTP/1.1\r\nHo")
    loop.worker.enqueue_req(loop.conn)
    loop.turn()
    assert loop.left == [loop.conn]


def test_a_refusal_waits_for_nobody(loop: Loop) -> None:
    with suppress(BlockingIOError):
        while True:
            loop.here.send(b"a" * 10_000, socket.MSG_DONTWAIT)
    loop.worker.handle_error(None, loop.here, None, errors.InvalidHeader("x"))


def test_large_requests_have_a_bound_together(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_TAKEN_OF_ALL", 1000)
    source(loop)
    loop.worker.nr_conns = 1
    loop.client.sendall(HEAD % b"Content-Length: 200000" + b"a" * 1000)
    loop.worker.enqueue_req(loop.conn)
    assert loop.client.recv(1000).startswith(b"HTTP/1.1 429 ")
    assert (loop.left, loop.worker._coming, loop.worker._taken) == ([], {}, {})


@pytest.mark.parametrize("chunks", [b"1\r\na\r\n" * (2 * MOST_CHUNKS), b"fffffff\r\n"])
def test_a_body_without_an_end_is_refused(loop: Loop, chunks: bytes) -> None:
    source(loop)
    loop.worker.nr_conns = 1
    pieces = HEAD % b"Transfer-Encoding: chunked" + chunks
    sending = ThreadPoolExecutor(1).submit(loop.client.sendall, pieces)
    loop.worker.enqueue_req(loop.conn)
    while not loop.worker._leaving:
        loop.turn()
    sending.result()
    assert loop.client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_an_answer_that_is_not_taken_holds_no_thread(loop: Loop) -> None:
    """It is sent on by the main thread, and the connection goes on after it."""
    finished: list[Any] = []
    loop.worker._finish = lambda conn, fs: finished.append(fs)
    loop.conn.outbox = outbox = Outbox(loop.here)
    answer = b"".join(b"%07d\n" % number for number in range(100_000))
    outbox.sendall(answer[:100])
    outbox.sendall(answer[100:])
    assert outbox.size > 0
    loop.worker.finish_request(loop.conn, "done")
    assert finished == []
    taken = b""
    while len(taken) < len(answer):
        taken += loop.client.recv(1 << 20)
        loop.turn()
    assert (taken == answer, finished, loop.worker._sending) == (True, ["done"], {})


def test_answers_that_are_not_taken_have_a_bound_together(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_SENDING", 1_000_000)
    loop.worker.nr_conns = 1
    loop.conn.outbox = outbox = Outbox(loop.here)
    outbox.sendall(b"a" * 3_000_000)
    loop.worker.finish_request(loop.conn, "done")
    assert (loop.worker._sending, loop.worker.nr_conns, loop.conn.is_closed) == ({}, 0, True)


def test_who_has_made_room_is_not_looked_at_again_in_the_same_turn(loop: Loop) -> None:
    """A loop knows of all that can be read and written before it begins with the first."""
    loop.worker._more_to_take(loop.conn, loop.here)
    loop.worker._send_on(loop.conn, loop.here)
    assert loop.left == []


@pytest.mark.parametrize(
    ("look", "within_s"),
    [("_hang_up_on_the_slow", ANSWER_WITHIN_S), ("_hurry", HURRIED_ANSWER_S)],
)
def test_an_answer_that_is_not_taken_has_an_end(loop: Loop, look: str, within_s: float) -> None:
    """A sooner one where nobody else can come in."""
    loop.worker.nr_conns = 1
    loop.conn.outbox = outbox = Outbox(loop.here)
    outbox.sendall(b"a" * 3_000_000)
    loop.worker.finish_request(loop.conn, "done")
    getattr(loop.worker, look)(time.monotonic() + within_s - 1)
    assert list(loop.worker._sending) == [loop.conn]
    getattr(loop.worker, look)(time.monotonic() + within_s + 1)
    assert (loop.worker._sending, loop.worker.nr_conns) == ({}, 0)


def test_where_nobody_else_can_come_in_the_slowest_make_room(loop: Loop) -> None:
    loop.worker.nr_conns = 1
    loop.client.send(b"GET")
    loop.worker.enqueue_req(loop.conn)
    loop.worker._hurry(time.monotonic())
    assert loop.worker.nr_conns == 1
    loop.worker._hurry(time.monotonic() + 2)
    assert (loop.worker.nr_conns, loop.conn.is_closed) == (0, True)


def test_nor_do_those_keep_them_out_who_ask_no_more(loop: Loop) -> None:
    worker, now = loop.worker, time.monotonic()
    with ExitStack() as ends:
        conns = []
        for _ in range(3):
            here, there = map(ends.enter_context, socket.socketpair())
            conns.append(Conn(here))
            conns[-1].timeout = now + worker.cfg.keepalive
            worker.poller.register(here, selectors.EVENT_READ, None)
            ends.callback(there.close)
            if len(conns) == 2:
                there.send(b"GET")
        worker.keepalived_conns.extend(conns)
        worker.nr_conns = 3
        worker._hurry(now)
        assert worker.nr_conns == 3
        worker._hurry(now + 2)
        assert [conn.is_closed for conn in conns] == [True, False, True]
        assert list(worker.keepalived_conns) == [conns[1]], "who asks again is answered"
        assert worker.nr_conns == 1


def test_who_stops_goes_on_with_who_has_begun(loop: Loop) -> None:
    worker = loop.worker
    with ExitStack() as ends:
        conns = [loop.conn]
        for _ in range(2):
            here, _there = map(ends.enter_context, socket.socketpair())
            conns.append(Conn(here))
        worker.nr_conns = 3
        loop.client.send(b"GET")
        for conn in conns[:2]:
            worker.enqueue_req(conn)
        worker.alive = False
        worker._hang_up_on_the_slow(time.monotonic() + LEAVE_WITHIN_S + 1)
        assert [conn.is_closed for conn in conns] == [False, True, False]
        worker._hang_up_on_the_slow(time.monotonic() + ARRIVE_WITHIN_S + 1)
        assert [conn.is_closed for conn in conns] == [True, True, False]


def test_who_stops_takes_in_who_has_come_and_nobody_else(loop: Loop) -> None:
    worker = loop.worker
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as clients:
        server.settimeout(0)
        worker.sockets, worker._accepting, worker._accepts_from = [server], True, 0.0
        worker.poller.register(server, selectors.EVENT_READ, worker.accept)
        for _ in range(3):
            clients.enter_context(socket.create_connection(server.getsockname()))
        place = server.getsockname()
        worker.alive = False
        worker.set_accept_enabled(False)
        assert worker.nr_conns == 3
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)
        for conn in worker._arriving:
            clients.enter_context(conn.sock)


@pytest.mark.parametrize(("number", "stays"), [(999, True), (1000, False)])
def test_where_nobody_else_can_come_in_one_answer_is_all(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, number: int, *, stays: bool
) -> None:
    """Who asks a hundred things at once would keep them out for long."""

    def answers(worker: Any, req: Any, conn: Any) -> bool:
        return not req.must_close

    def force_close() -> None:
        request.must_close = True

    monkeypatch.setattr(ThreadWorker, "handle_request", answers)
    loop.worker.nr_conns = number
    request = SimpleNamespace(
        version=(1, 1), headers=[], must_close=False, force_close=force_close
    )
    assert loop.worker.handle_request(request, loop.conn) == stays


@pytest.mark.parametrize("wrong", [b"zz\r\n", b"5\nhello\r\n", b"-5\r\nhello\r\n", b"5 5\r\n"])
def test_whoever_reads_what_is_no_chunk_finds_an_end(loop: Loop, wrong: bytes) -> None:
    """Though they should understand it, and wait for more."""
    unreader = source(loop)
    whole = HEAD % b"Transfer-Encoding: chunked" + wrong
    loop.client.sendall(whole)
    loop.worker.enqueue_req(loop.conn)
    assert loop.left == [loop.conn]
    loop.here.settimeout(10)  # or else they would read on
    read = b""
    while part := unreader.read():
        read += part
    assert read == whole


@pytest.mark.parametrize("rest", [b"0" * 30 + b"9\r\n{", b"0\r\nX: y", b"9;" + b"a" * 5000])
def test_nobody_is_made_to_read_what_is_not_whole(loop: Loop, rest: bytes) -> None:
    source(loop)
    loop.client.sendall(HEAD % b"Transfer-Encoding: chunked" + rest)
    loop.worker.enqueue_req(loop.conn)
    assert (loop.left, list(loop.worker._coming)) == ([], [loop.conn])


@pytest.mark.parametrize("version", [(1, 0), (1, 1)])
def test_before_1_1_an_answer_that_is_broken_off_says_so(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    """There is no other sign that a part is not all."""

    def breaks_off(worker: Any, req: Any, conn: Any) -> bool:
        conn.sock.sendall(b"a part")
        raise ConnectionResetError

    monkeypatch.setattr(ThreadWorker, "handle_request", breaks_off)
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        here, _ = server.accept()
    loop.worker.nr_conns = 1
    conn = Conn(here)
    request = SimpleNamespace(version=version, headers=[])
    with pytest.raises(ConnectionResetError):
        loop.worker.handle_request(request, conn)
    assert (conn.sock, conn.outbox) == (here, None)
    with client:
        assert client.recv(100) == b"a part"
        loop.worker._let_go(conn)
        if version < (1, 1):
            with pytest.raises(ConnectionResetError):
                client.recv(100)
        else:
            assert client.recv(100) == b""
    here.close()


@pytest.mark.parametrize(("until", "hears"), [(math.inf, False), (1e12, True)])
def test_who_takes_a_long_answer_is_listened_to(loop: Loop, until: float, *, hears: bool) -> None:
    """Else it would look as if they had gone."""
    worker = loop.worker
    worker.alive = True
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


def test_some_come_in_at_a_time(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server, ExitStack() as clients:
        server.settimeout(0)
        for _ in range(12):
            clients.enter_context(socket.create_connection(server.getsockname()))
        loop.worker.accept(server)
        assert loop.worker.nr_conns == connecting.ACCEPTED_AT_ONCE
        loop.worker.accept(server)
        assert loop.worker.nr_conns == 12
        for conn in loop.worker._arriving:
            clients.enter_context(conn.sock)


def test_other_failures_are_told(loop: Loop) -> None:
    with pytest.raises(OSError, match="no"):
        loop.worker.accept(Listener(errno.EPERM))
