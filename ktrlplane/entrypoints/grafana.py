"""Dashboards as Grafana imports them
(https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).

One serves all resources of a type: which resource it shows is chosen by the data sources, each
of which is kept to one.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from ktrlplane.domain.dashboards import Dashboard, Panel, Unit
from ktrlplane.domain.observability.backend_queries import Backend

Model = dict[str, Any]

_SOURCES: Final[Mapping[Backend, str]] = {Backend.METRICS: "prometheus", Backend.LOGS: "loki"}
_UNITS: Final[Mapping[Unit, str]] = {
    Unit.SHORT: "short",
    Unit.BYTES: "bytes",
    Unit.SECONDS: "s",
    Unit.PERCENT: "percent",
    Unit.REQUESTS_PER_SECOND: "reqps",
}
_SCHEMA_VERSION: Final = 39
_MINUTES, _RATE_INTERVAL = "[5m]", "[$__rate_interval]"
"""What is five minutes long elsewhere is as long as it takes to leave out nothing between the
points of a graph."""
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8


def grafana_dashboard(resource_type: str, dashboard: Dashboard) -> Model:
    """The same each time, so that importing it again replaces it."""
    digest = sha256(resource_type.encode()).hexdigest()
    return {
        "id": None,
        # Grafana takes up to 40 characters.
        "uid": f"ktrlplane-{digest[:24]}",
        "title": dashboard.title,
        "tags": [resource_type],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_variable(backend) for backend in _SOURCES]},
        "annotations": {"list": []},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def _variable(backend: Backend) -> Model:
    return {
        "type": "datasource",
        "name": backend.value,
        "label": backend.value.capitalize(),
        "query": _SOURCES[backend],
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "refresh": 1,
        "regex": "",
        "options": [],
        "current": {},
    }


def _panel(number: int, panel: Panel) -> Model:
    row, column = divmod(number, _COLUMNS)
    source = _source(panel.backend)
    described = {
        "id": number + 1,
        "title": panel.title,
        "description": panel.description or "",
        "datasource": source,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "targets": [{"refId": "A", "datasource": source, **_target(panel)}],
    }
    return described | (_LINES if panel.shows_lines else _drawn(panel.unit))


def _source(backend: Backend) -> Model:
    return {"type": _SOURCES[backend], "uid": f"${{{backend}}}"}


def _target(panel: Panel) -> Model:
    if panel.backend is Backend.LOGS:
        return {"expr": panel.query, "queryType": "range", "editorMode": "code"}
    return {
        "expr": panel.query.replace(_MINUTES, _RATE_INTERVAL),
        "range": True,
        "instant": False,
        "editorMode": "code",
        "legendFormat": "__auto",
    }


_LINES: Final[Model] = {
    "type": "logs",
    "options": {
        "showTime": True,
        "wrapLogMessage": True,
        "enableLogDetails": True,
        "sortOrder": "Descending",
        "dedupStrategy": "none",
    },
}


def _drawn(unit: Unit | None) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "fieldConfig": {
            "defaults": {} if unit is None else {"unit": _UNITS[unit]},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }
