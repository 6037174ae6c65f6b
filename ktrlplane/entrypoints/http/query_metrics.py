"""How queries of logs and metrics go, in the words of Prometheus."""

from typing import Final

from prometheus_client import Counter, Histogram

from ktrlplane.domain.observability.backend_queries import Backend

_SECONDS: Final = Histogram(
    "ktrlplane_backend_query_seconds",
    "How long queries of logs and metrics took that were answered.",
    ("backend",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_BYTES: Final = Counter(
    "ktrlplane_backend_answer_bytes",
    "Bytes of the answers, as they came.",
    ("backend",),
)


def count_query(backend: Backend, seconds: float, size: int) -> None:
    """``size`` is in bytes."""
    _SECONDS.labels(backend.value).observe(seconds)
    _BYTES.labels(backend.value).inc(size)
