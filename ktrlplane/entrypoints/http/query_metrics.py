"""How queries of logs and metrics go, in the words of Prometheus."""

import threading
from typing import Final

from prometheus_client import Counter, Histogram

from ktrlplane.domain.observability.backend_queries import BackendQuery

MOST_SUBJECTS: Final = 2000
"""Resources that one process counts apart; the others it counts together, as ``other``."""

_SECONDS: Final = Histogram(
    "ktrlplane_backend_query_seconds",
    "How long queries of logs and metrics took that were answered.",
    ("backend",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_OF_RESOURCE: Final = ("backend", "resource_id")
_QUERIES: Final = Counter(
    "ktrlplane_resource_queries",
    "Queries of the logs and metrics of a resource that were answered.",
    _OF_RESOURCE,
)
_RESOURCE_SECONDS: Final = Counter(
    "ktrlplane_resource_query_seconds", "How long those took.", _OF_RESOURCE
)
_BYTES: Final = Counter(
    "ktrlplane_resource_answer_bytes", "Bytes of the answers, as they came.", _OF_RESOURCE
)
_subjects: Final[set[str]] = set()
_lock: Final = threading.Lock()


def count_query(query: BackendQuery, seconds: float, size: int) -> None:
    """``size`` is in bytes."""
    labels = (query.backend.value, _counted(query.subject))
    _SECONDS.labels(query.backend.value).observe(seconds)
    _QUERIES.labels(*labels).inc()
    _RESOURCE_SECONDS.labels(*labels).inc(seconds)
    _BYTES.labels(*labels).inc(size)


def _counted(subject: str) -> str:
    with _lock:
        if subject not in _subjects and len(_subjects) >= MOST_SUBJECTS:
            return "other"
        _subjects.add(subject)
        return subject
