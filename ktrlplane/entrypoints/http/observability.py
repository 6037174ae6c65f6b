"""Logs and metrics of a resource over HTTP: what its people ask, and what their Grafana does."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import attrs
from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.observability.backend_queries import Backend, Endpoint, Given
from ktrlplane.domain.observability.label_names import has_values
from ktrlplane.domain.services import observability as service
from ktrlplane.entrypoints.http.operations import Call, Operation, Reply, needs, no_such
from ktrlplane.entrypoints.http.parameters import Parameters, said
from ktrlplane.entrypoints.http.resources import IN_PROJECT, below
from ktrlplane.ports.unit_of_work import UnitOfWork

_TIME: Final = "A time: seconds since 1970, or RFC 3339."
_LOGQL: Final = said("LogQL; every selector is kept to this resource.")
_PROMQL: Final = said("PromQL; every selector is kept to this resource.")


def _text(description: str) -> Any:
    return field(default=None, metadata=said(description))


@frozen(kw_only=True)
class Spanning(Parameters):
    start: str | None = _text(f"{_TIME} An hour before the end.")
    end: str | None = _text(f"{_TIME} Now.")


_TIMEOUT: Final = _text("What the backend is told to take at most: a duration, or seconds.")
_MATCH: Final = said("Selectors, one or more.") | {"parameter": "match[]", "repeated": True}


@frozen(kw_only=True)
class SpanningLogs(Spanning):
    since: str | None = _text("How long before the end, in place of start: 15m.")


@frozen(kw_only=True)
class LogLines(SpanningLogs):
    query: str | None = field(default=None, metadata=_LOGQL)
    step: str | None = _text("Between points of a metric: a duration, or seconds.")
    interval: str | None = _text("Between lines, at least: a duration, or seconds.")
    limit: str | None = _text("Lines, 1 to 5000.")
    direction: str | None = _text("forward or backward.")


@frozen(kw_only=True)
class Logs(LogLines):
    search: str | None = _text("Text that is in the lines, in place of a query.")
    level: str | None = _text("trace, debug, info, warn, error or fatal, in place of a query.")


@frozen(kw_only=True)
class LogMoment(Parameters):
    query: str | None = field(default=None, metadata=_LOGQL)
    time: str | None = _text(f"{_TIME} Now.")
    limit: str | None = _text("Lines, 1 to 5000.")
    direction: str | None = _text("forward or backward.")


@frozen(kw_only=True)
class LogNames(SpanningLogs):
    query: str | None = _text("A stream selector.")


@frozen(kw_only=True)
class LogSeries(SpanningLogs):
    match: tuple[str, ...] = field(default=(), metadata=_MATCH)
    also_match: tuple[str, ...] = field(default=(), metadata=_MATCH | {"parameter": "match"})


@frozen(kw_only=True)
class MetricRange(Spanning):
    query: str | None = field(default=None, metadata=_PROMQL)
    step: str | None = _text("Between points: a duration, or seconds.")
    timeout: str | None = _TIMEOUT


@frozen(kw_only=True)
class MetricMoment(Parameters):
    query: str | None = field(default=None, metadata=_PROMQL)
    time: str | None = _text(f"{_TIME} Now.")
    timeout: str | None = _TIMEOUT


@frozen(kw_only=True)
class MetricNames(Spanning):
    match: tuple[str, ...] = field(default=(), metadata=_MATCH)
    limit: str | None = _text("Names, at most.")


@frozen(kw_only=True)
class BackendAnswer:
    """As the backend gives it, which is in the words of Loki or Prometheus."""

    status: str
    data: Any = None


def _given(call: Call) -> Given:
    asked = attrs.asdict(call.query, recurse=False)
    asked["match"] = (*asked.get("match", ()), *asked.pop("also_match", ()))
    name = call.path.get("name")
    if name is not None and not has_values(name):
        raise no_such("label")
    return Given(name=name, **asked)


def _asked(work: UnitOfWork, call: Call, *, backend: Backend, endpoint: Endpoint) -> Reply:
    asked = service.ask_backend(
        work, call.resource(), backend, endpoint, _given(call), **below(call), **call.asked
    )
    return Reply(passed_on=asked)


def logs(work: UnitOfWork, call: Call) -> Reply:
    asked = service.ask_for_logs(work, call.resource(), _given(call), **below(call), **call.asked)
    return Reply(passed_on=asked)


_LIKE_LOKI: Final[tuple[tuple[str, Endpoint, type[Parameters], str], ...]] = (
    ("query_range", Endpoint.QUERY_RANGE, LogLines, "Query logs over a span of time"),
    ("query", Endpoint.QUERY, LogMoment, "Query a metric of logs at one time"),
    ("labels", Endpoint.LABELS, LogNames, "List the labels of log streams"),
    ("label/{name}/values", Endpoint.VALUES, LogNames, "List the values of a label of logs"),
    ("series", Endpoint.SERIES, LogSeries, "List log streams"),
)
_LIKE_PROMETHEUS: Final[tuple[tuple[str, Endpoint, type[Parameters], str], ...]] = (
    ("query_range", Endpoint.QUERY_RANGE, MetricRange, "Query metrics over a span of time"),
    ("query", Endpoint.QUERY, MetricMoment, "Query metrics at one time"),
    ("labels", Endpoint.LABELS, MetricNames, "List the labels of metrics"),
    ("label/{name}/values", Endpoint.VALUES, MetricNames, "List the values of a label"),
    ("series", Endpoint.SERIES, MetricNames, "List series"),
)
_ENDPOINTS: Final = {
    Endpoint.QUERY_RANGE: "Range",
    Endpoint.QUERY: "Moment",
    Endpoint.LABELS: "Labels",
    Endpoint.VALUES: "LabelValues",
    Endpoint.SERIES: "Series",
}

Handle = Callable[[UnitOfWork, Call], Reply]


def _operation(handle: Handle, **given: Any) -> Operation:
    return Operation(
        tag="Observability",
        handle=handle,
        needs=needs(Action.READ, on="resource"),
        takes_form=True,
        sensitive=True,
        reads_only=True,
        answer=BackendAnswer,
        refusals=(
            errors.NotFound,
            errors.UnsafeQuery,
            errors.UpstreamError,
            errors.OutcomeUnknown,
            errors.NotConfigured,
        ),
        **given,
    )


def _data_source(
    root: str, suffix: str, backend: Backend, prefix: str, api: tuple[Any, ...]
) -> Iterator[Operation]:
    for path, endpoint, query, summary in api:
        handle = partial(_asked, backend=backend, endpoint=endpoint)
        name = f"{backend.title()}{_ENDPOINTS[endpoint]}{suffix}"
        for method, verb in (("GET", "get"), ("POST", "post")):
            yield _operation(
                handle,
                method=method,
                path=f"{root}/{prefix}/api/v1/{path}",
                name=f"{verb}{name}",
                summary=f"{summary}, as {prefix.title()} does",
                query=query,
            )


def _of_resource(root: str, suffix: str) -> Iterator[Operation]:
    shorthands: tuple[tuple[str, str, Handle, type[Parameters], str], ...] = (
        ("logs", "Logs", logs, Logs, "Read logs, by text, level or LogQL"),
        (
            "metrics/query_range",
            "MetricsRange",
            partial(_asked, backend=Backend.METRICS, endpoint=Endpoint.QUERY_RANGE),
            MetricRange,
            "Query metrics over a span of time",
        ),
        (
            "metrics/query",
            "MetricsMoment",
            partial(_asked, backend=Backend.METRICS, endpoint=Endpoint.QUERY),
            MetricMoment,
            "Query metrics at one time",
        ),
    )
    for path, name, handle, query, summary in shorthands:
        yield _operation(
            handle,
            method="GET",
            path=f"{root}/{path}",
            name=f"read{name}{suffix}",
            summary=summary,
            query=query,
        )
    yield from _data_source(root, suffix, Backend.LOGS, "loki", _LIKE_LOKI)
    yield from _data_source(root, suffix, Backend.METRICS, "prometheus", _LIKE_PROMETHEUS)


OPERATIONS: Final = (
    *_of_resource("/resources/{resource_id}", ""),
    *_of_resource(f"{IN_PROJECT}/{{resource_id}}", "InProject"),
)
