"""Queries that are under way, and long answers on their way to a client."""

import errno
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Self

import structlog
from attrs import define, field

from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.observability.backend_queries import BackendQuery
from ktrlplane.entrypoints.http import waiting
from ktrlplane.entrypoints.http.query_metrics import count_query
from ktrlplane.entrypoints.http.turns import Turns
from ktrlplane.ports.telemetry import Answer, Body

PER_PRINCIPAL: Final = 16
"""Queries of each backend at once, in one process."""
AT_ONCE: Final = 128
"""Queries of each backend at once, of all, in one process."""

_log = structlog.get_logger("ktrlplane.http")


@define(eq=False)
class Exchange:
    """A query of ``actor`` that is under way, for a request with the body ``raw``. It has its
    ``turn``, or waits for it; then there is a ``future`` of its answer; and a turn to pass that
    on, where it is long. All of it ends with ``end``."""

    query: BackendQuery
    raw: bytes = field(repr=False)
    actor: PrincipalId
    _turns: Turns
    turn: "Future[None]" = field(init=False)
    future: "Future[Answer] | None" = None
    passing: "Future[None] | None" = None
    passing_since: float | None = None
    began: float = field(factory=time.monotonic)
    _also: list[Callable[[], None]] = field(factory=list)
    _is_open: bool = True
    _lock: threading.Lock = field(factory=threading.Lock)

    @turn.default
    def _(self) -> "Future[None]":
        return self._turns.ask(self.actor.value)

    def pass_in(self, turns: Turns) -> "Future[None]":
        """Its turn to be passed on, asked for once. Raises: TooManyWait."""
        if self.passing is None:
            self.passing_since = time.monotonic()
            turn = self.passing = turns.ask(self.actor.value)
            self._also.append(lambda: turns.leave(self.actor.value, turn))
        return self.passing

    def end(self) -> None:
        """Also at the backend. May be called again."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
        if not was_open:
            return
        self._turns.leave(self.actor.value, self.turn)
        for act in self._also:
            act()
        future = self.future
        if future is not None and not future.cancel():
            future.add_done_callback(_close_rest)


def _close_rest(future: "Future[Answer]") -> None:
    if future.exception() is None and (rest := future.result().rest) is not None:
        rest.close()


@define(eq=False)
class Passing:
    """A long answer on its way to the client. Ends the request at the backend when the client
    goes away, and breaks off where the backend does, so that nobody takes a part for all."""

    _beginning: bytes | None
    _rest: Body
    _exchange: Exchange
    _request_id: str
    _sent: int = 0
    _is_open: bool = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        part, self._beginning = self._beginning, None
        if part is None:
            try:
                part = self._rest.read(_is_wanted)
            except DomainError as refusal:
                _log.info("answer_broken_off", request_id=self._request_id, reason=refusal.detail)
                # What a client that has gone away looks like: the server closes, without the
                # sign that this was all, and nobody is alarmed.
                raise ConnectionResetError(errno.ECONNRESET, refusal.detail) from refusal
        if not part:
            self.close()
            raise StopIteration
        self._sent += len(part)
        return part

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._exchange.end()
            took_s = time.monotonic() - self._exchange.began
            count_query(self._exchange.query, took_s, self._sent)

    __del__ = close


def _is_wanted() -> bool:
    seat = waiting.seat_here()
    return seat is None or not seat.is_gone()
