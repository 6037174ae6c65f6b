"""What is asked of a backend: one form for whatever was asked of us."""

import enum
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen


class Backend(enum.StrEnum):
    LOGS = "logs"
    METRICS = "metrics"


class Endpoint(enum.StrEnum):
    """Of what both backends have."""

    QUERY_RANGE = "query_range"
    QUERY = "query"
    LABELS = "labels"
    VALUES = "values"
    SERIES = "series"


ROOTS: Final[Mapping[Backend, str]] = {
    Backend.LOGS: "/loki/api/v1",
    Backend.METRICS: "/prometheus/api/v1",
}


@frozen(kw_only=True)
class Given:
    """The parameters of a request, as they came. ``name`` is of a label."""

    query: str | None = None
    start: str | None = None
    end: str | None = None
    since: str | None = None
    time: str | None = None
    step: str | None = None
    limit: str | None = None
    direction: str | None = None
    match: tuple[str, ...] = ()
    name: str | None = None
    search: str | None = None
    level: str | None = None
    interval: str | None = None
    timeout: str | None = None


@frozen(kw_only=True)
class BackendQuery:
    """Of what is known of the resource ``subject``. ``path`` and ``parameters`` are in no need
    of anything but encoding; ``tenant`` is one and never two. What ``has_form`` is posted as a
    form, the rest is in the address."""

    backend: Backend
    subject: str
    path: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    tenant: str
    has_form: bool = True
