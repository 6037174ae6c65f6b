"""Clients that take their time, ask too often, or do not speak HTTP: nobody else notices, and
they get an answer of ours."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.serving import DEADLINE_S, Serving, family_of, ktrlplane, serving
from tests.postgres import Databases, as_url

pytestmark = pytest.mark.postgres
MANY = 60
"""More than the threads of all workers together."""
WEBHOOK = b"POST /api/v1/payments/webhook HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n9\r\n{"
"""Of the payment provider, who has no token: its body is read to know who it is."""


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    url = databases.make_database(None)
    folder = tmp_path_factory.mktemp("slow")
    with serving(folder, DATABASE_URL=as_url(url), RATE_LIMIT="10/hour") as one:
        yield one
        assert one.stop() == 0
    databases.drop_database(url)


@pytest.fixture(scope="module")
def token(served: Serving) -> str:
    return ktrlplane(served.log.parent, "token", "--sub", "ada").strip()


@contextmanager
def connected(served: Serving) -> Iterator[socket.socket]:
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port), timeout=DEADLINE_S) as client:
        yield client


def answer(client: socket.socket) -> tuple[HTTPResponse, bytes]:
    response = HTTPResponse(client)
    response.begin()
    return response, response.read()


def is_served(served: Serving) -> bool:
    connection = HTTPConnection(urlsplit(served.url).netloc, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    finally:
        connection.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"G",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST /api/v1/organizations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /api/v1/organizations HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n{",
        b"POST /api/v1/organizations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9",
        WEBHOOK % b"Content-Length: 90000",
        WEBHOOK % b"Content-Length: 9\r\nExpect: 100-continue",
        WEBHOOK % b"Transfer-Encoding: chunked",
    ],
)
def test_who_stops_in_the_middle_keeps_nobody_out(served: Serving, beginning: bytes) -> None:
    with ExitStack() as clients:
        for _ in range(MANY):
            clients.enter_context(connected(served)).sendall(beginning)
        for _ in range(8):
            assert is_served(served)


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"expect:" + b" " * 8000 + b"\nx: y\r\n\r\n",
    ],
)
def test_no_request_ends_a_worker(served: Serving, head: bytes) -> None:
    workers = family_of(served.process.pid)
    for _ in range(4):
        with connected(served) as client:
            client.sendall(b"POST /health HTTP/1.1\r\nHost: x\r\n" + head)
            answer(client)
    assert family_of(served.process.pid) == workers


def test_who_does_not_take_an_answer_keeps_nobody_out(served: Serving) -> None:
    """One of 400 KB, for which no token is needed."""
    place = urlsplit(served.url)
    with ExitStack() as clients:
        for _ in range(MANY):
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
            client.connect((place.hostname, place.port))
            client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(8):
            assert is_served(served)


def in_chunks(body: bytes) -> bytes:
    pieces = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("framing", "framed"),
    [
        ("Content-Length: 900000", bytes),
        ("Content-Length: 900000\r\nExpect: 100-continue", bytes),
        ("Transfer-Encoding: chunked", in_chunks),
    ],
)
def test_a_large_body_is_read(
    served: Serving, token: str, framing: str, framed: Callable[[bytes], bytes]
) -> None:
    body = json.dumps({"id": "large", "name": "Large"}).encode().ljust(900_000)
    head = (
        "POST /api/v1/organizations?validate_only=true HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    )
    with connected(served) as client:
        client.sendall(head.encode())
        client.sendall(framed(body))
        response, content = answer(client)
    assert (response.status, json.loads(content)["org_id"]) == (200, "large")


def test_a_request_in_many_pieces_is_answered(served: Serving, token: str) -> None:
    body = json.dumps({"id": "pieces", "name": "Pieces"}).encode()
    head = (
        "POST /api/v1/organizations?validate_only=true HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with connected(served) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):  # the connection is kept
            whole = head + body
            for at in range(0, len(whole), 50):
                client.sendall(whole[at : at + 50])
            response, content = answer(client)
            assert (response.status, json.loads(content)["org_id"]) == (200, "pieces")


def test_requests_sent_ahead_are_answered_in_turn(served: Serving) -> None:
    with connected(served) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        received = b""
        while received.count(b'{"status":"UP"}') < 5:
            more = client.recv(65536)
            assert more, received
            received += more


def test_who_breaks_off_is_let_go(served: Serving) -> None:
    with connected(served) as client:
        client.sendall(b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            """Whatever it says, it comes to an end."""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 25_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_is_refused_like_everything(
    served: Serving, sent: bytes, status: int
) -> None:
    with connected(served) as client:
        client.sendall(sent)
        response, content = answer(client)
    problem = json.loads(content)
    assert (response.status, problem["status"], problem["code"]) == (
        status,
        status,
        "malformed_request",
    )
    assert response.getheader("Content-Type") == "application/problem+json"
    assert response.getheader("X-Request-Id") == problem["request_id"]


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-1\r\n", b"3\r\n{}\r\n0\r\n\r\n", b"5\r\n{"])
def test_a_body_in_bad_pieces_is_refused(served: Serving, token: str, chunks: bytes) -> None:
    head = (
        "POST /api/v1/organizations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    with connected(served) as client:
        client.sendall(head.encode() + chunks)
        client.shutdown(socket.SHUT_WR)
        response, content = answer(client)
    assert (response.status, json.loads(content)["code"]) == (400, "malformed_request")


def test_one_limit_holds_for_all_workers_together(served: Serving) -> None:
    token = ktrlplane(served.log.parent, "token", "--sub", "eager").strip()
    told = []
    for _ in range(14):  # each a connection of its own, to whichever worker takes it
        connection = HTTPConnection(urlsplit(served.url).netloc, timeout=DEADLINE_S)
        connection.request("GET", "/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        told.append((response.status, response.getheader("RateLimit-Remaining")))
        connection.close()
    assert told == [(200, str(left)) for left in range(9, -1, -1)] + [(429, "0")] * 4


def test_no_header_takes_the_place_of_the_address(served: Serving) -> None:
    with connected(served) as client:
        client.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nPATH_INFO: /health\r\n\r\n")
        response, _ = answer(client)
    assert response.status in {400, 404}


def test_after_a_large_body_left_unread_the_connection_ends_by_announcement(
    served: Serving,
) -> None:
    with connected(served) as client:
        head = b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
        client.sendall(head)
        response, _ = answer(client)
    assert (response.status, response.getheader("Connection")) == (401, "close")
