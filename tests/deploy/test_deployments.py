"""Rows of flows, assemblers and compasses become Deployments and what belongs to them."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import psycopg
import pytest

from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.services import requests
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from tests.deploy.hostile import TEXTS
from tests.deploy.kubernetes import faults
from tests.deploy.rendering import Cluster

pytestmark = pytest.mark.postgres

TYPES: Final = ("Flow", "Assembler", "Compass")
PRESETS: Final = ("development", "staging", "production")
PARTS: Final = ("", "-service", "-route")

Made = dict[str, Any]


def create(ada: Session, kind: str, settings: Mapping[str, Any], sku: str = "standard") -> None:
    ada.create_resource(
        "plant", id="one", name="One", type=f"Konnektr.{kind}", sku=sku, settings=settings
    )


def made(cluster: Cluster, kind: str, part: str = "") -> Made:
    name = kind.lower()
    (only,) = cluster.of(f"{name}.yaml", name + part)
    assert not faults(only)
    return only


def container(deployment: Made) -> Made:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    found: Made = only
    return found


def environment(deployment: Made) -> dict[str, Any]:
    """What is in force in the container: each variable once, as Kubernetes expands it; a secret
    as its reference."""
    given = container(deployment)["env"]
    names = [one["name"] for one in given]
    assert len(set(names)) == len(names)
    values: dict[str, Any] = {}
    for one in given:
        text = one.get("value")
        values[one["name"]] = one["valueFrom"] if text is None else expanded(text, values)
    return values


def expanded(text: str, known: Mapping[str, Any]) -> str:
    """As the kubelet does: $$ is $, $(NAME) is another variable where there is one."""
    return re.sub(
        r"\$\$|\$\(([^)]*)\)",
        lambda found: "$" if found[1] is None else str(known.get(found[1], found[0])),
        text,
    )


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("part", PARTS)
def test_every_preset_becomes_what_kubernetes_takes(
    cluster: Cluster,
    ada: Session,
    kind: str,
    preset: str,
    part: str,
) -> None:
    sku = "free" if preset == "development" else "standard"
    ada.create_resource(
        "plant", id="one", name="One", type=f"Konnektr.{kind}", sku=sku, preset=preset
    )
    thing = made(cluster, kind, part)
    assert (thing["metadata"]["name"], thing["metadata"]["namespace"]) == ("one", "plant")
    assert thing["metadata"]["labels"]["konnektr.io/resource-id"] == "one"


@pytest.mark.parametrize("kind", TYPES)
def test_settings_reach_the_product_as_they_are(cluster: Cluster, ada: Session, kind: str) -> None:
    create(ada, kind, {})
    deployment = made(cluster, kind)
    wanted = {
        name: value
        for name, value in ada.resource("one").settings_json.value.items()
        if name != "environment"
    }
    given = environment(deployment)
    assert json.loads(given["SETTINGS"]) == wanted
    assert (given["RESOURCE_ID"], given["PROJECT_ID"], given["SKU"]) == (
        "one",
        "plant",
        "standard",
    )


@pytest.mark.parametrize("kind", TYPES)
def test_a_service_leads_to_the_pods_and_a_route_to_the_service(
    cluster: Cluster, ada: Session, kind: str
) -> None:
    create(ada, kind, {})
    deployment = made(cluster, kind)
    service = made(cluster, kind, "-service")
    route = made(cluster, kind, "-route")
    template = deployment["spec"]["template"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= template["metadata"]["labels"].items()
    assert service["spec"]["selector"] == selector
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in {one["name"] for one in container(deployment)["ports"]}
    (rule,) = route["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": service["metadata"]["name"], "port": port["port"]}]
    assert route["spec"]["hostnames"] == [
        deployment["metadata"]["annotations"]["konnektr.io/host"]
    ]


@pytest.mark.parametrize("kind", TYPES)
def test_each_generation_rolls_out(cluster: Cluster, ada: Session, kind: str) -> None:
    create(ada, kind, {}, sku="free")
    for generation in (1, 2):
        template = made(cluster, kind)["spec"]["template"]
        assert template["metadata"]["annotations"] == {"konnektr.io/generation": str(generation)}
        ada.update_resource("one", sku="standard")


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_suspended_is_scaled_to_nothing_and_kept(
    cluster: Cluster,
    control: ControlPlane,
    ada: Session,
    kind: str,
) -> None:
    scaling = {"scaling": {"enabled": True, "min": 2, "max": 5}}
    create(ada, kind, scaling if kind == "Flow" else {})
    control.transact(
        lambda work: requests.suspend_resource(
            work, ResourceId("one"), actor=ada.user.user_id, platform=control.platform
        )
    )
    assert made(cluster, kind)["spec"]["replicas"] == 0
    made(cluster, kind, "-service")
    assert not cluster.of("flow.yaml", "flow-scaler")


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_being_deleted_leaves_nothing(cluster: Cluster, ada: Session, kind: str) -> None:
    scaling = {"scaling": {"enabled": True}}
    create(ada, kind, scaling if kind == "Flow" else {})
    ada.delete_resource("one")
    file = f"{kind.lower()}.yaml"
    for manifest in cluster.renderer.manifests(file):
        assert not cluster.of(file, manifest["metadata"]["name"])


def test_a_flow_has_the_replicas_and_the_size_that_are_wanted(
    cluster: Cluster,
    ada: Session,
) -> None:
    create(ada, "Flow", {"replicas": 4, "cpu": "2", "memory": "4Gi"})
    deployment = made(cluster, "Flow")
    assert deployment["spec"]["replicas"] == 4
    assert container(deployment)["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}
    assert not cluster.of("flow.yaml", "flow-scaler")


def test_a_number_is_the_same_however_it_is_written(cluster: Cluster, ada: Session) -> None:
    scaling = {"enabled": False, "min": 2.0, "max": 8.0, "targetCpuPercent": 60.0}
    create(ada, "Flow", {"replicas": 4.0, "scaling": scaling})
    assert made(cluster, "Flow")["spec"]["replicas"] == 4
    ada.update_resource("one", settings={"scaling": {"enabled": True}})
    scaler = made(cluster, "Flow", "-scaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 8)
    (metric,) = scaler["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 60


def test_a_flow_that_scales_leaves_the_number_of_replicas_to_the_scaler(
    cluster: Cluster,
    ada: Session,
) -> None:
    scaling = {"enabled": True, "min": 2, "max": 8, "targetCpuPercent": 60}
    create(ada, "Flow", {"scaling": scaling})
    assert "replicas" not in made(cluster, "Flow")["spec"]
    scaler = made(cluster, "Flow", "-scaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 8)
    assert scaler["scaleTargetRef"]["name"] == "one"
    (metric,) = scaler["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 60


def secret(name: str, key: str = "token") -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def test_a_flows_variables_take_the_place_of_none_and_secrets_stay_references(
    cluster: Cluster,
    ada: Session,
) -> None:
    given: dict[str, Any] = {
        "SETTINGS": {"value": "mine"},
        "PATH": {"value": ""},
        "ERP": secret("erp"),
        "SLY": secret("auth0-secret"),
        "SLIER": secret("konnektr-flow"),
    }
    create(ada, "Flow", {"environment": given})
    found = environment(made(cluster, "Flow"))
    assert json.loads(found["SETTINGS"])["replicas"] == 1
    assert "PATH" not in found
    assert found["VARIABLE_SETTINGS"] == "mine"
    assert found["VARIABLE_PATH"] == ""
    assert found["VARIABLE_ERP"] == secret("erp")["valueFrom"]
    assert found["VARIABLE_SLY"] == secret("refused-auth0-secret")["valueFrom"]
    assert found["VARIABLE_SLIER"] == secret("refused-konnektr-flow")["valueFrom"]


def test_a_hostile_variable_is_a_value_and_nothing_else(
    cluster: Cluster,
    ada: Session,
) -> None:
    texts = {f"T{number}": text[:4096] for number, text in enumerate(TEXTS)}
    create(ada, "Flow", {})
    calm = made(cluster, "Flow")
    everything = {name: {"value": text} for name, text in texts.items()}
    ada.update_resource("one", settings={"environment": everything})
    hostile = made(cluster, "Flow")
    found = environment(hostile)
    assert {name: found[f"VARIABLE_{name}"] for name in texts} == texts
    for one in (calm, hostile):
        container(one)["env"] = []
        one["spec"]["template"]["metadata"]["annotations"] = {}
    assert hostile == calm


def test_an_assemblers_credentials_are_references_by_the_number_of_their_source(
    cluster: Cluster,
    ada: Session,
) -> None:
    sources = [
        {"name": "a", "kind": "http", "address": "https://example.com", "token": secret("a")},
        {
            "name": "b",
            "kind": "sql",
            "address": "postgresql://db.example.com/plant",
            "selection": 'x\u2028" $(SOURCE_0_TOKEN): {{ evil }}',
            "username": secret("b", "user"),
            "password": secret("konnektr-db"),
        },
    ]
    create(ada, "Assembler", {"dataSources": sources})
    found = environment(made(cluster, "Assembler"))
    assert found["SOURCE_0_TOKEN"] == secret("a")["valueFrom"]
    assert found["SOURCE_1_USERNAME"] == secret("b", "user")["valueFrom"]
    assert found["SOURCE_1_PASSWORD"] == secret("refused-konnektr-db")["valueFrom"]
    told = json.loads(found["SETTINGS"])["dataSources"]
    assert told[1]["selection"] == sources[1]["selection"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("odd", ["null", "true", "3", '"text"', "[]", "[[]]", "{}", '{"a": null}'])
def test_settings_of_the_wrong_kind_cost_nobody_their_deployment(
    cluster: Cluster,
    ada: Session,
    owner: psycopg.Connection[Any],
    kind: str,
    odd: str,
) -> None:
    """The operator deletes the object of a row that it cannot render."""
    create(ada, kind, {})
    names = ("environment", "scaling", "replicas", "dataSources", "graph")
    document = ", ".join(f'"{name}": {odd}' for name in names)
    owner.execute("UPDATE ktrlplane.resources SET settings_text = %s", (f"{{{document}}}",))
    made(cluster, kind)
