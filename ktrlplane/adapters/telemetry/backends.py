"""Queries over HTTP, by one event loop in a thread of its own: however many backends stand
still, no thread of anybody's stands with them."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from typing import Final

from attrs import field, frozen

from ktrlplane.adapters.telemetry.exchanges import Bounds, Exchange, Exchanges
from ktrlplane.domain.errors import DomainError, UpstreamError
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.ports.telemetry import Answer, Body, Outgoing, Telemetry

LOOK_EVERY_S: Final = 1.0
"""Whether somebody still wants what does not come."""

_log: Final = logging.getLogger(__name__)

Backends = Mapping[Backend, str]
"""The address of each, below which its API is; it may have credentials in it."""


class HttpTelemetry(Telemetry):
    """The thread begins with the first query, so that it is in the process that asks. It keeps
    no process from ending."""

    def __init__(self, backends: Backends, *, bounds: Bounds | None = None) -> None:
        self._backends = dict(backends)
        self._bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._begun: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        self._is_closed = False
        # Of the thread alone:
        self._exchanges: Exchanges | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def has(self, backend: Backend) -> bool:
        return backend in self._backends

    def ask(self, outgoing: Outgoing) -> Future[Answer]:
        future: Future[Answer] = Future()
        loop = self._loop()
        if loop is None:
            future.set_exception(_closed())
        else:
            loop.call_soon_threadsafe(self._begin_answer, outgoing, future)
        return future

    def close(self) -> None:
        with self._lock:
            begun, self._is_closed = self._begun, True
        if begun is not None:
            loop, thread = begun
            # It is gone, where this was called before.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _begin_answer(self, outgoing: Outgoing, future: Future[Answer]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(outgoing, future))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        future.add_done_callback(lambda done: self._cancel(task) if done.cancelled() else None)

    def _cancel(self, task: "asyncio.Task[None]") -> None:
        self._soon(task.cancel)

    async def _answer(self, outgoing: Outgoing, future: Future[Answer]) -> None:
        if self._exchanges is None:
            self._exchanges = Exchanges(self._backends, self._bounds)
        try:
            exchange = await self._exchanges.begin(outgoing)
            answer = self._given(exchange)
        except asyncio.CancelledError:
            if future.set_running_or_notify_cancel():
                future.set_exception(_closed())
            raise
        except Exception as exc:  # noqa: BLE001
            refusal = exc if isinstance(exc, DomainError) else _not_understood(exc)
            if future.set_running_or_notify_cancel():
                future.set_exception(refusal)
            return
        # From here on it cannot be cancelled: whoever has it ends it.
        if future.set_running_or_notify_cancel():
            future.set_result(answer)
        else:
            exchange.end()

    def _given(self, exchange: Exchange) -> Answer:
        try:
            media_type = exchange.media_type
        except Exception:
            exchange.end()  # there are headers that the library trips over
            raise
        return Answer(
            status=exchange.status,
            media_type=media_type,
            beginning=exchange.beginning,
            rest=None if exchange.is_over else _Rest(self, exchange),
            compressed=exchange.is_compressed,
        )

    def _loop(self) -> asyncio.AbstractEventLoop | None:
        """Begun, if it is not; None once this is closed."""
        with self._lock:
            if self._is_closed:
                return None
            if self._begun is None:
                self._begun = self._begin()
            return self._begun[0]

    def _soon(self, act: Callable[[], object]) -> None:
        """In the loop's thread, if that is still there."""
        if self._begun is not None:
            with suppress(RuntimeError):
                self._begun[0].call_soon_threadsafe(act)

    def _begin(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        loop = asyncio.SelectorEventLoop()
        thread = threading.Thread(target=self._serve, args=(loop,), name="telemetry", daemon=True)
        thread.start()
        return loop, thread

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        loop.run_until_complete(self._end())
        loop.close()

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if self._exchanges is not None:
            await self._exchanges.close()

    def next_part(self, exchange: Exchange, is_wanted: Callable[[], bool]) -> bytes:
        """Raises: UpstreamError, OutcomeUnknown."""
        loop = self._loop()
        if loop is None:
            raise _closed()
        part = asyncio.run_coroutine_threadsafe(exchange.more(), loop)
        while not wait([part], timeout=LOOK_EVERY_S).done:
            if not is_wanted():
                part.cancel()
                self.end(exchange)
                raise UpstreamError("The client is gone.")
        try:
            return part.result()
        except CancelledError:
            raise _closed() from None

    def end(self, exchange: Exchange) -> None:
        self._soon(exchange.end)


def _closed() -> UpstreamError:
    return UpstreamError("The server is about to stop.")


def _not_understood(exc: Exception) -> UpstreamError:
    """By its class alone: what a library says may repeat what was asked."""
    _log.error("backend_answer_not_understood", extra={"failure": type(exc).__name__})
    return UpstreamError("The backend does not answer as it should.")


@frozen(eq=False)
class _Rest(Body):
    telemetry: HttpTelemetry
    exchange: Exchange = field(repr=False)

    def read(self, is_wanted: Callable[[], bool]) -> bytes:
        return self.telemetry.next_part(self.exchange, is_wanted)

    def close(self) -> None:
        self.telemetry.end(self.exchange)
