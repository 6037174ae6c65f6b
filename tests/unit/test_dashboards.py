"""Panels and what Grafana makes of them."""

import json
from typing import Any, Final

import pytest

from ktrlplane import ControlPlane
from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.dashboards import Dashboard, Panel, Unit, query_faults
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.domain.observability.logql import scope_logql
from ktrlplane.domain.observability.matchers import Matcher
from ktrlplane.domain.observability.promql import scope_promql
from ktrlplane.entrypoints.grafana import grafana_dashboard

SHIPPED: Final = {
    kind.type: kind.dashboard
    for kind in load_catalog(default_catalog(), JsonSchemaValidator()).resource_types
}
ONE: Final = Matcher("resource_id", "one")


def _faults(backend: object, query: object) -> list[Fault]:
    return list(query_faults({"panels": [{"title": "One", "backend": backend, "query": query}]}))


@pytest.mark.parametrize(
    ("backend", "query"),
    [
        ("metrics", "up"),
        ("metrics", "sum(rate(requests_total[5m])) / 3"),
        ("metrics", "time()"),
        ("logs", '{pod=~".+"} |= `error`'),
        ("logs", 'sum(rate({pod=~".+"}[5m]))'),
    ],
)
def test_what_can_be_kept_to_a_resource_is_no_fault(backend: str, query: str) -> None:
    assert _faults(backend, query) == []


@pytest.mark.parametrize(
    ("backend", "query", "code", "says"),
    [
        ("metrics", "", "unsafe_query", "At character 1:"),
        ("metrics", "sum(rate(up[5m])", "unsafe_query", "At character 17:"),
        ("metrics", "info(up)", "unsafe_query", "At character 1:"),
        ("metrics", '{pod="a"} |= "b"', "unsafe_query", "At character 11:"),
        ("metrics", "rate(up[$__rate_interval])", "unsafe_query", "At character 9:"),
        ("metrics", "up[5m]", "not_drawable", "This gives a range vector"),
        ("metrics", "rate(up[5m])[1h:5m]", "not_drawable", "This gives a range vector"),
        ("metrics", '"up"', "not_drawable", "This gives a string"),
        ("logs", "{}", "unsafe_query", "At character 2:"),
        ("logs", '{pod=~".*"}', "unsafe_query", "At character 1:"),
        ("logs", "sum(up)", "unsafe_query", "At character 5:"),
        ("logs", '{pod="a"', "unsafe_query", "At character 9:"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(
    backend: str, query: str, code: str, says: str
) -> None:
    (fault,) = _faults(backend, query)
    assert (fault.pointer, fault.code) == ("/panels/0/query", code)
    assert fault.detail.startswith(says), fault.detail


@pytest.mark.parametrize("query", [None, 3, [], {}, ["up"]])
@pytest.mark.parametrize("backend", ["metrics", "logs", "traces", None, 3, []])
def test_what_is_no_query_is_left_to_the_meta_schema(backend: object, query: object) -> None:
    assert _faults(backend, query) == []


@pytest.mark.parametrize("document", [None, 3, "x", [], {}, {"panels": 3}, {"panels": [None, 3]}])
def test_what_is_no_dashboard_is_left_to_the_meta_schema(document: object) -> None:
    assert list(query_faults(document)) == []


def test_every_shipped_type_has_a_dashboard_of_metrics_and_logs() -> None:
    for name, dashboard in SHIPPED.items():
        assert dashboard is not None, name
        assert {panel.backend for panel in dashboard.panels} == set(Backend)
        assert any(panel.shows_lines for panel in dashboard.panels)
        assert all(panel.description for panel in dashboard.panels)


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(panel, id=f"{name}: {panel.title}")
        for name, dashboard in SHIPPED.items()
        if dashboard is not None
        for panel in dashboard.panels
    ],
)
def test_every_shipped_query_is_kept_to_the_resource_and_names_none(panel: Panel) -> None:
    scope = scope_promql if panel.backend is Backend.METRICS else scope_logql
    scoped = scope(panel.query, ONE)
    assert 'resource_id="one"' in scoped
    assert "resource_id" not in panel.query
    # What Grafana would take for a variable of its own is never what is asked.
    assert "$" not in panel.query
    assert "[[" not in panel.query


def test_a_dashboard_is_read_by_library() -> None:
    graph = ControlPlane.in_memory().platform.catalog.resource_type("Konnektr.Graph")
    assert graph is not None
    assert graph.dashboard == SHIPPED["Konnektr.Graph"]


def _panel(title: str, backend: Backend, query: str, unit: Unit | None = None) -> Panel:
    return Panel(title=title, backend=backend, query=query, unit=unit)


PANELS: Final = (
    _panel("CPU", Backend.METRICS, "rate(cpu_seconds_total[5m])", Unit.SHORT),
    _panel("Wait", Backend.METRICS, "wait", Unit.SECONDS),
    _panel("Full", Backend.METRICS, "full", Unit.PERCENT),
    _panel("Size", Backend.METRICS, "size", Unit.BYTES),
    _panel("Asked", Backend.METRICS, "rate(asked[5m])", Unit.REQUESTS_PER_SECOND),
    _panel("Volume", Backend.LOGS, 'sum(rate({pod=~".+"}[5m]))'),
    _panel("Lines", Backend.LOGS, '{pod=~".+"}'),
)
BOARD: Final = Dashboard(title="Pumps", panels=PANELS)


@pytest.fixture
def model() -> Any:
    return json.loads(json.dumps(grafana_dashboard("Orchard.Irrigation", BOARD)))


def test_grafana_gets_a_panel_for_each_in_two_columns(model: Any) -> None:
    assert model["schemaVersion"] == 39
    assert [panel["title"] for panel in model["panels"]] == [panel.title for panel in PANELS]
    assert [panel["id"] for panel in model["panels"]] == [1, 2, 3, 4, 5, 6, 7]
    places = [panel["gridPos"] for panel in model["panels"]]
    assert [(place["x"], place["y"]) for place in places] == [
        *((0, 0), (12, 0)),
        *((0, 8), (12, 8)),
        *((0, 16), (12, 16)),
        (0, 24),
    ]
    assert {(place["w"], place["h"]) for place in places} == {(12, 8)}


def test_grafana_draws_numbers_and_lists_lines(model: Any) -> None:
    kinds = [panel["type"] for panel in model["panels"]]
    assert kinds == ["timeseries"] * 6 + ["logs"]
    drawn = [panel["fieldConfig"]["defaults"] for panel in model["panels"][:6]]
    units = [defaults.get("unit") for defaults in drawn]
    assert units == ["short", "s", "percent", "bytes", "reqps", None]


def test_grafana_asks_the_data_sources_that_are_chosen(model: Any) -> None:
    variables = model["templating"]["list"]
    assert {one["name"]: (one["type"], one["query"]) for one in variables} == {
        "metrics": ("datasource", "prometheus"),
        "logs": ("datasource", "loki"),
    }
    for panel, shown in zip(PANELS, model["panels"], strict=True):
        (target,) = shown["targets"]
        kind = "prometheus" if panel.backend is Backend.METRICS else "loki"
        assert target["datasource"] == {"type": kind, "uid": "${" + panel.backend + "}"}
        assert target["datasource"] == shown["datasource"]
        as_here = target["expr"].replace("[$__rate_interval]", "[5m]")
        assert as_here == panel.query
        assert panel.backend is Backend.METRICS or target["expr"] == panel.query


def test_a_dashboard_of_grafana_keeps_its_id(model: Any) -> None:
    again = grafana_dashboard("Orchard.Irrigation", BOARD)
    assert json.dumps(again) == json.dumps(model)
    other = grafana_dashboard("Orchard.Weather", BOARD)
    assert other["uid"] != model["uid"]
    assert len(model["uid"]) <= 40
