"""Answers that are made while they are sent, so that the longest takes no more memory than a
part of it.

Each has a thread for as long as its client takes, and threads are few: only some at once, and
none for longer than ``LONGEST_S``. One that ends before its time breaks off, so that nobody
takes a part for the whole.
"""

import errno
import threading
import time
from collections.abc import Iterator
from typing import Final, Self

import falcon
import structlog
from attrs import define, field

from ktrlplane.domain.errors import DomainError
from ktrlplane.entrypoints.http.operations import Operation, Reply
from ktrlplane.entrypoints.http.problems import EdgeError
from ktrlplane.entrypoints.transactions import Transact

AT_ONCE: Final = 2
"""In one process."""
LONGEST_S: Final = 100.0
"""Less than the time after which the server hangs up on a client (see ``serving/patience.py``)."""

_seats: Final = threading.BoundedSemaphore(AT_ONCE)
_log = structlog.get_logger("ktrlplane.http")


@define(eq=False)
class Stream:
    """Of one answer; has a seat until it is closed, as every server does with what it sends."""

    _parts: Iterator[bytes]
    _request_id: str
    _until: float = field(factory=lambda: time.monotonic() + LONGEST_S)
    _is_open: bool = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if time.monotonic() > self._until:
            raise self._broken_off("it took too long")
        try:
            return next(self._parts)
        except StopIteration:
            self.close()
            raise
        except DomainError as refusal:
            raise self._broken_off(refusal.detail) from refusal

    def _broken_off(self, reason: str) -> OSError:
        """What a client that has gone away looks like: the server closes, without the sign that
        this was all, and nobody is alarmed."""
        _log.info("answer_broken_off", request_id=self._request_id, reason=reason)
        return ConnectionResetError(errno.ECONNRESET, reason)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            _seats.release()

    __del__ = close


def stream(
    req: falcon.Request,
    resp: falcon.Response,
    operation: Operation,
    reply: Reply,
    transact: Transact,
) -> None:
    """Raises: EdgeError where too many are at it."""
    assert reply.parts is not None
    resp.content_type = operation.media_type
    resp.set_header("Cache-Control", "private, no-store")
    for name, value in reply.headers:
        resp.set_header(name, value)
    if req.method == "HEAD":
        return
    if not _seats.acquire(blocking=False):
        detail = f"{AT_ONCE} exports are under way here, which is the most; try again in a while."
        raise EdgeError("rate_limited", detail, headers={"Retry-After": "10"})
    resp.stream = Stream(reply.parts(transact), req.context.request_id)
