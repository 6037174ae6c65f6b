"""Dashboards of resource types, for everybody."""

import pytest

from tests.http.marks import on_both_catalogs
from tests.http.world import Caller, World, faults, refusal

pytestmark = on_both_catalogs
TYPES = "/catalog/resource-types"


def test_a_dashboard_is_read_where_the_type_says_that_there_is_one(
    world: World, nobody: Caller
) -> None:
    for kind in world.catalog.resource_types:
        shown = nobody.sees(f"{TYPES}/{kind.type}")
        assert shown["has_dashboard"] is (kind.dashboard is not None)
        if kind.dashboard is None:
            result = nobody.get(f"{TYPES}/{kind.type}/dashboard")
            assert refusal(result) == (404, "not_found")
            continue
        dashboard = nobody.sees(f"{TYPES}/{kind.type}/dashboard")
        assert dashboard == nobody.sees(f"{TYPES}/{kind.type}/dashboard?format=panels")
        assert dashboard == {
            "title": kind.dashboard.title,
            "panels": [
                {
                    "title": panel.title,
                    "backend": panel.backend,
                    "query": panel.query,
                    "unit": panel.unit,
                    "description": panel.description,
                }
                for panel in kind.dashboard.panels
            ],
        }


def test_grafana_gets_a_panel_for_each(world: World, nobody: Caller) -> None:
    kind = next(kind for kind in world.catalog.resource_types if kind.dashboard)
    assert kind.dashboard is not None
    path = f"{TYPES}/{kind.type}/dashboard?format=grafana"
    model = nobody.sees(path)
    shown = [(panel["title"], panel["targets"][0]["expr"]) for panel in model["panels"]]
    as_there = [(title, query.replace("[$__rate_interval]", "[5m]")) for title, query in shown]
    assert as_there == [(panel.title, panel.query) for panel in kind.dashboard.panels]
    assert nobody.get(path).content == nobody.get(path).content


def test_each_form_has_its_own_tag(world: World, nobody: Caller) -> None:
    kind = next(kind for kind in world.catalog.resource_types if kind.dashboard)
    path = f"{TYPES}/{kind.type}/dashboard"
    tags = [nobody.get(path + query).headers["etag"] for query in ("", "?format=grafana")]
    assert tags[0] != tags[1]
    known = nobody.get(f"{path}?format=grafana", headers={"If-None-Match": tags[1]})
    assert known.status_code == 304
    assert nobody.get(path, headers={"If-None-Match": tags[1]}).status_code == 200


def test_a_former_name_leads_to_the_same_dashboard(world: World, nobody: Caller) -> None:
    kind = next(k for k in world.catalog.resource_types if k.aliases and k.dashboard)
    for query in ("", "?format=grafana"):
        former = nobody.sees(f"{TYPES}/{kind.aliases[0]}/dashboard{query}")
        assert former == nobody.sees(f"{TYPES}/{kind.type}/dashboard{query}")


@pytest.mark.parametrize("format_", ["", "yaml", "Grafana"])
def test_a_form_that_there_is_not_is_told(world: World, nobody: Caller, format_: str) -> None:
    kind = world.catalog.resource_types[0]
    result = nobody.get(f"{TYPES}/{kind.type}/dashboard?format={format_}")
    assert result.status_code in (400, 422)
    assert set(faults(result)) == {"/format"}
