"""Webhooks over the network, by one event loop in a thread of its own."""

import asyncio
import logging
import ssl
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from ktrlplane.adapters.webhooks.bounds import Bounds
from ktrlplane.adapters.webhooks.exchanges import Exchanges
from ktrlplane.adapters.webhooks.names import Lookup, ask_system
from ktrlplane.adapters.webhooks.trust import verifying
from ktrlplane.domain.addresses import Reach
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.delivery import Answered, Closed, Delivery, Outgoing, Unsent

_log = logging.getLogger(__name__)


class NetworkDelivery(Delivery):
    """The thread begins with the first request, so that it is in the process that sends. It
    keeps no process from ending."""

    def __init__(
        self,
        clock: Clock,
        reach: Reach,
        *,
        bounds: Bounds | None = None,
        lookup: Lookup = ask_system,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Without ``tls`` receivers are verified as the machine verifies servers."""
        self._clock, self._reach, self._lookup = clock, reach, lookup
        self._bounds, self._tls = bounds or Bounds(), tls or verifying()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Outgoing, Future[Answered]]] = deque()
        self._begun: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        self._closed = False
        self._is_told = False
        # Of the thread alone:
        self._over = asyncio.Event()
        self._exchanges: Exchanges | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def capacity(self) -> int:
        return self._bounds.at_once

    def send(self, outgoing: Outgoing) -> Future[Answered]:
        future: Future[Answered] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                raise Closed
            if self._begun is None:
                self._begun = self._begin()
            self._waiting.append((outgoing, future))
            # Waking the thread costs as much as a request's headers: once for all that wait.
            if not self._is_told:
                self._is_told = True
                self._begun[0].call_soon_threadsafe(self._take)
        return future

    def close(self) -> None:
        with self._lock:
            begun, self._closed = self._begun, True
        if begun is not None:
            loop, thread = begun
            # It is gone, where this was called before.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._over.set)
            thread.join()

    def _begin(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        loop = asyncio.SelectorEventLoop()
        loop.set_exception_handler(_tell)
        thread = threading.Thread(target=self._run, args=(loop,), name="webhooks", daemon=True)
        thread.start()
        return loop, thread

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_until_complete(self._serve())
        finally:
            with self._lock:
                self._closed = True
            while self._waiting:
                _, future = self._waiting.popleft()
                future.set_exception(Closed())
            loop.close()

    async def _serve(self) -> None:
        self._exchanges = Exchanges(
            self._clock, self._reach, self._bounds, self._lookup, self._tls
        )
        self._take()
        await self._over.wait()
        rest = list(self._under_way)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._exchanges.close()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _take(self) -> None:
        with self._lock:
            self._is_told = False
        if self._exchanges is None or self._over.is_set():
            return
        while self._waiting and len(self._under_way) < self._bounds.at_once:
            outgoing, future = self._waiting.popleft()
            task = asyncio.get_running_loop().create_task(
                _answer(self._exchanges, outgoing, future)
            )
            self._under_way.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._waiting:
            self._take()


async def _answer(exchanges: Exchanges, outgoing: Outgoing, future: Future[Answered]) -> None:
    try:
        answered = await exchanges.answer(outgoing)
    except asyncio.CancelledError:
        future.set_exception(Closed())
        raise
    except Unsent as exc:
        future.set_exception(exc)
    else:
        future.set_result(answered)


_TURNS: Final = 3
"""Connections that are closed go with a later turn of the loop."""


def _tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Without what was said or sent, which may be secret."""
    failure = type(context.get("exception")).__name__
    told = {"what": str(context.get("message")), "failure": failure}
    _log.error("webhook_connection_broken", extra=told)
