"""Webhooks over the network, to receivers that mean no good."""

import contextlib
import gzip
import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from pathlib import Path

import pytest
import trustme
from attrs import evolve

from ktrlplane.adapters.system import SystemClock
from ktrlplane.adapters.webhooks import Bounds, Lookup, NetworkDelivery
from ktrlplane.adapters.webhooks.exchanges import USER_AGENT
from ktrlplane.adapters.webhooks.sockets import BoundedSocket, Refused
from ktrlplane.adapters.webhooks.trust import verifying
from ktrlplane.domain.addresses import Address, Reach
from ktrlplane.ports.delivery import Answered, Closed, Failure, Outgoing, Unsent
from tests.webhook_receivers import (
    Line,
    Part,
    answering,
    receiver,
    repeating,
    response,
    saying,
    silent_receiver,
)

BODY = b'{"type": "a.b"}'
SOON = Bounds(whole_s=0.3)
KEPT = Bounds(idle_s=60.0, lookup_kept_s=0)
HEAD = b"HTTP/1.1 200 OK\r\n"


TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nobody: it takes time to read whom the machine trusts."""


def nobody(_: str) -> Sequence[str]:
    raise OSError


@contextlib.contextmanager
def sending(
    *opened: str,
    bounds: Bounds | None = None,
    lookup: Lookup = nobody,
    tls: ssl.SSLContext = TRUSTING,
) -> Iterator[Callable[[str], Answered]]:
    """A function that sends something and waits for the outcome."""
    reach = Reach(tuple(map(ipaddress.ip_network, opened or ("127.0.0.1/32",))))
    delivery = NetworkDelivery(SystemClock(), reach, bounds=bounds, lookup=lookup, tls=tls)
    with contextlib.closing(delivery):
        yield lambda url: delivery.send(to(url)).result(timeout=60)


def to(url: str) -> Outgoing:
    return Outgoing(url=url, headers={"content-type": "application/json"}, body=BODY)


def outcome(part: Part, bounds: Bounds | None = None) -> Answered:
    with receiver(part) as other, sending(bounds=bounds) as send:
        return send(other.url())


@pytest.mark.parametrize(
    "part",
    [
        lambda line: line.wait(),
        saying(),
        saying(b"HTTP/1.1 200"),
        saying(HEAD),
        saying(HEAD + b"Content-Length: 5\r\n\r\nok"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok"),
        saying(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=[
        *("takes nothing", "says nothing", "part of a line", "part of a head", "part of a body"),
        *("part of a chunk", "only that it listens"),
    ],
)
def test_who_does_not_finish_is_left(part: Part) -> None:
    answered = outcome(part, SOON)
    assert answered.failure is Failure.TIMEOUT
    assert answered.status is None
    assert answered.duration_ms >= 300


def test_who_sends_a_byte_now_and_then_is_left() -> None:
    def drip(line: Line) -> None:
        line.request()
        line.send(HEAD + b"Content-Length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):
            while not line.over.wait(0.02):
                line.send(b"x")

    assert outcome(drip, SOON).failure is Failure.TIMEOUT


def test_headers_that_come_a_byte_at_a_time_end_too() -> None:
    def drip(line: Line) -> None:
        line.request()
        line.send(HEAD + b"x: ")
        with contextlib.suppress(OSError):
            while not line.over.wait(0.02):
                line.send(b"x")

    assert outcome(drip, SOON).failure is Failure.TIMEOUT


@pytest.mark.parametrize(
    "part",
    [
        repeating(b"x-more: and more\r\n", HEAD),
        repeating(b"x" * 1000, HEAD + b"x: "),
        repeating(b"x" * 1000, HEAD),
        repeating(b"x" * 1000, b"HTTP/1.1 200 "),
        repeating(b"x" * 1000),
        repeating(b"\r\n"),
        repeating(b"HTTP/1.1 100 Continue\r\n\r\n"),
        repeating(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
        repeating(b"x: y\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"),
    ],
    ids=["headers", "value", "name", "reason", "words", "lines", "interim", "hints", "trailers"],
)
def test_who_never_stops_is_stopped(part: Part) -> None:
    answered = outcome(part)
    assert (answered.status, answered.failure) in [
        (None, Failure.INVALID_RESPONSE),
        (200, None),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"garbage\r\n\r\n",
        b"<html>HTTP/0.9 had no head</html>",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 OK 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nxx",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 100,
    ],
)
def test_what_is_no_response_is_none(content: bytes) -> None:
    def play(line: Line) -> None:
        line.request()
        line.send(content)

    answered = outcome(play)
    assert (answered.status, answered.failure) == (None, Failure.INVALID_RESPONSE)


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200",
        HEAD + b"x: y\r\n",
        HEAD + b"Content-Length: 5\r\n\r\nok",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok",
    ],
)
def test_half_an_answer_is_none(content: bytes) -> None:
    def play(line: Line) -> None:
        line.request()
        line.send(content)

    assert outcome(play).failure is Failure.INVALID_RESPONSE


def test_who_hangs_up_at_once_took_nothing() -> None:
    assert outcome(lambda line: None).failure is Failure.CONNECTION_FAILED


def test_where_nobody_listens_nothing_is_taken() -> None:
    with receiver(saying()) as gone:
        url = gone.url()
    with sending() as send:
        assert send(url).failure is Failure.CONNECTION_FAILED


@pytest.mark.parametrize("status", [101, 204, 205, 304, 418, 600, 999])
def test_strange_answers_are_answers(status: int) -> None:
    content = f"HTTP/1.1 {status} \r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
    answered = outcome(saying(content))
    assert (answered.status, answered.failure) == (status, None)


def test_an_old_server_answers_without_a_length() -> None:
    def play(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.0 200 OK\r\n\r\nok")

    answered = outcome(play)
    assert (answered.status, answered.body) == (200, "ok")


def test_who_answers_before_having_read_has_answered() -> None:
    def play(line: Line) -> None:
        line.send(response(b"no", "413 Too Large", {"Connection": "close"}))
        line.wait_for_the_end()

    with receiver(play) as other, sending() as send:
        assert send(other.url()).status == 413


def test_a_body_without_end_is_read_in_part() -> None:
    for head in (HEAD + b"Content-Length: 99999999999\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"):
        with receiver(repeating(b"x" * 1000, head)) as other, sending() as send:
            answered = send(other.url())
            assert (answered.status, answered.body) == (200, "x" * 1024)
            assert other.ended.acquire(timeout=30)


def test_a_body_in_crumbs_is_read_in_part() -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    crumb = b"1;" + b"x" * 1000 + b"\r\nx\r\n"
    with receiver(repeating(crumb, head)) as other, sending() as send:
        answered = send(other.url())
        assert (answered.status, answered.failure) == (200, None)
        assert answered.body.startswith("xxx")
        assert other.ended.acquire(timeout=30)


def test_nothing_is_unpacked() -> None:
    bomb = gzip.compress(b"x" * 10_000_000)
    part = answering(response(bomb, headers={"Content-Encoding": "gzip"}))
    with receiver(part) as other, sending() as send:
        answered = send(other.url())
        assert answered.status == 200
        assert "xxxx" not in answered.body
        assert other.arrived[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_sent_on(status: int) -> None:
    with receiver(answering(response())) as target:
        for there in ("http://169.254.169.254/", target.url(), "/", "//127.0.0.1:1/", "\\"):
            part = answering(response(b"", f"{status} x", {"Location": there}))
            with receiver(part) as other, sending() as send:
                assert send(other.url()).status == status
                assert len(other.arrived) == 1
        assert target.arrived == []


def test_a_connection_is_used_again_after_a_whole_answer() -> None:
    with receiver(answering(response(b"x" * 65536))) as other, sending(bounds=KEPT) as send:
        for _ in range(3):
            assert send(other.url()).is_success
        assert [one.connection for one in other.arrived] == [1, 1, 1]


def test_a_connection_is_left_after_too_long_an_answer() -> None:
    with receiver(answering(response(b"x" * 150_000))) as other, sending(bounds=KEPT) as send:
        for _ in range(3):
            assert send(other.url()).is_success
        assert [one.connection for one in other.arrived] == [1, 2, 3]


def test_no_connection_grows_old() -> None:
    bounds = evolve(KEPT, connection_s=0.0)
    with receiver(answering(response())) as other, sending(bounds=bounds) as send:
        for _ in range(3):
            assert send(other.url()).is_success
        assert [one.connection for one in other.arrived] == [1, 2, 3]


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next() -> None:
    twice = response(b"first") + response(b"stray", "410 Gone")
    with receiver(answering(twice)) as other, sending(bounds=KEPT) as send:
        for _ in range(2):
            assert send(other.url()).status == 200


def test_a_kept_connection_that_turns_out_to_be_closed_is_made_again() -> None:
    def once(line: Line) -> None:
        line.request()
        line.send(response())
        # The next one goes out before anybody can know that it is in vain.
        line.request()

    with receiver(once) as other, sending(bounds=KEPT) as send:
        assert send(other.url()).is_success
        assert send(other.url()).is_success
        assert [one.connection for one in other.arrived] == [1, 1, 2]


def test_nothing_is_kept_of_one_answer_for_the_next() -> None:
    part = answering(response(headers={"Set-Cookie": "a=b"}))
    with receiver(part) as other, sending(bounds=KEPT) as send:
        for _ in range(2):
            send(other.url())
        assert not any("cookie" in one.headers for one in other.arrived)


def test_a_request_says_who_sends_it_and_nothing_else() -> None:
    with receiver(answering(response())) as other, sending() as send:
        send(other.url("/a/../%7Eb?x=%20&&y"))
        (arrived,) = other.arrived
        assert arrived.line == "POST /a/../%7Eb?x=%20&&y HTTP/1.1"
        assert arrived.headers == {
            "host": f"127.0.0.1:{other.port}",
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "content-length": str(len(BODY)),
        }
        assert arrived.body == BODY


def test_a_url_without_a_path_has_one() -> None:
    with receiver(answering(response())) as other, sending() as send:
        send(other.url("?x=1"))
        send(other.url(""))
        assert [one.line for one in other.arrived] == [
            "POST /?x=1 HTTP/1.1",
            "POST / HTTP/1.1",
        ]


def test_nothing_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password s3cret\n")
    netrc.chmod(0o600)
    keys = tmp_path / "keys"
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert verifying().keylog_filename is None
    with receiver(answering(response())) as other, sending() as send:
        assert send(other.url()).is_success
        assert "authorization" not in other.arrived[0].headers


class Certificates:
    def __init__(self) -> None:
        self._authority, self._other = trustme.CA(), trustme.CA()
        self.trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(self.trusting)

    def server(self, *names: str, trusted: bool = True) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = self._authority if trusted else self._other
        authority.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


def test_a_receiver_proves_its_name_at_the_address_that_was_judged(
    certificates: Certificates,
) -> None:
    asked = []

    def lookup(name: str) -> Sequence[str]:
        asked.append(name)
        return ["127.0.0.1"]

    server = certificates.server("hooks.example.com")
    with (
        receiver(answering(response()), tls=server) as other,
        sending(lookup=lookup, tls=certificates.trusting, bounds=KEPT) as send,
    ):
        for _ in range(3):
            assert send(other.url(scheme="https", host="hooks.example.com")).is_success
        assert other.arrived[0].headers["host"] == f"hooks.example.com:{other.port}"
        assert asked == ["hooks.example.com"]


@pytest.mark.parametrize(
    ("names", "trusted"), [(["other.example.com"], True), (["hooks.example.com"], False)]
)
def test_who_proves_nothing_is_told_nothing(
    certificates: Certificates, names: list[str], *, trusted: bool
) -> None:
    server = certificates.server(*names, trusted=trusted)
    with (
        receiver(answering(response()), tls=server) as other,
        sending(lookup=lambda _: ["127.0.0.1"], tls=certificates.trusting) as send,
    ):
        answered = send(other.url(scheme="https", host="hooks.example.com"))
        assert answered.failure is Failure.TLS_FAILED
        assert other.arrived == []


def test_nobody_is_trusted_who_is_not_known_to_the_machine(certificates: Certificates) -> None:
    server = certificates.server("127.0.0.1")
    with receiver(answering(response()), tls=server) as other, sending(tls=verifying()) as send:
        assert send(other.url(scheme="https")).failure is Failure.TLS_FAILED
        assert other.arrived == []


def test_an_old_protocol_is_none(certificates: Certificates) -> None:
    server = certificates.server("127.0.0.1")
    server.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        server.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    with receiver(answering(response()), tls=server) as other, sending() as send:
        assert send(other.url(scheme="https")).failure is Failure.TLS_FAILED


def test_who_speaks_plainly_where_it_should_not_is_told_nothing() -> None:
    def play(line: Line) -> None:
        line.send(response())
        line.wait_for_the_end()

    with receiver(play) as other, sending() as send:
        assert send(other.url(scheme="https")).failure is Failure.TLS_FAILED


def test_who_does_not_greet_is_left() -> None:
    with silent_receiver() as other, sending(bounds=SOON) as send:
        assert send(other.url(scheme="https")).failure is Failure.TIMEOUT


def test_a_name_that_changes_its_mind_leads_nowhere_else(certificates: Certificates) -> None:
    """The first answer is judged and used; the second is judged by itself."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"], ["127.0.0.1"]])
    server = certificates.server("hooks.example.com")
    part = answering(response(headers={"Connection": "close"}))
    with (
        receiver(part, tls=server) as other,
        sending(
            bounds=evolve(KEPT, lookup_kept_s=0),
            lookup=lambda _: next(answers),
            tls=certificates.trusting,
        ) as send,
    ):
        url = other.url(scheme="https", host="hooks.example.com")
        outcomes = [send(url) for _ in range(4)]
        refused = Failure.REFUSED_ADDRESS
        assert [one.failure for one in outcomes] == [None, refused, refused, None]
        assert len(other.arrived) == 2


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["127.0.0.1", "8.8.8.8", "169.254.169.254"],
        ["127.0.0.1", "::ffff:10.0.0.1"],
        ["127.0.0.1", "fe80::1%lo"],
        ["127.0.0.1", "2130706433"],
        ["127.0.0.1", "nonsense"],
        ["127.0.0.1", ""],
        *([one] for one in ("0.0.0.0", "::", "::1", "64:ff9b::7f00:1", "2002:7f00:1::1")),
    ],
)
def test_one_wrong_address_is_enough(answer: list[str]) -> None:
    with receiver(answering(response())) as other, sending(lookup=lambda _: answer) as send:
        url = other.url(scheme="https", host="hooks.example.com")
        assert send(url).failure is Failure.REFUSED_ADDRESS
        assert not other.ended.acquire(blocking=False)


def test_only_an_operators_own_networks_are_spoken_to_plainly() -> None:
    answers = iter([["127.0.0.1"], ["8.8.8.8"], ["127.0.0.1", "8.8.8.8"]])
    with (
        receiver(answering(response())) as other,
        sending("127.0.0.0/8", "10.0.0.0/8", bounds=KEPT, lookup=lambda _: next(answers)) as send,
    ):
        outcomes = [send(other.url(host=f"{name}.internal")) for name in "abc"]
        assert [one.status for one in outcomes] == [200, None, None]
        assert {one.failure for one in outcomes[1:]} == {Failure.REFUSED_ADDRESS}


def test_this_machine_is_asked_of_nobody() -> None:
    with receiver(answering(response())) as other, sending(lookup=nobody) as send:
        for host in ("localhost", "a.localhost"):
            assert send(other.url(host=host)).is_success
        assert other.arrived[0].headers["host"] == f"localhost:{other.port}"


@pytest.mark.parametrize("failure", [OSError(), UnicodeError()])
def test_a_name_without_an_address_leads_nowhere(failure: Exception) -> None:
    def fail(_: str) -> Sequence[str]:
        raise failure

    with sending(lookup=fail) as send, sending(lookup=lambda _: []) as send_too:
        for one in (send, send_too):
            assert one("https://hooks.example.com/").failure is Failure.UNRESOLVABLE


def test_a_name_without_an_answer_keeps_nobody_waiting() -> None:
    over, asked = threading.Event(), list[str]()

    def lookup(name: str) -> Sequence[str]:
        asked.append(name)
        if name != "good.example.com":
            over.wait()
        return ["127.0.0.1"]

    bounds = Bounds(room_s=1.0, lookup_s=1.0, lookups=12, lookups_below_one_domain=2)
    delivery = NetworkDelivery(SystemClock(), Reach(), bounds=bounds, lookup=lookup, tls=TRUSTING)
    with contextlib.closing(delivery):
        names = [f"{number}.silent.example" for number in range(50)]
        silent = [delivery.send(to(f"https://{name}/")) for name in names]
        good = delivery.send(to("https://good.example.com/")).result(timeout=30)
        assert good.failure is Failure.REFUSED_ADDRESS
        reasons = [one.exception(timeout=30) for one in silent]
        assert [one.result().failure for one in silent if one.exception() is None] == [
            Failure.UNRESOLVABLE
        ] * 2
        assert {type(reason) for reason in reasons if reason is not None} == {Unsent}
        assert len(asked) == 3
    over.set()


def test_who_has_many_silent_names_keeps_nobody_from_receivers_that_are_known() -> None:
    over = threading.Event()

    def lookup(name: str) -> Sequence[str]:
        if name.startswith("silent"):
            over.wait()
        return ["127.0.0.1"]

    bounds = Bounds(room_s=0.5, lookup_s=30.0, whole_s=60.0, lookups=4, lookup_kept_s=0)
    delivery = NetworkDelivery(SystemClock(), Reach(), bounds=bounds, lookup=lookup, tls=TRUSTING)
    with contextlib.closing(delivery):
        known = to("https://known.example.com/")
        assert delivery.send(known).result(timeout=30).failure is Failure.REFUSED_ADDRESS
        for number in range(8):
            delivery.send(to(f"https://silent.evil{number}.net/"))
        for _ in range(3):
            assert delivery.send(known).result(timeout=30).failure is Failure.REFUSED_ADDRESS
        # Nothing is said of a receiver that nobody came to ask for.
        new = delivery.send(to("https://new.example.com/"))
        assert isinstance(new.exception(timeout=30), Unsent)
    over.set()


def test_a_name_that_stayed_silent_is_left_alone_for_a_while() -> None:
    over, asked = threading.Event(), list[str]()

    def lookup(name: str) -> Sequence[str]:
        asked.append(name)
        over.wait()
        return []

    for silent_name_s, times in ((60.0, 1), (0.0, 2)):
        asked.clear()
        bounds = Bounds(lookup_s=0.2, silent_name_s=silent_name_s, lookup_kept_s=0)
        with sending(bounds=bounds, lookup=lookup) as send:
            for _ in range(2):
                answered = send("https://hooks.example.com/")
                assert answered.failure is Failure.UNRESOLVABLE
        assert len(asked) == times
    over.set()


def test_a_first_address_where_nobody_is_is_passed_over(certificates: Certificates) -> None:
    server = certificates.server("hooks.example.com")
    with (
        receiver(answering(response()), tls=server, host="127.0.0.2") as other,
        sending(
            "127.0.0.0/8",
            lookup=lambda _: ["127.0.0.3", "127.0.0.2"],
            tls=certificates.trusting,
        ) as send,
    ):
        assert send(other.url(scheme="https", host="hooks.example.com")).is_success


def test_ipv6_is_as_good() -> None:
    with receiver(answering(response()), host="::1") as other, sending("::1/128") as send:
        assert send(other.url(host="[::1]")).is_success
        assert send(other.url(host="localhost")).is_success
        assert send(other.url(host="[::ffff:127.0.0.1]")).failure is Failure.REFUSED_ADDRESS


def test_an_address_in_ipv6_spelling_is_reached_like_itself() -> None:
    with receiver(answering(response())) as other, sending() as send:
        assert send(other.url(host="[::ffff:127.0.0.1]")).is_success


def test_there_is_no_way_round_the_last_look() -> None:
    """Whatever a name, a cache or a library may have led to."""
    asked = []

    def judge(text: str) -> Address:
        asked.append(text)
        raise Refused

    with receiver(answering(response())) as other:
        address = ("127.0.0.1", other.port)
        with BoundedSocket(judge, Bounds(), family=socket.AF_INET, kind=socket.SOCK_STREAM) as one:
            for connect in (one.connect, one.connect_ex):
                with pytest.raises(Refused):
                    connect(address)
            assert asked == ["127.0.0.1", "127.0.0.1"]
        assert not other.ended.acquire(blocking=False)


def test_hundreds_that_keep_silent_keep_nobody_waiting() -> None:
    reach = Reach((ipaddress.ip_network("127.0.0.0/8"),))
    delivery = NetworkDelivery(SystemClock(), reach)
    with receiver(answering(response())) as other, silent_receiver() as silent:
        stalled = [delivery.send(to(silent.url())) for _ in range(500)]
        for _ in range(20):
            wave = [delivery.send(to(other.url())) for _ in range(10)]
            assert not wait(wave, timeout=30).not_done
            assert all(one.result().is_success for one in wave)
        assert not any(one.done() for one in stalled)
        delivery.close()
        assert all(isinstance(one.exception(), Closed) for one in stalled)


def test_more_than_there_is_room_for_wait_their_turn_and_lose_no_time() -> None:
    """Two at a time, 0.3 s each: the last ones wait for longer than they may take."""
    reach = Reach((ipaddress.ip_network("127.0.0.0/8"),))
    bounds = Bounds(whole_s=1.5, at_once=2)

    def slowly(line: Line) -> None:
        while line.request() is not None:
            line.over.wait(0.3)
            line.send(response())

    delivery = NetworkDelivery(SystemClock(), reach, bounds=bounds)
    assert delivery.capacity == 2
    with receiver(slowly) as other, contextlib.closing(delivery):
        futures = [delivery.send(to(other.url())) for _ in range(12)]
        assert all(one.result(timeout=30).is_success for one in futures)
        assert len({one.connection for one in other.arrived}) <= 2


def test_what_waits_for_its_turn_ends_too() -> None:
    reach = Reach((ipaddress.ip_network("127.0.0.0/8"),))
    delivery = NetworkDelivery(SystemClock(), reach, bounds=Bounds(at_once=2))
    with silent_receiver() as silent:
        futures = [delivery.send(to(silent.url())) for _ in range(5)]
        delivery.close()
        assert all(isinstance(one.exception(timeout=30), Closed) for one in futures)


def test_what_is_sent_leaves_no_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = evolve(to("http://x"), headers={"x": "s3cret"}, body=b"s3cret")
    reach = Reach((ipaddress.ip_network("127.0.0.0/8"),))
    parts = [
        answering(response(b"s3cret")),
        saying(b"s3cret s3cret\r\n\r\n"),
        lambda line: line.request() and None,
        repeating(b"s3cret: s3cret\r\n", HEAD),
    ]
    for part in parts:
        delivery = NetworkDelivery(SystemClock(), reach, bounds=SOON)
        with receiver(part) as other, contextlib.closing(delivery):
            delivery.send(evolve(secret, url=other.url("/s3cret"))).result(timeout=30)
            delivery.send(evolve(secret, url=other.url("/s3cret", scheme="https"))).result(30)
    assert not any("s3cret" in str(vars(record)) for record in caplog.records)
