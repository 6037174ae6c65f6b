"""The provider over HTTP: idempotency keys, and what goes wrong."""

import enum
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from ktrlplane.ports.clock import Clock
from tests.payment_provider.books import Refused, Row, missing
from tests.payment_provider.forms import NoSuchRow, read_form
from tests.payment_provider.routes import Routes

KEY = "sk_test_0123456789"


class Fault(enum.Enum):
    """What happens to the next write. ``SILENT``: no answer until the asker gives up."""

    DROPPED_BEFORE = "the connection ends, nothing is done"
    DROPPED_AFTER = "the connection ends, all is done"
    SILENT_BEFORE = "nothing is said, nothing is done"
    SILENT_AFTER = "nothing is said, all is done"
    BROKEN_BEFORE = "500, nothing is done"
    BROKEN_AFTER = "500, all is done"
    IN_USE = "409"
    LIMITED = "429"


_AFTER = (Fault.DROPPED_AFTER, Fault.SILENT_AFTER, Fault.BROKEN_AFTER)
_MUTE = (
    Fault.DROPPED_BEFORE,
    Fault.DROPPED_AFTER,
    Fault.SILENT_BEFORE,
    Fault.SILENT_AFTER,
)


@frozen
class Kept:
    asked: tuple[str, str, str]
    status: int
    body: Row


@frozen
class Asked:
    """``form`` is a query's or a body's text."""

    method: str
    path: str
    form: str


@frozen
class Write:
    path: str
    key: str
    version: str


class Provider:
    """``writes`` are all that were asked for, in order; ``effects`` counts those that did
    something; ``asked`` are all questions that it has understood."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[str, Kept] = {}
        self.closing = Event()
        self.books = Routes()
        self.faults: deque[Fault] = deque()
        self.writes: list[Write] = []
        self.effects = 0
        self.asked: list[Asked] = []
        self.url = ""

    def add_method(self, customer_id: str, *, declined: bool = False) -> str:
        with self._lock:
            new = self.books.new("pm")
            last4 = "0341" if declined else "4242"
            card = {"brand": "visa", "last4": last4, "exp_month": 12, "exp_year": 2034}
            row = {"id": new, "object": "payment_method", "type": "card", "card": card}
            row["created"] = self.books.now
            self.books.methods[customer_id].append(row)
            if declined:
                self.books.declined.add(new)
            return new

    def lose(self, customer_id: str) -> None:
        with self._lock:
            self.books.customers[customer_id] = {"id": customer_id, "deleted": True}
            for sub in self.books.subscriptions.values():
                if sub["customer"] == customer_id:
                    sub["status"] = "canceled"

    def read(self, path: str, query: str, method: str = "GET") -> tuple[int, Row, bool]:
        with self._lock:
            self._pass_time()
            return (*self._answer(method, path, query), False)

    def write(
        self, method: str, path: str, body: str, key: str, fault: Fault | None
    ) -> tuple[int, Row, bool]:
        """Status, body, and whether it is one that was kept."""
        with self._lock:
            self._pass_time()
            if fault is Fault.LIMITED:
                return 429, _error("rate_limit"), False
            if fault is Fault.IN_USE:
                return 409, _error("idempotency_key_in_use"), False
            asked = (method, path, body)
            kept = self._kept.get(key)
            if kept is None:
                status, answer = self._do(asked, fault)
                self._kept[key] = Kept(asked, status, answer)
                return status, answer, False
            if kept.asked != asked:
                return 400, _error("other parameters", "idempotency_error"), False
            return kept.status, kept.body, True

    def _do(self, asked: tuple[str, str, str], fault: Fault | None) -> tuple[int, Row]:
        if fault is Fault.BROKEN_BEFORE:
            return 500, _error("internal", "api_error")
        status, answer = self._answer(*asked)
        if fault is Fault.BROKEN_AFTER:
            return 500, _error("internal", "api_error")
        return status, answer

    def _answer(self, method: str, path: str, body: str) -> tuple[int, Row]:
        try:
            answer = self.books.answer(method, path, read_form(body))
        except Refused as refused:
            return refused.status, refused.body
        except NoSuchRow:
            return 400, missing("starting_after").body
        self.asked.append(Asked(method, path, body))
        self.effects += method != "GET" and not path.endswith("create_preview")
        return 200, deepcopy(answer)

    def _pass_time(self) -> None:
        self.books.pass_time(int(self._clock.now().timestamp()))


def _error(code: str, kind: str = "invalid_request_error") -> Row:
    return {"error": {"type": kind, "code": code, "message": "Stripe says no: s3cret"}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, provider: Provider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # An answer goes out at once, in one piece.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._say(*self._stranger() or self.server.provider.read(parts.path, parts.query))

    def do_POST(self) -> None:
        self._write("POST")

    def do_DELETE(self) -> None:
        self._write("DELETE")

    def _write(self, method: str) -> None:
        provider, parts = self.server.provider, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        key, version = self.headers["Idempotency-Key"], self.headers["Stripe-Version"]
        stranger = self._stranger()
        if stranger:
            self._say(*stranger)
            return
        if parts.path.endswith("create_preview"):
            self._say(*provider.read(parts.path, body, method))
            return
        provider.writes.append(Write(parts.path, key, version))
        fault = provider.faults.popleft() if provider.faults else None
        if fault in _MUTE:
            if fault in _AFTER:
                provider.write(method, parts.path, body or parts.query, key, fault)
            if fault in (Fault.SILENT_BEFORE, Fault.SILENT_AFTER):
                provider.closing.wait(60)
            self.close_connection = True
            return
        self._say(*provider.write(method, parts.path, body or parts.query, key, fault))

    def _stranger(self) -> tuple[int, Row, bool] | None:
        if self.headers["Authorization"] == f"Bearer {KEY}":
            return None
        return 401, _error("api_key_invalid"), False

    def _say(self, status: int, body: Row, kept: bool) -> None:  # noqa: FBT001
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Request-Id", "req_1")
        if kept:
            self.send_header("Idempotent-Replayed", "true")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def payment_provider(clock: Clock) -> Iterator[Provider]:
    provider = Provider(clock)
    server = _Server(provider)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
