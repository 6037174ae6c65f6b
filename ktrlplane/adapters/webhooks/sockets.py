"""Connections that know where they may go and how much they may bring."""

import socket
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakValueDictionary

import aiohttp

from ktrlplane.adapters.webhooks.bounds import Bounds
from ktrlplane.domain.addresses import Address

_SAYS_GOODBYE: Final = (3, 12, 7)
STEP_BYTES: Final = 8 * 1024
"""What is taken in between two looks at the others: a receiver that sends as fast as it can
makes nobody wait."""

Judge = Callable[[str], Address]
"""The address that a text is. Raises: Refused, for one that may not be reached."""


class Refused(OSError):
    """An address that may not be reached."""


class BoundedSocket(socket.socket):
    """What it receives is bounded, before there is a request and for each: what is no body has
    no bound elsewhere."""

    def __init__(self, judge: Judge, bounds: Bounds, *, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self._judge, self._bounds = judge, bounds
        self._made_at = time.monotonic()
        self.requests = 0
        self.received = 0
        self._most = bounds.around_body_bytes

    def connect(self, address: Any) -> None:
        """Judges once more, by what the system is told: whatever happened before, there is no
        way round this."""
        self._judge(address[0])
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        self._judge(address[0])
        return super().connect_ex(address)

    def begin(self) -> None:
        """A request goes out."""
        self.requests += 1
        self.received = 0
        self._most = self._bounds.head_bytes

    def allow_a_body(self) -> None:
        """The head of the answer is there."""
        self._most += self._bounds.body_bytes + self._bounds.around_body_bytes

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._made_at > self._bounds.connection_s

    @property
    def has_too_much(self) -> bool:
        return self.received > self._most

    def recv(self, size: int, flags: int = 0) -> bytes:
        content = super().recv(self._step(size), flags)
        self._count(len(content))
        return content

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        count = super().recv_into(buffer, self._step(nbytes or len(buffer)), flags)
        self._count(count)
        return count

    def _step(self, size: int) -> int:
        # One byte more than there may be, so that a receiver who sends no more ends by itself.
        return min(size, STEP_BYTES, max(1, self._most - self.received + 1))

    def _count(self, size: int) -> None:
        self.received += size
        if self.has_too_much:
            raise ConnectionAbortedError("The receiver sends too much.")


IN_USE: Final[ContextVar[BoundedSocket | None]] = ContextVar("in_use", default=None)
"""By the request under way: set as soon as there is one."""


class BoundedConnector(aiohttp.TCPConnector):
    """Connections for as many requests as there are: who makes them bounds those."""

    def __init__(
        self, judge: Judge, bounds: Bounds, *, resolver: aiohttp.abc.AbstractResolver, **more: Any
    ) -> None:
        super().__init__(
            limit=0,
            resolver=resolver,
            ttl_dns_cache=bounds.lookup_kept_s,
            use_dns_cache=bounds.lookup_kept_s > 0,
            keepalive_timeout=bounds.idle_s,
            socket_factory=self._made,
            # Of encrypted ones that are closed and whose receiver does not say goodbye, some
            # versions of Python lose sight: they are ended here at the latest with all others.
            enable_cleanup_closed=sys.version_info < _SAYS_GOODBYE,
            **more,
        )
        self._judge, self._bounds = judge, bounds
        self._sockets: WeakValueDictionary[int, BoundedSocket] = WeakValueDictionary()

    def _made(self, info: Any) -> BoundedSocket:
        made = BoundedSocket(self._judge, self._bounds, family=info[0], kind=info[1])
        self._sockets[made.fileno()] = made
        return made

    async def connect(self, *args: Any, **more: Any) -> Any:
        connection = await super().connect(*args, **more)
        assert connection.transport is not None
        assert connection.protocol is not None
        found = self._sockets[connection.transport.get_extra_info("socket").fileno()]
        found.begin()
        IN_USE.set(found)
        if found.is_old or len(self._sockets) > self._bounds.at_once:
            connection.protocol.force_close()
        return connection
