"""Queries over HTTP, by one event loop in a thread of its own: however many backends stand
still, no thread of anybody's stands with them."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from attrs import field, frozen

from ktrlplane.adapters.telemetry.exchanges import Bounds, Exchange, Exchanges
from ktrlplane.domain.errors import DomainError, UpstreamError
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.ports.telemetry import Answer, Body, Outgoing, Telemetry

T = TypeVar("T")

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

    def has(self, backend: Backend) -> bool:
        return backend in self._backends

    def ask(self, outgoing: Outgoing) -> Future[Answer]:
        return self._run(self._asked(outgoing))

    def close(self) -> None:
        with self._lock:
            begun, self._is_closed = self._begun, True
        if begun is not None:
            loop, thread = begun
            # It is gone, where this was called before.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.stop)
            thread.join()

    async def _asked(self, outgoing: Outgoing) -> Answer:
        if self._exchanges is None:
            self._exchanges = Exchanges(self._backends, self._bounds)
        exchange = await self._exchanges.begin(outgoing)
        rest = None if exchange.is_over else _Rest(self, exchange)
        return Answer(
            status=exchange.status,
            media_type=exchange.media_type,
            beginning=exchange.beginning,
            rest=rest,
            compressed=exchange.is_compressed,
        )

    def _run(self, what: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if not self._is_closed:
                if self._begun is None:
                    self._begun = self._begin()
                return asyncio.run_coroutine_threadsafe(what, self._begun[0])
        what.close()
        over: Future[T] = Future()
        over.set_exception(UpstreamError("The server is about to stop."))
        return over

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

    def next_part(self, exchange: Exchange) -> bytes:
        """Raises: UpstreamError, OutcomeUnknown."""
        try:
            return self._run(exchange.more()).result()
        except DomainError:
            raise
        except BaseException as exc:
            self.end(exchange)
            raise UpstreamError("The server is about to stop.") from exc

    def end(self, exchange: Exchange) -> None:
        begun = self._begun
        if begun is not None:
            with suppress(RuntimeError):
                begun[0].call_soon_threadsafe(exchange.end)


@frozen(eq=False)
class _Rest(Body):
    telemetry: HttpTelemetry
    exchange: Exchange = field(repr=False)

    def read(self) -> bytes:
        return self.telemetry.next_part(self.exchange)

    def close(self) -> None:
        self.telemetry.end(self.exchange)
