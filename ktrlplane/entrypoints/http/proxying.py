"""Answers that come from a backend: asked for, waited for and passed on.

No thread stands still with a backend: a request whose answer takes longer than a moment is put
aside where the web server can do that (see ``waiting``), and asked again from the beginning once
the answer is there, so that who has lost the permission meanwhile does not get it. Elsewhere
only some wait in their threads.
"""

import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from typing import Any, Final

import falcon
import structlog
from attrs import field, frozen

from ktrlplane.domain.errors import OutcomeUnknown, UpstreamError
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.observability.backend_queries import Backend, BackendQuery
from ktrlplane.entrypoints.http import bodies, waiting
from ktrlplane.entrypoints.http.backend_refusals import JSON, cause_of, require_good
from ktrlplane.entrypoints.http.passing import AT_ONCE, PER_PRINCIPAL, Exchange, Passing
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.query_metrics import count_query
from ktrlplane.entrypoints.http.turns import TooManyWait, Turns
from ktrlplane.ports.telemetry import Answer, Outgoing, Telemetry

MOMENT_S: Final = 0.1
"""How long a thread waits for an answer before the request is put aside."""
TURN_WITHIN_S: Final = 3.0
"""So long a query waits for its turn, where too many are under way."""
PASS_WITHIN_S: Final = 10.0
"""So long a long answer waits to be passed on, where too many are."""
LONGEST_S: Final = 65.0
"""A backend's own bounds end it before."""
WITHOUT_ROOM_S: Final = 5.0
"""How long a thread waits where no more requests can be put aside."""

_TAKES_GZIP: Final = re.compile(
    r"(?:^|[,\s])(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]+\s*)?(?:,|$)", re.IGNORECASE
)
_FLAGS: Final = "X-Loki-Response-Encoding-Flags"
_CATEGORIZED: Final = "categorize-labels"
_log = structlog.get_logger("ktrlplane.http")


@frozen
class Proxy:
    """``threads`` are those that a process has for requests: of each backend a quarter of them,
    at most, pass long answers on, and an eighth wait where no more requests can be put aside, so
    that of eight one is left beside two exports; a quarter wait for a moment. Where there are
    ``spare`` ones beside them, a quarter of those pass answers on of each backend, and half wait.

    Each backend has its own ``turns``, and turns of ``passing`` long answers on: one that stands
    still does not use up what is there for the other."""

    telemetry: Telemetry
    threads: int = 8
    turns: Mapping[Backend, Turns] = field(
        factory=lambda: {one: Turns(PER_PRINCIPAL, AT_ONCE) for one in Backend}
    )
    spare: int = field(factory=lambda: waiting.spare_threads)
    passing: Mapping[Backend, Turns] = field(init=False)
    _moments: threading.BoundedSemaphore = field(init=False)
    _threads_to_wait_in: threading.BoundedSemaphore = field(init=False)

    @passing.default
    def _(self) -> Mapping[Backend, Turns]:
        most = max(1, (self.spare or self.threads) // 4)
        return {one: Turns(max(1, most // 4), most) for one in Backend}

    @_moments.default
    def _(self) -> threading.BoundedSemaphore:
        return threading.BoundedSemaphore(max(1, self.threads // 4))

    @_threads_to_wait_in.default
    def _(self) -> threading.BoundedSemaphore:
        return threading.BoundedSemaphore(max(1, self.spare // 2 or self.threads // 8))

    def answer(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        query: BackendQuery,
        actor: PrincipalId,
        raw: bytes,
    ) -> None:
        """``raw`` is the body of the request. Raises: Parked; EdgeError where too many are under
        way; UpstreamError, OutcomeUnknown; ValidationFailed where the backend refuses the
        query."""
        resp.content_type = JSON
        resp.set_header("Cache-Control", "private, no-store")
        resp.set_header("Vary", "Accept-Encoding")
        if req.method == "HEAD":
            return
        exchange = self._exchange(query, actor, raw)
        try:
            self._begin(exchange, req)
            answer = self._awaited(exchange, req.context.request_id)
            require_good(answer, query, req.context.request_id)
            stream = self._passing(answer, exchange, req.context.request_id)
        except waiting.Parked:
            raise
        except BaseException:
            exchange.end()
            raise
        if answer.compressed:
            resp.set_header("Content-Encoding", "gzip")
        if stream is None:
            resp.data = answer.beginning
            exchange.end()
            count_query(query, time.monotonic() - exchange.began, len(answer.beginning))
        else:
            resp.stream = stream

    def _exchange(self, query: BackendQuery, actor: PrincipalId, raw: bytes) -> Exchange:
        """The one that was begun before this request was put aside, or a new one."""
        seat = waiting.seat_here()
        if seat is not None and isinstance(seat.carried, Exchange):
            before, seat.carried = seat.carried, None
            known = (before.actor, before.query.subject, before.query.tenant)
            if known == (actor, query.subject, query.tenant):
                return before
            # The id has come to mean something else meanwhile.
            before.end()
        try:
            return Exchange(query, raw, actor, self.turns[query.backend])
        except TooManyWait:
            raise _too_many() from None

    def _begin(self, exchange: Exchange, req: falcon.Request) -> None:
        """Asks the backend, once it is its turn. Raises: Parked, EdgeError."""
        if exchange.future is not None:
            return
        until = exchange.began + TURN_WITHIN_S
        if not self._is_done(exchange.turn, exchange, until, takes_moment=False):
            raise _too_many()
        seat = waiting.seat_here()
        if seat is not None and seat.since == waiting.AT_ONCE:
            raise OutcomeUnknown("The client is gone, or the server is about to stop.")
        compressed = _TAKES_GZIP.search(req.get_header("Accept-Encoding", default="")) is not None
        flags = req.get_header(_FLAGS, default="").split(",")
        outgoing = Outgoing(
            query=exchange.query,
            compressed=compressed,
            categorized=_CATEGORIZED in flags,
            trace=_trace(req),
        )
        exchange.future = self.telemetry.ask(outgoing)

    def _awaited(self, exchange: Exchange, request_id: str) -> Answer:
        """Raises: Parked, EdgeError, UpstreamError, OutcomeUnknown."""
        future = exchange.future
        assert future is not None
        if not self._is_done(future, exchange, exchange.began + LONGEST_S):
            raise OutcomeUnknown("The backend did not answer in time; ask for less.")
        try:
            return future.result()
        except CancelledError:
            raise UpstreamError("The server is about to stop.") from None
        except UpstreamError as refusal:
            _log.warning(
                "backend_failed",
                request_id=request_id,
                backend=exchange.query.backend.value,
                resource_id=exchange.query.subject,
                reason=refusal.detail,
                cause=cause_of(refusal),
            )
            raise

    def _passing(self, answer: Answer, exchange: Exchange, request_id: str) -> Passing | None:
        """None for an answer that is here whole. Raises: Parked, EdgeError."""
        if answer.rest is None:
            return None
        try:
            turn = exchange.pass_in(self.passing[exchange.query.backend])
        except TooManyWait:
            raise _too_many() from None
        until = (exchange.passing_since or 0.0) + PASS_WITHIN_S
        if not self._is_done(turn, exchange, until, takes_moment=False):
            detail = "Too many long answers are under way here. Try again, or ask for less."
            raise EdgeError("rate_limited", detail, headers={"Retry-After": "2"})
        seat = waiting.seat_here()
        if seat is not None:
            seat.until = exchange.began + LONGEST_S
        return Passing(answer.beginning, answer.rest, exchange, request_id)

    def _is_done(
        self, future: "Future[Any]", exchange: Exchange, until: float, *, takes_moment: bool = True
    ) -> bool:
        """Waits for it, as this server can; in this thread for a moment, where that
        ``takes_moment``. Raises: Parked; EdgeError where nobody else can wait."""
        seat = waiting.seat_here()
        left_s = max(0.0, until - time.monotonic())
        if seat is not None and not seat.has_room:
            left_s = min(left_s, WITHOUT_ROOM_S)
        if future.done() or not left_s or (seat is not None and seat.since == waiting.AT_ONCE):
            # In the last case the client is gone, or the server is to stop.
            return future.done()
        if takes_moment and self._moments.acquire(blocking=False):
            try:
                if _done_within(future, min(left_s, MOMENT_S)):
                    return True
            finally:
                self._moments.release()
        if seat is None or not seat.has_room:
            with self._thread_to_wait_in():
                return _done_within(future, left_s)
        began, key = exchange.began, str(id(exchange))
        raise waiting.Parked(key, None, began, until, signal=future, carried=exchange)

    @contextmanager
    def _thread_to_wait_in(self) -> Iterator[None]:
        if not self._threads_to_wait_in.acquire(blocking=False):
            detail = "Too many queries are waited for here. Try again."
            raise EdgeError("rate_limited", detail, headers={"Retry-After": "1"})
        try:
            yield
        finally:
            self._threads_to_wait_in.release()


def _too_many() -> EdgeError:
    detail = "Too many of your queries, or of all, are under way here. Try again."
    return EdgeError("rate_limited", detail, headers={"Retry-After": "1"})


def _done_within(future: "Future[Any]", seconds: float) -> bool:
    return bool(wait([future], timeout=seconds).done)


def raw_form(req: falcon.Request) -> bytes:
    """The body of a request, 64 KiB at most; that of one that was put aside is read already.
    Raises: EdgeError."""
    seat = waiting.seat_here()
    if seat is not None and isinstance(seat.carried, Exchange):
        return seat.carried.raw
    return bodies.raw_body(req, bodies.MAX_FORM_BYTES)


def _trace(req: falcon.Request) -> str:
    """Of ours, made from the request's id: clients have no say in it."""
    digest = hashlib.sha256(req.context.request_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-00"
