"""Whatever stands in a setting is a value in the object, and nothing else."""

from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deploy.hostile import TEXTS, documents
from tests.deploy.kubernetes import faults
from tests.deploy.rendering import Renderer

ROW: Final = {
    "resource_id": "twins",
    "project_id": "plant",
    "sku": "standard",
    "generation": 7,
    "suspended": False,
    "instances": None,
    "cpu": None,
    "memory": None,
    "storage": None,
    "settings_json": {},
}
COLUMNS: Final = ("instances", "cpu", "memory", "storage")


def rendered(renderer: Renderer, **row: Any) -> dict[str, Any]:
    (application,) = renderer.objects("graph.yaml", "graph", [ROW | row])
    return application


def apart(application: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The settings that are handed on, and the events; both are gone from the application."""
    values = application["spec"]["source"]["helm"]["valuesObject"]
    return values["global"]["ktrlplane"].pop("settings"), values.pop("events")


@pytest.mark.parametrize("text", TEXTS)
def test_a_hostile_text_stays_where_it_was_put(renderer: Renderer, text: str) -> None:
    calm, hostile = (
        rendered(renderer),
        rendered(
            renderer,
            settings_json={
                text: {text: [text, {text: text}]},
                "eventSinks": {text: [{"name": text}]},
                "eventRoutes": [{"name": text, "typeMappings": {text: text}}],
            },
        ),
    )
    assert not faults(hostile)
    told, events = apart(hostile)
    apart(calm)
    assert hostile == calm
    assert told == {text: {text: [text, {text: text}]}}
    assert events == {
        "enabled": True,
        "config": {
            "eventSinks": {text: [{"name": text}]},
            "eventRoutes": [{"name": text, "typeMappings": {text: text}}],
        },
    }


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("text", [one for one in TEXTS if one])
def test_a_hostile_text_in_a_column_is_a_value_of_one_field(
    renderer: Renderer, column: str, text: str
) -> None:
    everything = dict.fromkeys(COLUMNS, "1")
    calm = rendered(renderer, **everything)
    hostile = rendered(renderer, **everything | {column: text})
    assert not faults(hostile)
    cluster, calm_cluster = (
        one["spec"]["source"]["helm"]["valuesObject"].pop("cluster") for one in (hostile, calm)
    )
    assert hostile == calm
    assert paths(cluster) == paths(calm_cluster)


def paths(value: Any) -> Any:
    return {key: paths(one) for key, one in value.items()} if isinstance(value, dict) else None


@given(document=documents(), sinks=documents(), routes=st.lists(documents(), max_size=2))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_settings_at_all_change_anything_beside_them(
    renderer: Renderer,
    document: dict[str, Any],
    sinks: dict[str, Any],
    routes: list[Any],
) -> None:
    calm, hostile = (
        rendered(renderer),
        rendered(renderer, settings_json=document | {"eventSinks": sinks, "eventRoutes": routes}),
    )
    told, events = apart(hostile)
    apart(calm)
    assert hostile == calm
    assert told == document
    assert events["config"] == {"eventSinks": sinks, "eventRoutes": routes}


@pytest.mark.parametrize("odd", [None, True, 3, "text", [], [[]], {}, {"a": None}])
def test_settings_of_the_wrong_kind_cost_nobody_their_graph(renderer: Renderer, odd: Any) -> None:
    """The operator deletes the object of a row that it cannot render."""
    for name in ("eventSinks", "eventRoutes"):
        application = rendered(
            renderer, settings_json={name: odd, "a": {"secretKeyRef": odd, "b": odd}}
        )
        assert not faults(application)
