"""Queries that are under way, and long answers on their way to a client."""

import errno
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Self

import structlog
from attrs import define, field

from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.observability.backend_queries import BackendQuery
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.http.query_metrics import count_query
from ktrlplane.ports.telemetry import Answer, Body

PER_PRINCIPAL: Final = 16
"""Queries at once, in one process."""
AT_ONCE: Final = 128
"""Queries at once of all, in one process."""

_log = structlog.get_logger("ktrlplane.http")


@define(eq=False)
class Exchange:
    """A query that is under way, for a request with the body ``raw``. It has a seat until it is
    ended."""

    query: BackendQuery
    raw: bytes = field(repr=False)
    future: "Future[Answer]"
    _leave: Callable[[], None]
    began: float = field(factory=time.monotonic)
    _is_open: bool = True
    _lock: threading.Lock = field(factory=threading.Lock)

    def end(self) -> None:
        """Also at the backend. May be called again."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
        if not was_open:
            return
        self._leave()
        if not self.future.cancel() and self.future.exception() is None:
            rest = self.future.result().rest
            if rest is not None:
                rest.close()


@define(eq=False)
class Seats:
    """For queries at once, of each principal and of all."""

    per_principal: int = PER_PRINCIPAL
    at_once: int = AT_ONCE
    _taken: Counter[str] = field(factory=Counter)
    _lock: threading.Lock = field(factory=threading.Lock)

    def take(self, principal: PrincipalId) -> None:
        """Raises: EdgeError."""
        with self._lock:
            if self._taken[principal.value] >= self.per_principal:
                detail = f"{self.per_principal} of your queries are under way here, the most."
            elif self._taken.total() >= self.at_once:
                detail = "There are too many queries under way here."
            else:
                self._taken[principal.value] += 1
                return
        raise EdgeError("rate_limited", f"{detail} Try again.", headers={"Retry-After": "1"})

    def leave(self, principal: PrincipalId) -> None:
        with self._lock:
            self._taken[principal.value] -= 1
            if self._taken[principal.value] <= 0:
                del self._taken[principal.value]


@define(eq=False)
class Passing:
    """A long answer on its way to the client. Ends the request at the backend when the client
    goes away, and breaks off where the backend does, so that nobody takes a part for all."""

    _beginning: bytes | None
    _rest: Body
    _exchange: Exchange
    _seats: threading.BoundedSemaphore
    _request_id: str
    _sent: int = 0
    _is_open: bool = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        part, self._beginning = self._beginning, None
        if part is None:
            try:
                part = self._rest.read()
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
            self._seats.release()
            took_s = time.monotonic() - self._exchange.began
            count_query(self._exchange.query, took_s, self._sent)

    __del__ = close
