"""From what was asked to what a backend is asked, with the matcher in every selector."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from attrs import frozen

from ktrlplane.domain.errors import Fault, UnsafeQuery, ValidationFailed
from ktrlplane.domain.observability.backend_queries import (
    ROOTS,
    Backend,
    BackendQuery,
    Endpoint,
    Given,
)
from ktrlplane.domain.observability.bounds import (
    LONGEST_TIMEOUT,
    MAX_LINES,
    MAX_NAMES,
    MAX_SELECTORS,
    Reader,
    Span,
)
from ktrlplane.domain.observability.logql import scope_logql, scope_streams
from ktrlplane.domain.observability.matchers import Matcher, quoted
from ktrlplane.domain.observability.promql import scope_promql, scope_series
from ktrlplane.domain.observability.times import LATEST, SECOND, Unit, in_seconds
from ktrlplane.domain.observability.words import MAX_BYTES, Room

Scoping = Callable[[str, Matcher, Room], str]
Bounded = Callable[[str, Matcher, float], str]
Parameters = list[tuple[str, str]]

DIRECTIONS: Final = ("forward", "backward")
_USUAL_POINTS: Final = 250

LEVELS: Final = {
    "trace": "trace",
    "debug": "debug|dbug",
    "info": "info|information|notice",
    "warn": "warn|warning",
    "error": "error|err|eror",
    "fatal": "fatal|critical|crit|alert|emerg|panic",
}
"""What people call them, by what they are asked for with."""
_NAMES_OF_LEVELS: Final = {
    **{level: level for level in LEVELS},
    **{name: level for level, names in LEVELS.items() for name in names.split("|")},
}


@frozen(kw_only=True)
class Scope:
    """What a request is kept to: the ``tenant`` and the ``matcher`` of one resource. ``now`` is
    in nanoseconds."""

    tenant: str
    matcher: Matcher
    now: int
    longest: timedelta


@frozen
class _Dialect:
    """How a backend is asked."""

    backend: Backend
    unit: Unit
    scope_query: Bounded
    scope_selector: Scoping
    selectors: str
    """The parameter of labels and values."""

    def moment(self, at: int) -> str:
        return str(at) if self.backend is Backend.LOGS else in_seconds(at)


_DIALECTS: Final = {
    Backend.LOGS: _Dialect(Backend.LOGS, Unit.OF_LOKI, scope_logql, scope_streams, "query"),
    Backend.METRICS: _Dialect(
        Backend.METRICS, Unit.SECONDS, scope_promql, scope_series, "match[]"
    ),
}


def question(
    backend: Backend, endpoint: Endpoint, given: Given, scope: Scope, *, made: str | None = None
) -> BackendQuery:
    """``made`` is a query of our own making, which has the matcher already. Raises: UnsafeQuery;
    ValidationFailed with every fault."""
    dialect = _DIALECTS[backend]
    reader = Reader(given, scope.now, dialect.unit, scope.longest, made)
    parameters = _READ[endpoint](dialect, reader, scope)
    reader.finish()
    path = f"label/{given.name}/values" if endpoint is Endpoint.VALUES else endpoint.value
    return BackendQuery(
        backend=backend,
        subject=scope.matcher.value,
        path=f"{ROOTS[backend]}/{path}",
        parameters=tuple(parameters),
        tenant=scope.tenant,
        has_form=endpoint is not Endpoint.VALUES,
    )


def logs_question(given: Given, scope: Scope) -> BackendQuery:
    """For who knows no LogQL: ``search`` and ``level`` in place of a query, and all there is
    without. Raises: UnsafeQuery; ValidationFailed with every fault."""
    reader = Reader(given, scope.now, Unit.OF_LOKI, scope.longest)
    for name in ("search", "level"):
        if given.query is not None and getattr(given, name) is not None:
            detail = f"Send query or {name}, not both: a query can say it itself."
            reader.faults.append(Fault(f"/{name}", "one_of", detail))
    level = reader.one_of("level", tuple(_NAMES_OF_LEVELS))
    reader.finish()
    if given.query is not None:
        return question(Backend.LOGS, Endpoint.QUERY_RANGE, given, scope)
    query = _lines_with(given.search, level, scope.matcher)
    if len(query) > MAX_BYTES:
        detail = f"As a query this has {len(query):,} bytes, and {MAX_BYTES:,} are the most."
        raise ValidationFailed([Fault("/search", "range", detail)])
    return question(Backend.LOGS, Endpoint.QUERY_RANGE, given, scope, made=query)


def _lines_with(search: str | None, level: str | None, matcher: Matcher) -> str:
    query = f"{{{matcher}}}"
    if search:
        query += f" |= {quoted(search)}"
    if level is not None:
        named = quoted(f"(?i)({LEVELS[_NAMES_OF_LEVELS[level]]})")
        query += f" | level=~{named} or detected_level=~{named}"
    return query


def _over(dialect: _Dialect, over: Span) -> Parameters:
    return [("start", dialect.moment(over.start)), ("end", dialect.moment(over.end))]


def _scoped(dialect: _Dialect, reader: Reader, scope: Scope) -> Parameters:
    if reader.made is not None:
        return [("query", reader.made)]
    reader.require("query")
    # Nothing else is told of what has no query.
    if reader.faults:
        return []
    longest = scope.longest.total_seconds() * 1000
    query = dialect.scope_query(reader.given.query or "", scope.matcher, longest)
    return [("query", query)]


def _lines(dialect: _Dialect, reader: Reader) -> Parameters:
    """What only logs have."""
    if dialect.backend is not Backend.LOGS:
        return []
    limit = reader.count(MAX_LINES)
    asked = {
        "limit": None if limit is None else str(limit),
        "direction": reader.one_of("direction", DIRECTIONS),
        "interval": reader.seconds("interval", LATEST),
    }
    return [(name, text) for name, text in asked.items() if text is not None]


def _timeout(dialect: _Dialect, reader: Reader) -> Parameters:
    """What only metrics have."""
    if dialect.backend is not Backend.METRICS:
        return []
    timeout = reader.seconds("timeout", LONGEST_TIMEOUT)
    return [] if timeout is None else [("timeout", timeout)]


def _query_range(dialect: _Dialect, reader: Reader, scope: Scope) -> Parameters:
    over = reader.span()
    step = reader.step(over)
    if step is None and dialect.backend is Backend.METRICS:
        step = max(SECOND, (over.end - over.start) // _USUAL_POINTS // SECOND * SECOND)
    parameters = [*_over(dialect, over), *_lines(dialect, reader)]
    if step is not None:
        parameters.append(("step", in_seconds(step)))
    return [*_scoped(dialect, reader, scope), *parameters, *_timeout(dialect, reader)]


def _query(dialect: _Dialect, reader: Reader, scope: Scope) -> Parameters:
    at = reader.moment("time", reader.now)
    parameters = [("time", dialect.moment(at)), *_lines(dialect, reader)]
    parameters += _timeout(dialect, reader)
    return [*_scoped(dialect, reader, scope), *parameters]


def _selected(dialect: _Dialect, reader: Reader, scope: Scope, name: str) -> Parameters:
    given = reader.given
    texts = given.match if name == "match[]" else (given.query,) if given.query else ()
    if len(texts) > MAX_SELECTORS:
        detail = f"Send {MAX_SELECTORS} selectors at most."
        reader.faults.append(Fault("/match[]", "range", detail))
        return []
    length = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    if len(texts) > 1 and length > MAX_BYTES:
        detail = f"All selectors together have {MAX_BYTES:,} bytes at most; these have {length:,}."
        reader.faults.append(Fault("/match[]", "range", detail))
        return []
    room = Room()
    scoped = [_scoped_selector(dialect, text, scope, name, room) for text in texts]
    return [(name, text) for text in scoped or (f"{{{scope.matcher}}}",)]


def _scoped_selector(dialect: _Dialect, text: str, scope: Scope, name: str, room: Room) -> str:
    # Once our matcher is in it, {} selects by something.
    if text.strip() == "{}":
        return f"{{{scope.matcher}}}"
    try:
        return dialect.scope_selector(text, scope.matcher, room)
    except UnsafeQuery as refusal:
        raise UnsafeQuery(refusal.reason, refusal.position, f"/{name}") from refusal


def _names(dialect: _Dialect, reader: Reader, scope: Scope) -> Parameters:
    return _found_by(dialect.selectors, dialect, reader, scope)


def _series(dialect: _Dialect, reader: Reader, scope: Scope) -> Parameters:
    return _found_by("match[]", dialect, reader, scope)


def _found_by(name: str, dialect: _Dialect, reader: Reader, scope: Scope) -> Parameters:
    over = _over(dialect, reader.span())
    # 0 says that there is none.
    limit = reader.count(MAX_NAMES, least=0) if dialect.backend is Backend.METRICS else None
    selected = _selected(dialect, reader, scope, name)
    return [*selected, *over, *([("limit", str(limit))] if limit else [])]


_READ: Final = {
    Endpoint.QUERY_RANGE: _query_range,
    Endpoint.QUERY: _query,
    Endpoint.LABELS: _names,
    Endpoint.VALUES: _names,
    Endpoint.SERIES: _series,
}
