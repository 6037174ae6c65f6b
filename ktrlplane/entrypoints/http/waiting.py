"""Requests that wait for something to happen, without a thread each.

Where the web server can put a request aside (see ``serving/patience.py``), one that would wait
is raised out of the application as ``Parked``, and asked again from the beginning when it may be
over: who asks is authenticated and judged anew. Elsewhere a few may wait in their threads, and
any more are answered at once: nobody waits at the cost of those who do not.
"""

import math
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

from attrs import define

T = TypeVar("T")

Look = Callable[[Collection[str]], Collection[str]]
"""Which of these it is over for."""

LOOK_EVERY_S: Final = 0.25
IN_THREADS: Final = 2
"""How many wait in threads, in a process whose server cannot put requests aside."""


class Carried(Protocol):
    """What a request that is put aside had begun."""

    def end(self) -> None:
        """Nobody comes back for it. May be called again."""


class Parked(BaseException):
    """No ``Exception``, so that nothing on the way out takes it for a fault. ``key`` names what
    is waited for; ``until`` is on the monotonic clock. Where there is a ``signal``, it is over
    once that is done, and ``carried`` is there when the request is asked again."""

    def __init__(
        self,
        key: str,
        look: Look | None,
        since: float,
        until: float,
        *,
        signal: "Future[Any] | None" = None,
        carried: Carried | None = None,
    ) -> None:
        super().__init__(key)
        self.key, self.look, self.since, self.until = key, look, since, until
        self.signal, self.carried = signal, carried


AT_ONCE: Final = float("-inf")
"""Since when a request waits that is to be answered now: nobody may be there to wait."""


@define(eq=False)
class Seat:
    """Of a request that can be put aside, if there is room; for something to happen only where
    it ``may_wait``, which leaves room for queries. ``since`` is when it first was, with what it
    ``carried``. ``request_id`` and ``began`` are those of its first asking; it is broken off where
    its answer is not taken ``until`` then. ``is_gone`` looks whether its client is."""

    since: float | None = None
    has_room: bool = True
    may_wait: bool = True
    carried: Carried | None = None
    request_id: str | None = None
    began: float | None = None
    until: float = math.inf
    is_gone: Callable[[], bool] = lambda: False


spare_threads = 0
"""Those that a server has beside the ones for requests, to wait in: it cannot put any aside."""

_here: Final = threading.local()
_seats_in_threads: Final = threading.BoundedSemaphore(IN_THREADS)


@contextmanager
def seated(seat: Seat) -> Iterator[None]:
    """What is asked in here can be put aside."""
    _here.seat = seat
    try:
        yield
    finally:
        _here.seat = None
        if seat.carried is not None:
            seat.carried.end()


def seat_here() -> Seat | None:
    """That of the request at work here; None where the web server cannot put it aside."""
    seat: Seat | None = getattr(_here, "seat", None)
    return seat


def is_asked_again() -> bool:
    """Whether the request at work here was put aside before."""
    seat = seat_here()
    return seat is not None and seat.since is not None


def waited(
    wait_s: float, ask: Callable[[], T], is_over: Callable[[T], bool], key: str, look: Look
) -> T:
    """What ``ask`` gives once it is over, or after ``wait_s``, or earlier where there is no
    room to wait. Raises: Parked."""
    seat = seat_here()
    now = time.monotonic()
    since = now if seat is None or seat.since is None else seat.since
    found = ask()
    if is_over(found) or now - since >= wait_s:
        return found
    if seat is not None and seat.may_wait:
        raise Parked(key, look, since, since + wait_s)
    if seat is not None:
        return found
    return _in_this_thread(found, since + wait_s, ask, is_over)


def _in_this_thread(
    found: T, until: float, ask: Callable[[], T], is_over: Callable[[T], bool]
) -> T:
    if not _seats_in_threads.acquire(blocking=False):
        return found
    try:
        while not is_over(found) and (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_EVERY_S, left))
            found = ask()
        return found
    finally:
        _seats_in_threads.release()
