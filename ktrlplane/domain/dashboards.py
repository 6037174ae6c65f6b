"""What of a resource's logs and metrics is worth a look: panels, each a query.

A query says nothing of the resource, since whoever runs it has it kept to one.
"""

import enum
from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import frozen

from ktrlplane.domain.documents import select
from ktrlplane.domain.errors import Fault, UnsafeQuery
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.domain.observability.logql import asks_for_logs, scope_logql
from ktrlplane.domain.observability.matchers import Matcher
from ktrlplane.domain.observability.promql import gives, scope_promql
from ktrlplane.domain.observability.promql_types import Type


class Unit(enum.StrEnum):
    """Of what a panel draws. Percent goes from 0 to 100."""

    SHORT = "short"
    BYTES = "bytes"
    SECONDS = "seconds"
    PERCENT = "percent"
    REQUESTS_PER_SECOND = "requests_per_second"


@frozen(kw_only=True)
class Panel:
    """``query`` is PromQL for metrics and LogQL for logs, and names no resource."""

    title: str
    backend: Backend
    query: str
    unit: Unit | None = None
    description: str | None = None

    @property
    def shows_lines(self) -> bool:
        """Whether it lists lines of logs, and draws nothing."""
        return self.backend is Backend.LOGS and asks_for_logs(self.query)


@frozen(kw_only=True)
class Dashboard:
    """What to look at first in the logs and metrics of a resource, in this order."""

    title: str
    panels: tuple[Panel, ...]


_ANY: Final = Matcher("resource_id", "any")
_DRAWN: Final = frozenset({Type.VECTOR, Type.SCALAR})


def query_faults(document: Any) -> Iterator[Fault]:
    """Queries of a dashboard, be it well-formed or not, that cannot be kept to one resource or
    drawn over time; pointers are into ``document``."""
    for at, panel in select(document, "/panels/*"):
        match panel:
            case {"backend": Backend.METRICS, "query": str(query)}:
                yield from _metrics_faults(f"{at}/query", query)
            case {"backend": Backend.LOGS, "query": str(query)}:
                yield from _scoping_faults(f"{at}/query", query, scope_logql)


def _metrics_faults(at: str, query: str) -> Iterator[Fault]:
    misread = list(_scoping_faults(at, query, scope_promql))
    yield from misread
    if not misread and (given := gives(query)) not in _DRAWN:
        detail = (
            f"This gives {given.value}, which cannot be drawn over time. Give an instant vector: "
            "put a range into a function such as rate()."
        )
        yield Fault(at, "not_drawable", detail)


def _scoping_faults(at: str, query: str, scope: Callable[[str, Matcher], str]) -> Iterator[Fault]:
    try:
        scope(query, _ANY)
    except UnsafeQuery as unsafe:
        yield Fault(at, unsafe.code, str(unsafe))
