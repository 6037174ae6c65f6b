"""What happened here, counted, in the words of Prometheus."""

import atexit
import math
import os
import threading
import time
from bisect import bisect_left
from functools import cache
from pathlib import Path
from typing import Final

import falcon
import structlog
from attrs import define, field, frozen
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from ktrlplane.entrypoints.http.work_metrics import Background

SHARED_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one server add up what they count; prometheus_client reads it when it
is imported."""

_FLUSH_EVERY_S: Final = 0.5
_BUCKETS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    math.inf,
)
_REQUESTS: Final = Counter(
    "ktrlplane_http_requests",
    "Requests answered, by route and status.",
    ("method", "route", "status"),
)
_SECONDS: Final = Histogram(
    "ktrlplane_http_request_seconds",
    "How long they took.",
    ("method", "route"),
    buckets=_BUCKETS,
)
_log = structlog.get_logger(__name__)
_KNOWN_METHODS: Final = frozenset(falcon.HTTP_METHODS)


def count(req: falcon.Request, status: int, seconds: float) -> None:
    """Routes, never addresses: ids are for nobody here, and their number has no end."""
    method = req.method if req.method in _KNOWN_METHODS else "other"
    tally(method, req.uri_template or "none", status, seconds)


def tally(method: str, route: str, status: int, seconds: float) -> None:
    _tally.add((method, route, status), seconds)


@define
class _Sums:
    """``seconds`` altogether, and how many requests by the bucket they fall into."""

    seconds: float = 0.0
    counts: list[int] = field(factory=lambda: [0] * len(_BUCKETS))


class _Tally:
    """Adds up what was counted before it goes into the files that processes share: writing
    there for each request would be a third of what a check costs.

    ``flush`` is called twice a second by a thread that begins with the first request, which is
    after a server has forked; and by who is asked for the sums.
    """

    def __init__(self) -> None:
        self._new: dict[tuple[str, str, int], _Sums] = {}
        self._thread: threading.Thread | None = None
        self._adding = threading.Lock()
        self._writing = threading.Lock()

    def add(self, what: tuple[str, str, int], seconds: float) -> None:
        bucket = bisect_left(_BUCKETS, seconds)
        with self._adding:
            sums = self._new.get(what)
            if sums is None:
                sums = self._new[what] = _Sums()
            sums.seconds += seconds
            sums.counts[bucket] += 1
        if self._thread is None:
            self._begin()

    def _begin(self) -> None:
        with self._writing:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            time.sleep(_FLUSH_EVERY_S)
            try:
                self.flush()
            except Exception as exc:  # noqa: BLE001 - or nobody would empty this any more
                _log.warning("metrics_not_written", exc_info=exc)

    def flush(self) -> None:
        # Whoever comes second waits until the first has written what it took.
        with self._writing:
            with self._adding:
                new, self._new = self._new, {}
            for (method, route, status), sums in new.items():
                _requests_of(method, route, status).inc(sum(sums.counts))
                _observe_all(_seconds_of(method, route), sums)


def _observe_all(histogram: Histogram, sums: _Sums) -> None:
    """As ``observe`` does with each; it has no way to say many at once."""
    histogram._sum.inc(sums.seconds)  # noqa: SLF001
    for bucket, count in enumerate(sums.counts):
        if count:
            histogram._buckets[bucket].inc(count)  # noqa: SLF001


@cache
def _requests_of(method: str, route: str, status: int) -> Counter:
    """There are as many as operations have answers."""
    return _REQUESTS.labels(method, route, str(status))


@cache
def _seconds_of(method: str, route: str) -> Histogram:
    return _SECONDS.labels(method, route)


_tally: Final = _Tally()


def shared_folder() -> Path | None:
    """For what the processes of this server keep together, and nobody after them."""
    folder = os.environ.get(SHARED_DIR)
    return None if folder is None else Path(folder)


@frozen
class Metrics:
    background: Background

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _tally.flush()
        registry = REGISTRY
        if shared_folder() is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = generate_latest(registry) + self.background.text()

    on_head = on_get
