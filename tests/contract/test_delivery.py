"""What every way to send webhooks does."""

import ipaddress
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack
from datetime import timedelta

import pytest
from attrs import evolve, frozen

from ktrlplane.adapters.memory.clock import START, ManualClock
from ktrlplane.adapters.memory.delivery import MemoryDelivery, Reply
from ktrlplane.adapters.webhooks import Bounds, NetworkDelivery
from ktrlplane.domain.addresses import Reach
from ktrlplane.ports.delivery import Answered, Closed, Delivery, Failure, Outgoing
from tests.webhook_receivers import Line, answering, receiver, response

REACH = Reach((ipaddress.ip_network("127.0.0.0/8"),))
HEADERS = {
    "Content-Type": "application/json",
    "webhook-id": "msg_1",
    "webhook-signature": "v1,s3cret v1,0ther",
}
CREATED = Outgoing(url="https://hooks.example.com/", headers=HEADERS, body=b'{"type": "a.b"}')


@frozen
class Seen:
    path: str
    headers: dict[str, str]
    body: bytes


@frozen
class World:
    """The port, and the ways of the adapter to stand for receivers."""

    delivery: Delivery
    answers: Callable[[Reply], str]
    """The URL of one that answers so."""
    hangs_up: Callable[[], str]
    keeps_silent: Callable[[], str]
    seen: Callable[[], list[Seen]]


def in_memory() -> Iterator[World]:
    delivery, seen = MemoryDelivery(ManualClock(), REACH), list[Seen]()
    count = iter(range(1, 100))

    def put(act: Callable[[], Reply]) -> str:
        url = f"http://127.0.0.1:{9000 + next(count)}/hook?x=1"

        def receive(outgoing: Outgoing) -> Reply:
            headers = {name.lower(): value for name, value in outgoing.headers.items()}
            seen.append(Seen(outgoing.url.partition(":9001")[2], headers, outgoing.body))
            return act()

        delivery.receive(url, receive)
        return url

    def failing(exc: Exception) -> Callable[[], Reply]:
        def fail() -> Reply:
            raise exc

        return fail

    yield World(
        delivery,
        lambda reply: put(lambda: reply),
        lambda: put(failing(ConnectionResetError())),
        lambda: put(failing(TimeoutError())),
        lambda: seen,
    )
    delivery.close()


def over_the_network() -> Iterator[World]:
    def unknown(_: str) -> list[str]:
        raise OSError

    delivery = NetworkDelivery(ManualClock(), REACH, bounds=Bounds(whole_s=4.0), lookup=unknown)
    with ExitStack() as stack:
        stack.callback(delivery.close)
        made = []

        def put(part: Callable[[Line], None]) -> str:
            made.append(stack.enter_context(receiver(part)))
            return made[-1].url("/hook?x=1")

        def seen() -> list[Seen]:
            return [
                Seen(a.line.split()[1], a.headers, a.body) for one in made for a in one.arrived
            ]

        yield World(
            delivery,
            lambda reply: put(
                answering(response(reply.body, f"{reply.status} x", dict(reply.headers)))
            ),
            lambda: put(lambda line: line.request() and None),
            lambda: put(lambda line: line.wait()),
            seen,
        )


@pytest.fixture(params=[in_memory, over_the_network], ids=["memory", "network"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from request.param()


def sent(world: World, url: str) -> Answered:
    return world.delivery.send(evolve(CREATED, url=url)).result(timeout=30)


def test_a_request_arrives_as_it_is(world: World) -> None:
    assert sent(world, world.answers(Reply())).is_success
    (seen,) = world.seen()
    assert (seen.path, seen.body) == ("/hook?x=1", CREATED.body)
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= seen.headers.items()


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 307, 400, 404, 410, 429, 500, 503])
def test_an_answer_is_told_as_it_is(world: World, status: int) -> None:
    headers = {"Location": "http://127.0.0.1:1/"}
    body = b"" if status == 204 else b"said"
    answered = sent(world, world.answers(Reply(status, body, headers)))
    assert (answered.status, answered.failure) == (status, None)
    assert answered.body == body.decode()
    assert answered.is_success == (status < 300)
    assert answered.duration_ms >= 0


def test_the_beginning_of_an_answer_is_kept_harmless(world: World) -> None:
    answered = sent(world, world.answers(Reply(body=b"\0\x1b\xff" + b"x" * 5000)))
    assert answered.body == "\ufffd\ufffd\ufffd" + "x" * 1021


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("17", timedelta(seconds=17)),
        (f"{START + timedelta(minutes=2):%a, %d %b %Y %H:%M:%S} GMT", timedelta(minutes=2)),
        ("900000", timedelta(days=1)),
        ("later", None),
    ],
)
def test_a_receiver_may_ask_for_a_pause(world: World, value: str, pause: timedelta | None) -> None:
    answered = sent(world, world.answers(Reply(503, headers={"Retry-After": value})))
    assert answered.retry_after == pause


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://169.254.169.254/",
        "http://[::1]:9000/",
        "http://hooks.example.com/",
        "https://user@127.0.0.1/",
        "nonsense",
    ],
)
def test_where_nobody_may_go_nothing_goes(world: World, url: str) -> None:
    assert sent(world, url).failure is Failure.REFUSED_ADDRESS


def test_a_name_that_is_none_leads_nowhere(world: World) -> None:
    assert sent(world, CREATED.url).failure is Failure.UNRESOLVABLE


def test_who_hangs_up_has_not_answered(world: World) -> None:
    answered = sent(world, world.hangs_up())
    assert (answered.status, answered.failure) == (None, Failure.CONNECTION_FAILED)
    assert not answered.is_success


def test_who_keeps_silent_has_not_answered(world: World) -> None:
    assert sent(world, world.keeps_silent()).failure is Failure.TIMEOUT


def test_many_are_sent_at_once(world: World) -> None:
    url = world.answers(Reply())
    futures = [world.delivery.send(evolve(CREATED, url=url)) for _ in range(100)]
    assert world.delivery.capacity > 0
    wait(futures, timeout=30)
    assert all(future.result().is_success for future in futures)
    assert len(world.seen()) == 100


def test_who_waits_for_an_answer_is_called(world: World) -> None:
    called: list[Future[Answered]] = []
    future = world.delivery.send(evolve(CREATED, url=world.answers(Reply())))
    future.add_done_callback(called.append)
    assert future.result(timeout=30).is_success
    assert not future.cancel()
    world.delivery.close()
    assert called == [future]


def test_nothing_is_sent_when_it_is_over(world: World) -> None:
    url = world.answers(Reply())
    world.delivery.close()
    world.delivery.close()
    with pytest.raises(Closed):
        world.delivery.send(evolve(CREATED, url=url))
    assert world.seen() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.com"},
        {"content-length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"Expect": "100-continue"},
        {"": "x"},
        {"a b": "x"},
        {"a:": "x"},
        {"x": "a\r\nb: c"},
        {"x": "a\nb"},
        {"x": "a\0"},
        {"x": ""},
        {"x": " a"},
        {"x": "ü"},
    ],
)
def test_headers_are_no_way_in(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        evolve(CREATED, headers=headers)


def test_what_is_sent_and_answered_keeps_to_itself() -> None:
    url = "https://u:s3cret@hooks.example.com/s3cret?s3cret"
    shown = repr(evolve(CREATED, url=url, headers={"x": "s3cret"}, body=b"s3cret"))
    assert shown == "Outgoing(url='https://hooks.example.com/...')"
    assert "s3cret" not in repr(evolve(CREATED, url="https://[s3cret/"))
    assert "s3cret" not in repr(Answered(status=200, body="s3cret"))


def test_there_is_an_answer_or_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        Answered()
    with pytest.raises(ValueError, match="reason"):
        Answered(status=200, failure=Failure.TIMEOUT)


def test_every_failure_has_a_sentence() -> None:
    sentences = {failure.sentence for failure in Failure}
    assert len(sentences) == len(Failure)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_receiver_in_memory_that_breaks_answers_as_a_server_would() -> None:
    def broken(_: Outgoing) -> Reply:
        raise ZeroDivisionError("oh")

    delivery = MemoryDelivery(ManualClock())
    delivery.receive(CREATED.url, broken)
    answered = delivery.send(CREATED).result()
    assert (answered.status, answered.body) == (500, "ZeroDivisionError('oh')")
