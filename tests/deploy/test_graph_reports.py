"""What is told of a graph, by what Argo CD says of its Application."""

from typing import Any

import pytest

from ktrlplane.domain.lifecycle import Status
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from tests.deploy.reporting import Reporter, Told

pytestmark = pytest.mark.postgres

GRAPH = "graph.yaml", "graph"


def source(generation: Any, **told: Any) -> dict[str, Any]:
    values = {"global": {"ktrlplane": {"generation": generation, **told}}}
    return {"helm": {"valuesObject": values}}


def application(
    *,
    compared: Any = 2,
    sync: str = "Synced",
    health: str = "Healthy",
    wanted: Any = 2,
    suspended: bool = False,
    deleting: bool = False,
    **status: Any,
) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "twins",
            "annotations": {"konnektr.io/host": "twins.example.com"},
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}),
        },
        "spec": {"source": source(wanted)},
        "status": {
            "sync": {
                "status": sync,
                "comparedTo": {"source": source(compared, suspended=suspended)},
            },
            "health": {"status": health},
            **status,
        },
    }


def told(reporter: Reporter, thing: dict[str, Any]) -> tuple[str, int | None, str | None]:
    report = reporter.reports(*GRAPH, [thing])[-1]
    return report.health, report.observed_generation, report.message


def failed(generation: int, phase: str = "Failed") -> dict[str, Any]:
    return {
        "phase": phase,
        "message": "one or more objects failed to apply",
        "syncResult": {"source": source(generation)},
    }


def test_a_graph_that_runs_as_wanted_is_healthy_and_has_an_address(reporter: Reporter) -> None:
    assert reporter.reports(*GRAPH, [application()]) == [
        Told(
            resource_id="twins",
            health="Healthy",
            observed_generation=2,
            message="",
            access_url="https://twins.example.com",
        )
    ]


@pytest.mark.parametrize(
    "health", ["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]
)
def test_of_what_is_synced_argo_cds_word_is_told(reporter: Reporter, health: str) -> None:
    assert told(reporter, application(health=health)) == (health, 2, "")


def test_a_word_about_the_old_settings_is_told_of_the_old_generation(reporter: Reporter) -> None:
    """The Application has the new ones; Argo CD has not looked at them yet."""
    assert told(reporter, application(wanted=3, compared=2)) == ("Healthy", 2, "")


@pytest.mark.parametrize("sync", ["OutOfSync", "Unknown"])
@pytest.mark.parametrize("health", ["Healthy", "Degraded", "Missing", "Suspended"])
def test_what_is_not_synced_is_under_way_however_it_does(
    reporter: Reporter, sync: str, health: str
) -> None:
    assert told(reporter, application(sync=sync, health=health)) == ("Progressing", 2, "")


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_sync_that_has_failed_is_told_with_its_reason(reporter: Reporter, phase: str) -> None:
    thing = application(sync="OutOfSync", operationState=failed(2, phase))
    assert told(reporter, thing) == ("Degraded", 2, "one or more objects failed to apply")


def test_the_failure_of_an_earlier_sync_is_not_told_of_the_new_one(reporter: Reporter) -> None:
    thing = application(sync="OutOfSync", operationState=failed(1))
    assert told(reporter, thing) == ("Progressing", 2, "")


def test_a_failure_that_is_over_is_over(reporter: Reporter) -> None:
    assert told(reporter, application(operationState=failed(2))) == ("Healthy", 2, "")


def test_what_keeps_argo_cd_from_comparing_is_told(reporter: Reporter) -> None:
    conditions = [
        {"type": "ComparisonError", "message": "the chart is not there"},
        {"type": "OrphanedResourceWarning", "message": "no matter"},
    ]
    thing = application(sync="Unknown", conditions=conditions)
    assert told(reporter, thing) == ("Progressing", 2, "the chart is not there")


def test_what_is_suspended_as_wanted_is_told_so(reporter: Reporter) -> None:
    assert told(reporter, application(suspended=True)) == ("Suspended", 2, "")


@pytest.mark.parametrize("health", ["Healthy", "Missing"])
def test_what_is_being_deleted_is_not_told_to_be_gone(reporter: Reporter, health: str) -> None:
    """One missing thing makes an Application Missing, with all others still there."""
    assert told(reporter, application(health=health, deleting=True)) == ("Progressing", 2, "")


@pytest.mark.parametrize("status", [{}, {"sync": {}}, {"health": {"status": "Healthy"}}])
def test_of_what_argo_cd_has_not_looked_at_no_generation_is_told(
    reporter: Reporter, status: dict[str, Any]
) -> None:
    thing = application()
    thing["status"] = status
    health, generation, _ = told(reporter, thing)
    assert (health, generation) == ("Progressing", 0)


@pytest.mark.parametrize(
    ("written", "expected"),
    [(3, 3), (3.0, 3), ("3", 3), (None, 0), ("3); DROP TABLE ktrlplane.reports; --", 0), ({}, 0)],
)
def test_a_generation_is_a_number_whatever_stands_there(
    reporter: Reporter, written: Any, expected: int
) -> None:
    assert told(reporter, application(compared=written))[1] == expected


def test_a_graph_goes_from_its_creation_through_a_change_by_what_is_told(
    reporter: Reporter, control: ControlPlane, ada: Session
) -> None:
    """From the row to the Application, and from what Argo CD says of that to the status."""
    ada.create_resource("plant", id="twins", name="Twins", type="Konnektr.Graph", sku="free")

    def status_after(thing: dict[str, Any]) -> Status:
        told(reporter, thing)
        control.catch_up()
        return ada.resource("twins").status

    def seen(sync: str, compared: dict[str, Any]) -> dict[str, Any]:
        (made,) = reporter.cluster.of(*GRAPH)
        compared_to = {"source": compared["spec"]["source"]}
        status = {"health": {"status": "Healthy"}}
        return made | {"status": status | {"sync": {"status": sync, "comparedTo": compared_to}}}

    (first,) = reporter.cluster.of(*GRAPH)
    assert status_after(first) is Status.CREATING
    assert status_after(seen("OutOfSync", first)) is Status.CREATING
    assert status_after(seen("Synced", first)) is Status.RUNNING
    assert ada.resource("twins").access_url == "https://twins.api.graph.konnektr.io"
    ada.update_resource("twins", settings={"cpu": "1"})
    (second,) = reporter.cluster.of(*GRAPH)
    assert status_after(seen("Synced", first)) is Status.UPDATING
    assert status_after(seen("OutOfSync", second)) is Status.UPDATING
    assert status_after(seen("Synced", second)) is Status.RUNNING
    assert ada.resource("twins").observed_generation == 2
