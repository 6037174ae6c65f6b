"""The dashboards that are shipped: the backends' own parsers take every query."""

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.domain.observability.logql import scope_logql
from ktrlplane.domain.observability.promql import scope_promql
from tests.oracles.judging import Oracle, judge


def _queries(backend: Backend) -> list[str]:
    kinds = load_catalog(default_catalog(), JsonSchemaValidator()).resource_types
    panels = (panel for kind in kinds if kind.dashboard for panel in kind.dashboard.panels)
    return sorted({panel.query for panel in panels if panel.backend is backend})


def test_prometheus_takes_those_of_metrics(prometheus: Oracle) -> None:
    for query in _queries(Backend.METRICS):
        assert prometheus.read(query).error is None, query
        assert judge(prometheus, scope_promql, query) is None


def test_loki_takes_those_of_logs(loki: Oracle) -> None:
    for query in _queries(Backend.LOGS):
        assert loki.read(query).error is None, query
        assert judge(loki, scope_logql, query) is None
