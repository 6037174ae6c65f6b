"""What every way to ask the backends does."""

import gc
import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress

import pytest
from attrs import frozen

from ktrlplane.adapters.memory.telemetry import MemoryTelemetry
from ktrlplane.adapters.telemetry import Bounds, HttpTelemetry
from ktrlplane.adapters.telemetry.exchanges import Exchange
from ktrlplane.domain.errors import OutcomeUnknown, UpstreamError
from ktrlplane.domain.observability.backend_queries import Backend, BackendQuery
from ktrlplane.ports.telemetry import Answer, Outgoing, Telemetry
from tests.webhook_receivers import Arrived, Line, receiver, response

QUERY = BackendQuery(
    backend=Backend.LOGS,
    subject="one",
    path="/loki/api/v1/query",
    parameters=(("query", '{a="é&b"} |= "+"'), ("time", "1")),
    tenant="plant",
)
JSON = {"Content-Type": "application/json; charset=UTF-8"}
IN_A_WHILE_S = 20


@frozen
class World:
    telemetry: Telemetry
    answers: Callable[[int, bytes], None]


def in_memory() -> Iterator[World]:
    telemetry = MemoryTelemetry()

    def answers(status: int, body: bytes) -> None:
        answer = Answer(status=status, media_type="application/json", beginning=body)
        telemetry.answer = lambda _: answer

    yield World(telemetry, answers)


def over_http() -> Iterator[World]:
    said: list[bytes] = []

    def answer(line: Line) -> None:
        while line.request() is not None:
            line.send(said[-1])

    with receiver(answer) as there:
        telemetry = HttpTelemetry(dict.fromkeys(Backend, there.url("")))
        try:
            yield World(
                telemetry,
                lambda status, body: said.append(response(body, f"{status} X", JSON)),
            )
        finally:
            telemetry.close()


@pytest.fixture(params=[in_memory, over_http])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from request.param()


@pytest.mark.parametrize("status", [200, 400, 500])
def test_it_gives_whatever_is_answered(world: World, status: int) -> None:
    world.answers(status, b'{"status":"success"}')
    answer = world.telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    assert (answer.status, answer.media_type) == (status, "application/json")
    assert answer.beginning == b'{"status":"success"}'
    assert answer.rest is None
    assert not answer.compressed


def test_it_knows_what_it_has(world: World) -> None:
    assert all(world.telemetry.has(backend) for backend in Backend)


def test_who_asks_once_it_is_closed_is_told(world: World) -> None:
    world.telemetry.close()
    world.telemetry.close()
    with pytest.raises(UpstreamError):
        world.telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)


# -- over HTTP ---------------------------------------------------------------------------------


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def asked_of(
    stack: ExitStack, part: Callable[[Line], None], **bounds: float
) -> tuple[HttpTelemetry, list[Arrived]]:
    there = stack.enter_context(receiver(part))
    telemetry = HttpTelemetry({Backend.LOGS: there.url("/x")}, bounds=Bounds(**bounds))
    stack.callback(telemetry.close)
    return telemetry, there.arrived


def answer_with(content: bytes) -> Callable[[Line], None]:
    def act(line: Line) -> None:
        while line.request() is not None:
            line.send(content)

    return act


def test_what_is_sent(stack: ExitStack) -> None:
    telemetry, arrived = asked_of(stack, answer_with(response(b"{}", headers=JSON)))
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-00"
    telemetry.ask(Outgoing(query=QUERY, trace=trace)).result(IN_A_WHILE_S)
    (one,) = arrived
    assert one.line == "POST /x/loki/api/v1/query HTTP/1.1"
    assert one.body == b"query=%7Ba%3D%22%C3%A9%26b%22%7D+%7C%3D+%22%2B%22&time=1"
    assert set(one.headers) == {
        *("host", "user-agent", "accept", "accept-encoding", "x-scope-orgid", "traceparent"),
        *("content-length", "content-type", "connection"),
    }
    assert one.headers["x-scope-orgid"] == "plant"
    assert one.headers["accept-encoding"] == "identity"


def test_a_query_without_a_form_is_in_the_address(stack: ExitStack) -> None:
    telemetry, arrived = asked_of(stack, answer_with(response(b"{}", headers=JSON)))
    query = BackendQuery(
        backend=Backend.LOGS,
        subject="one",
        path="/loki/api/v1/label/a/values",
        parameters=(("query", '{a="b&c"}'),),
        tenant="plant",
        has_form=False,
    )
    telemetry.ask(Outgoing(query=query)).result(IN_A_WHILE_S)
    target = arrived[0].line.split()[1]
    assert target == "/x/loki/api/v1/label/a/values?query=%7Ba%3D%22b%26c%22%7D"


def test_nobody_is_followed(stack: ExitStack) -> None:
    moved = response(b"", "302 Found", {"Location": "http://127.0.0.1:1/"})
    telemetry, arrived = asked_of(stack, answer_with(moved))
    assert telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S).status == 302
    assert len(arrived) == 1


def test_a_long_answer_comes_in_parts_and_stays_at_the_backend_meanwhile(
    stack: ExitStack,
) -> None:
    size, sent = 64 * 2**20, threading.Semaphore(0)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"

    def flood(line: Line) -> None:
        line.request()
        line.send(head.encode())
        for _ in range(size // 2**20):
            line.send(b"x" * 2**20)
            sent.release()
        line.wait_for_the_end()

    telemetry, _ = asked_of(stack, flood)
    answer = telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    assert answer.rest is not None
    total = len(answer.beginning)
    assert total <= 1024 * 1024
    ahead = 0
    while sent.acquire(timeout=0.2):
        ahead += 1
    assert ahead < size // 2**20, "all of it was taken before anybody asked for it"
    while part := answer.rest.read(lambda: True):
        assert len(part) <= 1024 * 1024
        total += len(part)
    assert total == size


def test_closing_an_answer_ends_it_at_the_backend(stack: ExitStack) -> None:
    gone = threading.Event()

    def drip(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        line.send(b"Content-Length: 10000000\r\n\r\n" + b"x" * 300_000)
        line.wait_for_the_end()
        gone.set()

    telemetry, _ = asked_of(stack, drip)
    answer = telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    assert answer.rest is not None
    answer.rest.close()
    answer.rest.close()
    assert gone.wait(IN_A_WHILE_S)


def test_who_cancels_ends_the_request(stack: ExitStack) -> None:
    came, gone = threading.Event(), threading.Event()

    def stand(line: Line) -> None:
        line.request()
        came.set()
        line.wait_for_the_end()
        gone.set()

    telemetry, _ = asked_of(stack, stand)
    future = telemetry.ask(Outgoing(query=QUERY))
    assert came.wait(IN_A_WHILE_S)
    assert future.cancel()
    assert gone.wait(IN_A_WHILE_S)


@pytest.mark.parametrize(
    ("said", "bounds"),
    [
        (b"", {"begin_s": 0.2}),
        (b"HTTP/1.1 200 OK\r\n", {"begin_s": 0.2}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", {"whole_s": 0.3}),
    ],
)
def test_who_is_slow_is_given_up(stack: ExitStack, said: bytes, bounds: dict[str, float]) -> None:
    def stand(line: Line) -> None:
        line.request()
        line.send(said)
        line.wait_for_the_end()

    telemetry, _ = asked_of(stack, stand, **bounds)
    with pytest.raises(OutcomeUnknown):
        telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
        response(b"{}", headers={**JSON, "Content-Encoding": "br"}),
        response(gzip.compress(b"{}"), headers={**JSON, "Content-Encoding": "gzip"}),
    ],
)
def test_who_breaks_off_or_answers_what_was_not_asked_for(stack: ExitStack, said: bytes) -> None:
    def act(line: Line) -> None:
        line.request()
        line.send(said)

    telemetry, _ = asked_of(stack, act)
    with pytest.raises(UpstreamError):
        telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff;;;=\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000,
        b"HTTP/1.1 999999 ?\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_whatever_comes_back_is_an_answer_or_a_refusal(stack: ExitStack, said: bytes) -> None:
    def act(line: Line) -> None:
        line.request()
        line.send(said)

    telemetry, _ = asked_of(stack, act)
    try:
        answer = telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    except UpstreamError:
        return
    assert answer.beginning == b"{}"


def test_who_takes_no_connection_is_given_up(stack: ExitStack) -> None:
    """Nobody accepts here, and there is no room to wait for that."""
    full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    address = full.getsockname()
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)  # noqa: FBT003 - its name
        with suppress(BlockingIOError):
            waiting.connect(address)
    telemetry = HttpTelemetry(
        {Backend.LOGS: f"http://127.0.0.1:{address[1]}"}, bounds=Bounds(connect_s=0.2)
    )
    stack.callback(telemetry.close)
    with pytest.raises(OutcomeUnknown):
        telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)


def test_who_cancels_too_late_gets_an_answer(stack: ExitStack) -> None:
    """There is no moment in which neither side ends it."""
    telemetry, _ = asked_of(stack, answer_with(response(b"{}", headers=JSON)))
    for _ in range(200):
        future = telemetry.ask(Outgoing(query=QUERY))
        if not future.cancel():
            assert future.result(IN_A_WHILE_S).beginning == b"{}"


def test_nobody_there() -> None:
    telemetry = HttpTelemetry({Backend.LOGS: "http://127.0.0.1:1"})
    try:
        with pytest.raises(UpstreamError):
            telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    finally:
        telemetry.close()


def test_what_is_packed_stays_so(stack: ExitStack) -> None:
    packed = response(gzip.compress(b"{}"), headers={**JSON, "Content-Encoding": "gzip"})
    telemetry, arrived = asked_of(stack, answer_with(packed))
    answer = telemetry.ask(Outgoing(query=QUERY, compressed=True)).result(IN_A_WHILE_S)
    assert arrived[0].headers["accept-encoding"] == "gzip"
    assert answer.compressed
    assert gzip.decompress(answer.beginning) == b"{}"


def test_what_a_backend_says_too_much_is_no_answer_to_the_next(stack: ExitStack) -> None:
    def twice(line: Line) -> None:
        line.request()
        line.send(response(b"{}", headers=JSON))
        line.send(response(b'"of another"', headers=JSON))
        line.wait_for_the_end()

    telemetry, arrived = asked_of(stack, twice)
    for _ in range(3):
        answer = telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
        assert answer.beginning == b"{}"
    assert len({one.connection for one in arrived}) == 3


@pytest.mark.parametrize(
    "framing",
    [
        "",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
    ],
)
def test_an_answer_that_does_not_say_where_it_ends_is_none(stack: ExitStack, framing: str) -> None:
    """It would look whole, wherever it broke off."""
    said = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}\r\n{{"

    def break_off(line: Line) -> None:
        line.request()
        line.send(said.encode())

    telemetry, _ = asked_of(stack, break_off)
    with pytest.raises(UpstreamError, match="where its answer ends"):
        telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)


def test_an_answer_in_chunks_says_where_it_ends(stack: ExitStack) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n"
    telemetry, _ = asked_of(stack, answer_with(said + b"\r\n2\r\n{}\r\n0\r\n\r\n"))
    answer = telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    assert answer.beginning == b"{}"


@pytest.mark.parametrize("kind", ["application/json; 0*", "a*²=x", "a*" + "1" * 5000])
def test_a_kind_of_answer_that_nobody_can_read_is_refused(stack: ExitStack, kind: str) -> None:
    """And nobody waits for it for ever."""
    said = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n\r\n{{}}"
    telemetry, _ = asked_of(stack, answer_with(said.encode()))
    future = telemetry.ask(Outgoing(query=QUERY))
    try:
        answer = future.result(IN_A_WHILE_S)
    except UpstreamError:
        return
    assert answer.media_type != "application/json"


def test_what_nobody_wants_any_more_is_ended(stack: ExitStack) -> None:
    ended = threading.Event()

    def stall(line: Line) -> None:
        line.request()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n"
        line.send(head + b"\r\n" + b"x" * 300_000)
        line.wait_for_the_end()
        ended.set()

    telemetry, _ = asked_of(stack, stall)
    rest = telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S).rest
    assert rest is not None

    def read_all() -> None:
        while rest.read(lambda: False):
            pass

    with pytest.raises(UpstreamError, match="client is gone"):
        read_all()
    assert ended.wait(IN_A_WHILE_S)


def test_closing_ends_what_is_under_way(stack: ExitStack) -> None:
    came = threading.Event()

    def stand(line: Line) -> None:
        line.request()
        came.set()
        line.wait_for_the_end()

    telemetry, _ = asked_of(stack, stand)
    future = telemetry.ask(Outgoing(query=QUERY))
    assert came.wait(IN_A_WHILE_S)
    telemetry.close()
    with pytest.raises((UpstreamError, CancelledError)):
        future.result(IN_A_WHILE_S)


def test_nothing_is_kept_of_an_answer_that_is_whole(stack: ExitStack) -> None:
    """Least of all until its time would have been up."""
    telemetry, _ = asked_of(stack, answer_with(response(b"x" * 100_000, headers=JSON)))
    for _ in range(5):
        telemetry.ask(Outgoing(query=QUERY)).result(IN_A_WHILE_S)
    gc.collect()
    assert [one for one in gc.get_objects() if isinstance(one, Exchange)] == []
