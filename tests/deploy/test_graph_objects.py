"""Rows of graphs become Applications."""

import json
from typing import Any

import psycopg
import pytest

from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.services import requests
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from tests.deploy.kubernetes import faults
from tests.deploy.rendering import REPOSITORY, Cluster

pytestmark = pytest.mark.postgres

GRAPH = "graph.yaml", "graph"
EXAMPLE = json.loads((REPOSITORY / "examples" / "graph-standard.json").read_text())


@pytest.fixture
def standard(ada: Session) -> dict[str, Any]:
    """The settings of the graph twins, which is standard."""
    resource = ada.create_resource(
        "plant",
        id="twins",
        name="Twins",
        type="Konnektr.Graph",
        sku="standard",
        settings=EXAMPLE["settings_json"],
    )
    return dict(resource.settings_json.value)


@pytest.fixture
def free(ada: Session) -> None:
    ada.create_resource("plant", id="trial", name="Trial", type="Konnektr.Graph", sku="free")


def values(application: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = application["spec"]["source"]["helm"]["valuesObject"]
    return found


def test_a_standard_graph_is_replicated_and_has_events(
    cluster: Cluster, standard: dict[str, Any]
) -> None:
    (application,) = cluster.of(*GRAPH)
    assert not faults(application)
    assert application["metadata"]["name"] == "twins"
    assert application["metadata"]["namespace"] == "argocd"
    assert application["spec"]["destination"]["namespace"] == "plant"
    given = values(application)
    assert given["cluster"]["cluster"]["instances"] == 3
    assert given["cluster"]["cluster"]["storage"] == {"size": "100Gi"}
    assert given["api"]["enabled"]
    assert given["api"]["httproute"]["hosts"] == ["twins.api.graph.konnektr.io"]
    assert not given["api"]["config"]["parameters"]["rateLimitingEnabled"]
    assert given["events"]["enabled"]
    assert given["events"]["config"] == {
        "eventSinks": standard["eventSinks"],
        "eventRoutes": standard["eventRoutes"],
    }
    told = given["global"]["ktrlplane"]
    assert told["generation"] == 1
    assert told["settings"] == {
        name: value
        for name, value in standard.items()
        if name not in {"eventSinks", "eventRoutes"}
    }


@pytest.mark.usefixtures("free")
def test_a_free_graph_is_one_instance_with_a_rate_limit_and_without_events(
    cluster: Cluster,
) -> None:
    (application,) = cluster.of(*GRAPH)
    assert not faults(application)
    given = values(application)
    assert given["cluster"]["cluster"]["instances"] == 1
    assert given["api"]["config"]["parameters"]["rateLimitingEnabled"]
    assert given["events"] == {"enabled": False}


@pytest.mark.usefixtures("standard")
def test_what_a_free_graph_may_not_have_is_not_given_to_it(
    cluster: Cluster, owner: psycopg.Connection[Any]
) -> None:
    """Even if it stands in the settings."""
    owner.execute("UPDATE ktrlplane.resources SET sku = 'free'")
    (application,) = cluster.of(*GRAPH)
    assert values(application)["events"] == {"enabled": False}
    assert values(application)["cluster"]["cluster"]["instances"] == 1


@pytest.mark.parametrize(("written", "instances"), [("3", 3), ("3.0", 3), ('"x"', 2), ("-1", 1)])
@pytest.mark.usefixtures("standard")
def test_the_number_of_instances_is_one_however_it_is_written(
    cluster: Cluster, owner: psycopg.Connection[Any], written: str, instances: int
) -> None:
    settings = f'{{"instances": {written}}}'
    owner.execute("UPDATE ktrlplane.resources SET settings_text = %s", (settings,))
    (application,) = cluster.of(*GRAPH)
    assert values(application)["cluster"]["cluster"]["instances"] == instances


def test_a_graph_without_settings_has_two_instances(
    cluster: Cluster,
    ada: Session,
    standard: dict[str, Any],
    owner: psycopg.Connection[Any],
) -> None:
    """As those of before, whose settings are empty."""
    owner.execute(
        "UPDATE ktrlplane.resources SET settings_text = '{}', type = 'Konnektr.DigitalTwins'"
    )
    (application,) = cluster.of(*GRAPH)
    assert not faults(application)
    assert values(application)["cluster"]["cluster"] == {"instances": 2}
    assert not values(application)["events"]["enabled"]


@pytest.mark.usefixtures("standard")
def test_a_suspended_graph_keeps_its_disk_and_runs_nothing(
    cluster: Cluster,
    control: ControlPlane,
    ada: Session,
) -> None:
    control.transact(
        lambda work: requests.suspend_resource(
            work, ResourceId("twins"), actor=ada.user.user_id, platform=control.platform
        )
    )
    (application,) = cluster.of(*GRAPH)
    assert not faults(application)
    given = values(application)
    assert given["cluster"]["enabled"]
    assert given["cluster"]["cluster"]["annotations"] == {"cnpg.io/hibernation": "on"}
    assert not given["api"]["enabled"]
    assert not given["events"]["enabled"]
    assert given["global"]["ktrlplane"]["generation"] == 2
    assert given["global"]["ktrlplane"]["suspended"]


@pytest.mark.usefixtures("standard")
def test_a_graph_that_only_looks_suspended_goes_on(
    cluster: Cluster, owner: psycopg.Connection[Any]
) -> None:
    """Argo CD said so, and nobody asked for it."""
    owner.execute("UPDATE ktrlplane.resources SET status = 'Suspended'")
    (application,) = cluster.of(*GRAPH)
    assert values(application)["api"]["enabled"]


@pytest.mark.usefixtures("standard", "free")
def test_what_is_being_deleted_is_not_there_any_more(
    cluster: Cluster,
    ada: Session,
) -> None:
    ada.delete_resource("twins")
    names = [one["metadata"]["name"] for one in cluster.of(*GRAPH)]
    assert names == ["trial"]


@pytest.mark.usefixtures("standard")
def test_a_deletion_shows_in_what_the_operator_watches(
    cluster: Cluster,
    ada: Session,
) -> None:
    """So that it is seen at the next look for changes, and not only at the next full poll."""
    (manifest,) = cluster.renderer.manifests("graph.yaml")
    watched = manifest["spec"]["changeDetection"]
    newest = f"SELECT max({watched['timestampColumn']}) FROM {watched['tableName']}".encode()
    before = cluster.operator.execute(newest).fetchone()
    ada.delete_resource("twins")
    after = cluster.operator.execute(newest).fetchone()
    assert before is not None
    assert after is not None
    assert after > before


def test_a_secret_stays_a_reference_and_those_of_the_platform_are_out_of_reach(
    cluster: Cluster,
    ada: Session,
) -> None:
    def sink(name: str, secret: str) -> dict[str, Any]:
        return {
            "name": name,
            "url": "https://example.com",
            "authenticationType": "Bearer",
            "token": {"valueFrom": {"secretKeyRef": {"name": secret, "key": "clientSecret"}}},
        }

    wanted = [sink("a", "mine"), sink("b", "auth0-secret"), sink("c", "konnektr-graph")]
    settings = {
        "eventSinks": {"webhook": wanted},
        "eventRoutes": [{"name": "r", "sinkName": "a"}],
    }
    ada.create_resource(
        "plant", name="Sly", type="Konnektr.Graph", sku="standard", settings=settings
    )
    (application,) = cluster.of(*GRAPH)
    sinks = values(application)["events"]["config"]["eventSinks"]["webhook"]
    assert [one["token"]["valueFrom"]["secretKeyRef"]["name"] for one in sinks] == [
        "mine",
        "refused-auth0-secret",
        "refused-konnektr-graph",
    ]
