"""What a catalog's dashboards may say."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ktrlplane.adapters.catalog_files import load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.catalog import BrokenCatalog
from ktrlplane.domain.dashboards import Dashboard, Panel, Unit
from ktrlplane.domain.observability.backend_queries import Backend

ORCHARD = Path(__file__).parents[1] / "catalogs" / "orchard"
VALIDATOR = JsonSchemaValidator()
FILE = "Orchard.Weather/dashboard.json"


@pytest.fixture
def orchard(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ORCHARD, tmp_path / "orchard"))


def _write(root: Path, document: object) -> None:
    (root / FILE).write_text(json.dumps(document))


def _loaded(root: Path) -> Dashboard | None:
    weather = load_catalog(root, VALIDATOR).resource_type("Orchard.Weather")
    assert weather is not None
    return weather.dashboard


def _faults(root: Path) -> list[tuple[str, str]]:
    with pytest.raises(BrokenCatalog) as broken:
        load_catalog(root, VALIDATOR)
    return [(fault.pointer, fault.code) for fault in broken.value.faults]


def _panel(**said: Any) -> dict[str, Any]:
    return {"title": "Frost", "backend": "metrics", "query": "frost"} | said


def test_a_type_may_do_without(orchard: Path) -> None:
    assert _loaded(orchard) is None


def test_a_dashboard_is_all_that_its_file_says(orchard: Path) -> None:
    told = _panel(unit="percent", description="Where it freezes.")
    bare = _panel(title="Warnings", backend="logs", query='{at="x"}', unit=None)
    _write(orchard, {"$schema": "x", "title": "Weather", "panels": [told, bare]})
    assert _loaded(orchard) == Dashboard(
        title="Weather",
        panels=(
            Panel(
                title="Frost",
                backend=Backend.METRICS,
                query="frost",
                unit=Unit.PERCENT,
                description="Where it freezes.",
            ),
            Panel(title="Warnings", backend=Backend.LOGS, query='{at="x"}'),
        ),
    )


@pytest.mark.parametrize(
    ("panel", "at", "code"),
    [
        (_panel(colour="red"), "/colour", "unknown_field"),
        (_panel(backend="traces"), "/backend", "enum"),
        (_panel(unit="litres"), "/unit", "enum"),
        (_panel(title=""), "/title", "min_length"),
        (_panel(query=3), "/query", "type"),
        (_panel(query="sum(frost"), "/query", "unsafe_query"),
        (_panel(query="frost[5m]"), "/query", "not_drawable"),
        (_panel(backend="logs"), "/query", "unsafe_query"),
        ({"title": "Frost", "backend": "logs"}, "/query", "required"),
    ],
)
def test_a_fault_is_told_where_it_is(
    orchard: Path, panel: dict[str, Any], at: str, code: str
) -> None:
    _write(orchard, {"title": "Weather", "panels": [_panel(title="First"), panel]})
    assert (f"{FILE}#/panels/1{at}", code) in _faults(orchard)


def test_a_query_is_told_with_the_character(orchard: Path) -> None:
    _write(orchard, {"title": "Weather", "panels": [_panel(query="frost + rate(hail)")]})
    with pytest.raises(BrokenCatalog) as broken:
        load_catalog(orchard, VALIDATOR)
    (fault,) = broken.value.faults
    assert fault.pointer == f"{FILE}#/panels/0/query"
    assert fault.detail.startswith("At character 14: ")


def test_all_faults_are_told_at_once(orchard: Path) -> None:
    _write(
        orchard,
        {
            "panels": [
                _panel(query="frost{"),
                _panel(backend="traces"),
                _panel(title="Hail", backend="logs", query="hail", unit="mm"),
            ],
            "rows": 3,
        },
    )
    (orchard / "catalog.json").write_text("{")
    assert set(_faults(orchard)) == {
        ("catalog.json#", "not_json"),
        (f"{FILE}#/title", "required"),
        (f"{FILE}#/rows", "unknown_field"),
        (f"{FILE}#/panels/0/query", "unsafe_query"),
        (f"{FILE}#/panels/1/backend", "enum"),
        (f"{FILE}#/panels/1/title", "duplicate"),
        (f"{FILE}#/panels/2/query", "unsafe_query"),
        (f"{FILE}#/panels/2/unit", "enum"),
    }


@pytest.mark.parametrize(("count", "code"), [(0, "min_items"), (25, "max_items")])
def test_there_are_1_to_24_panels(orchard: Path, count: int, code: str) -> None:
    panels = [_panel(title=f"Frost {number}") for number in range(count)]
    _write(orchard, {"title": "Weather", "panels": panels})
    assert _faults(orchard) == [(f"{FILE}#/panels", code)]


def test_a_file_that_is_no_json_is_told(orchard: Path) -> None:
    (orchard / FILE).write_text("[")
    assert _faults(orchard) == [(f"{FILE}#", "not_json")]
    (orchard / FILE).unlink()
    (orchard / FILE).mkdir()
    assert _faults(orchard) == [(f"{FILE}#", "unreadable")]


def test_a_folder_with_nothing_but_a_dashboard_is_a_type_that_lacks_the_rest(
    orchard: Path,
) -> None:
    for name in ("manifest.json", "settings.schema.json"):
        (orchard / "Orchard.Weather" / name).unlink()
    _write(orchard, {"title": "Weather", "panels": [_panel()]})
    assert ("Orchard.Weather/manifest.json#", "missing_file") in _faults(orchard)


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [None], [{}], [{"query": {}}], [[3]]])
def test_a_dashboard_of_any_shape_raises_nothing_but_its_faults(
    orchard: Path, value: object
) -> None:
    for document in (value, {"title": value, "panels": value}, {"panels": [_panel(query=value)]}):
        _write(orchard, document)
        with suppress(BrokenCatalog):
            load_catalog(orchard, VALIDATOR)
