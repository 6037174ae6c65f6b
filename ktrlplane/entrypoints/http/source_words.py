"""Refusals at the addresses of data sources, so that a Grafana can show them: beside what every
refusal says, it is told it as by the API that the address is like
(https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ktrlplane.domain.errors import Fault

_SOURCE: Final = re.compile(
    r"/api/v1/(?:projects/[^/]+/)?resources/[^/]+/(loki|prometheus)/api/v1/.*"
)
_GRAFANA: Final = "Grafana/"
_KINDS: Final[Mapping[int, str]] = {
    404: "not_found",
    429: "too_many_requests",
    500: "internal",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
}


def in_words_of_source(
    path: str,
    agent: str,
    status: int,
    problem: Mapping[str, Any],
    faults: tuple[Fault, ...],
) -> Mapping[str, Any]:
    """``problem`` as ``agent`` is told it, who asks at ``path``.

    Prometheus has a member ``status`` too, which is a word, and Grafana shows nothing of an
    answer where it is a number.
    """
    source = _SOURCE.fullmatch(path) if agent.startswith(_GRAFANA) else None
    if source is None:
        return problem
    said = problem["detail"]
    if len(faults) > 1:
        told = (f"{_name(fault)}: {fault.detail}" for fault in faults)
        said = f"{said} {' '.join(told)}"
    if source[1] == "loki":
        return {**problem, "message": said}
    kind = _KINDS.get(status, "bad_data")
    return {**problem, "status": "error", "errorType": kind, "error": said}


def _name(fault: Fault) -> str:
    return fault.pointer.removeprefix("/")
