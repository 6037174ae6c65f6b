"""What is told of a flow, an assembler or a compass, by what Kubernetes says of its Deployment."""

from typing import Any

import pytest

from ktrlplane.domain.lifecycle import Status
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from tests.deploy.reporting import Reporter, Told

pytestmark = pytest.mark.postgres

FLOW = "flow.yaml", "flow"


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


COMPLETE = condition("Progressing", "True", "NewReplicaSetAvailable")
UNDER_WAY = condition("Progressing", "True", "ReplicaSetUpdated")
LATE = condition("Progressing", "False", "ProgressDeadlineExceeded", "It has timed out.")
THERE = condition("Available", "True", "MinimumReplicasAvailable")
NOT_THERE = condition("Available", "False", "MinimumReplicasUnavailable")
REFUSED = condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota")


def deployment(
    *conditions: dict[str, str],
    generation: Any = "4",
    replicas: int | None = 2,
    spec: int = 9,
    observed: int = 9,
    total: int = 2,
    updated: int = 2,
    available: int = 2,
    **more: Any,
) -> dict[str, Any]:
    """``spec`` and ``observed`` are Kubernetes' generations, ``generation`` is ours."""
    annotations = {} if generation is None else {"konnektr.io/generation": generation}
    counts = {"replicas": total, "updatedReplicas": updated, "availableReplicas": available}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "one",
            "generation": spec,
            "annotations": {"konnektr.io/host": "one.example.com"},
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if more.get("deleting") else {}),
        },
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            **({"paused": True} if more.get("paused") else {}),
            "template": {"metadata": {"annotations": annotations}},
        },
        "status": {
            "observedGeneration": observed,
            # Kubernetes leaves out what is zero.
            **{name: count for name, count in counts.items() if count},
            "conditions": list(conditions),
        },
    }


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (deployment(COMPLETE, THERE), ("Healthy", 4, "")),
        (
            deployment(UNDER_WAY, THERE, total=3, updated=1),
            ("Progressing", 4, "1 of 2 replicas are as they should be."),
        ),
        (
            deployment(UNDER_WAY, THERE, total=3),
            ("Progressing", 4, "1 replicas of before are still there."),
        ),
        (
            deployment(UNDER_WAY, NOT_THERE, available=1),
            ("Progressing", 4, "1 of 2 replicas are available."),
        ),
        (deployment(LATE, NOT_THERE, available=0), ("Degraded", 4, "It has timed out.")),
        (deployment(UNDER_WAY, REFUSED, updated=1), ("Degraded", 4, "exceeded quota")),
        (
            deployment(COMPLETE, NOT_THERE, available=0),
            ("Degraded", 4, "0 of 2 replicas are available."),
        ),
        (
            deployment(COMPLETE, THERE, available=1),
            ("Progressing", 4, "1 of 2 replicas are available."),
        ),
        (
            deployment(THERE, replicas=0, total=0, updated=0, available=0),
            ("Suspended", 4, ""),
        ),
        (
            deployment(THERE, replicas=0, total=1, updated=0, available=1),
            ("Progressing", 4, "1 replicas of before are still there."),
        ),
        (deployment(paused=True), ("Suspended", 4, "The Deployment is paused.")),
        (deployment(COMPLETE, THERE, deleting=True), ("Progressing", 4, "")),
        (deployment(COMPLETE, THERE, replicas=None, total=1, updated=1), ("Healthy", 4, "")),
    ],
)
def test_the_health_of_a_deployment_is_told_in_argo_cds_words(
    reporter: Reporter, thing: dict[str, Any], expected: tuple[str, int, str]
) -> None:
    assert reporter.reports(*FLOW, [thing]) == [
        Told(
            resource_id="one",
            health=expected[0],
            observed_generation=expected[1],
            message=expected[2],
            access_url="https://one.example.com",
        )
    ]


@pytest.mark.parametrize("status", [COMPLETE, LATE])
def test_what_has_not_been_seen_yet_is_told_of_no_generation(
    reporter: Reporter, status: dict[str, str]
) -> None:
    (told,) = reporter.reports(*FLOW, [deployment(status, observed=8)])
    assert (told.health, told.observed_generation, told.message) == ("Progressing", 0, "")


def test_a_new_deployment_is_told_of_no_generation(reporter: Reporter) -> None:
    thing = deployment()
    thing["status"] = {}
    (told,) = reporter.reports(*FLOW, [thing])
    assert (told.health, told.observed_generation) == ("Progressing", 0)


@pytest.mark.parametrize("written", [None, "", "x", "4'); DROP TABLE ktrlplane.reports; --"])
def test_a_generation_is_a_number_whatever_stands_there(reporter: Reporter, written: Any) -> None:
    (told,) = reporter.reports(*FLOW, [deployment(COMPLETE, THERE, generation=written)])
    assert told.observed_generation == 0


def test_a_flow_goes_from_its_creation_through_a_change_and_a_failure_by_what_is_told(
    reporter: Reporter, control: ControlPlane, ada: Session
) -> None:
    ada.create_resource("plant", id="one", name="One", type="Konnektr.Flow", sku="standard")

    def status_after(*conditions: dict[str, str], observed: int = 9, **counts: Any) -> Status:
        (made,) = reporter.cluster.of(*FLOW)
        seen = deployment(*conditions, observed=observed, **counts)
        thing = made | {"status": seen["status"]}
        thing["metadata"]["generation"] = 9
        reporter.reports(*FLOW, [thing])
        control.catch_up()
        return ada.resource("one").status

    one = {"total": 1, "updated": 1, "available": 1}
    assert status_after(UNDER_WAY, total=1, updated=1, available=0) is Status.CREATING
    assert status_after(COMPLETE, THERE, **one) is Status.RUNNING
    assert ada.resource("one").access_url == "https://one.flow.konnektr.io"
    ada.update_resource("one", settings={"cpu": "1"})
    assert status_after(COMPLETE, THERE, observed=8, **one) is Status.UPDATING
    assert status_after(COMPLETE, THERE, **one) is Status.RUNNING
    ada.update_resource("one", settings={"cpu": "2"})
    assert status_after(LATE, NOT_THERE, total=2, updated=1, available=1) is Status.DEGRADED
    assert ada.resource("one").status_reason == "It has timed out."
