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


def rendered(renderer: Renderer, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    return renderer.objects("graph.yaml", "graph", [ROW | change for change in changes])


def apart(application: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The settings that are handed on, and the events; both are gone from the application."""
    values = application["spec"]["source"]["helm"]["valuesObject"]
    return values["global"]["ktrlplane"].pop("settings"), values.pop("events")


def test_a_hostile_text_stays_where_it_was_put(renderer: Renderer) -> None:
    kept = {text: {text: [text, {text: text}]} for text in TEXTS}
    sinks = {text: {text: [{"name": text}]} for text in TEXTS}
    routes = {text: [{"name": text, "typeMappings": {text: text}}] for text in TEXTS}
    calm, *hostile = rendered(
        renderer,
        {},
        *(
            {
                "settings_json": kept[text]
                | {"eventSinks": sinks[text], "eventRoutes": routes[text]}
            }
            for text in TEXTS
        ),
    )
    apart(calm)
    for text, application in zip(TEXTS, hostile, strict=True):
        assert not faults(application)
        assert apart(application) == (
            kept[text],
            {
                "enabled": True,
                "config": {"eventSinks": sinks[text], "eventRoutes": routes[text]},
            },
        )
        assert application == calm


@pytest.mark.parametrize("column", COLUMNS)
def test_a_hostile_text_in_a_column_is_a_value_of_one_field(
    renderer: Renderer, column: str
) -> None:
    everything = dict.fromkeys(COLUMNS, "1")
    texts = [text for text in TEXTS if text]
    calm, *hostile = rendered(
        renderer, everything, *(everything | {column: text} for text in texts)
    )
    calm_cluster = calm["spec"]["source"]["helm"]["valuesObject"].pop("cluster")
    for application in hostile:
        assert not faults(application)
        cluster = application["spec"]["source"]["helm"]["valuesObject"].pop("cluster")
        assert application == calm
        assert paths(cluster) == paths(calm_cluster)


def paths(value: Any) -> Any:
    return {key: paths(one) for key, one in value.items()} if isinstance(value, dict) else None


@given(document=documents(), sinks=documents(), routes=st.lists(documents(), max_size=2))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_settings_at_all_change_anything_beside_them(
    renderer: Renderer,
    document: dict[str, Any],
    sinks: dict[str, Any],
    routes: list[Any],
) -> None:
    settings_json = document | {"eventSinks": sinks, "eventRoutes": routes}
    calm, hostile = rendered(renderer, {}, {"settings_json": settings_json})
    told, events = apart(hostile)
    apart(calm)
    assert hostile == calm
    assert told == document
    assert events["config"] == {"eventSinks": sinks, "eventRoutes": routes}


@pytest.mark.parametrize("odd", [None, True, 3, "text", [], [[]], {}, {"a": None}])
def test_settings_of_the_wrong_kind_cost_nobody_their_graph(renderer: Renderer, odd: Any) -> None:
    """The operator deletes the object of a row that it cannot render."""
    secret = {"secretKeyRef": odd, "b": odd}
    for application in rendered(
        renderer,
        {"settings_json": {"eventSinks": odd, "a": secret}},
        {"settings_json": {"eventRoutes": odd}},
    ):
        assert not faults(application)
