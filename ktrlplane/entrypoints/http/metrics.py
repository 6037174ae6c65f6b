"""What happened here, counted, in the words of Prometheus."""

import os
from functools import cache
from pathlib import Path
from typing import Final

import falcon
from attrs import frozen
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one server add up what they count; prometheus_client reads it when it
is imported."""

_REQUESTS: Final = Counter(
    "ktrlplane_http_requests",
    "Requests answered, by route and status.",
    ("method", "route", "status"),
)
_SECONDS: Final = Histogram(
    "ktrlplane_http_request_seconds",
    "How long they took.",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
_KNOWN_METHODS: Final = frozenset(falcon.HTTP_METHODS)


def count(req: falcon.Request, status: int, seconds: float) -> None:
    """Routes, never addresses: ids are for nobody here, and their number has no end."""
    method = req.method if req.method in _KNOWN_METHODS else "other"
    requests, durations = _counted(method, req.uri_template or "none", status)
    requests.inc()
    durations.observe(seconds)


@cache
def _counted(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """There are as many as operations have answers."""
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(method, route)


def shared_folder() -> Path | None:
    """For what the processes of this server keep together, and nobody after them."""
    folder = os.environ.get(SHARED_DIR)
    return None if folder is None else Path(folder)


@frozen
class Metrics:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        registry = REGISTRY
        if shared_folder() is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = generate_latest(registry)

    on_head = on_get
