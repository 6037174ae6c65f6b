"""The control plane inside a program of your own: no server, no database.

Run it: python examples/embedding.py
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ktrlplane import (
    ControlPlane,
    Fault,
    Forbidden,
    LastOwner,
    NotFound,
    PageRequest,
    Status,
    ValidationFailed,
    question,
)
from ktrlplane.domain.settings import SettingsSchema
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.schemas import SettingsValidator


def who_may_do_what() -> None:
    control = ControlPlane.in_memory()
    ada = control.sign_in("ada", email="ada@example.com", name="Ada")
    ada.create_organization(id="acme", name="Acme")
    ada.create_project(id="atlas", name="Atlas", org_id="acme")
    graph = ada.create_resource(
        "atlas", name="Factory", type="Konnektr.Graph", sku="free", preset="development"
    )
    assert graph.status is Status.CREATING
    assert ada.check("Konnektr.Graph:models/write", on=graph)

    bob = control.sign_in("bob")
    try:
        bob.resource(graph.resource_id)
        raise AssertionError("a stranger sees nothing")
    except NotFound:
        print("Bob is a stranger: for him there is no such thing.")

    ada.grant("Viewer", to="bob", on="project:atlas")
    assert bob.resource(graph.resource_id) == graph
    try:
        bob.delete_resource(graph.resource_id)
        raise AssertionError("a Viewer deletes nothing")
    except Forbidden as refusal:
        print("Bob is a Viewer now:", refusal.detail)

    # Many questions, one round trip.
    asked = [question(action, on=graph) for action in ("read", "write", "manage_access")]
    assert [verdict.allowed for verdict in bob.check_all(asked)] == [True, False, False]

    # Somebody must remain Owner.
    (mine,) = [
        view.assignment
        for view in ada.assignments("organization:acme").items
        if view.role.name == "Owner"
    ]
    try:
        ada.revoke(mine.assignment_id, on="organization:acme")
        raise AssertionError("somebody must remain")
    except LastOwner as refusal:
        print("Ada cannot leave:", refusal.detail)

    page = ada.resources(PageRequest(limit=10, include_total=True), type="Konnektr.Graph")
    assert page.total == 1


def settings_are_checked() -> None:
    ada = ControlPlane.in_memory().sign_in("ada")
    ada.create_project(id="atlas", name="Atlas")
    sink = {"name": "bus", "brokerList": "kafka:9092", "topic": "twins"}
    try:
        ada.create_resource(
            "atlas",
            name="Too much",
            type="Konnektr.Graph",
            sku="free",
            settings={"eventSinks": {"kafka": [sink]}, "colour": "red"},
        )
        raise AssertionError("a free tier has no event sinks")
    except ValidationFailed as refusal:
        faults = refusal.faults
    for fault in faults:
        print(f"{fault.pointer}: {fault.detail}")
    assert "/settings_json/eventSinks/kafka" in {fault.pointer for fault in faults}


class StoppedClock(Clock):
    """A clock of our own, in place of the machine's: time passes when we say so."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def another_clock() -> None:
    clock = StoppedClock()
    control = ControlPlane.in_memory(clock=clock, deletion_grace=timedelta(hours=1))
    ada, bob = control.sign_in("ada"), control.sign_in("bob")
    ada.create_project(id="atlas", name="Atlas")
    ada.grant("Editor", to="bob", on="project:atlas", expires_at=clock.now() + timedelta(days=7))
    graph = bob.create_resource("atlas", name="Trial", type="Konnektr.Graph", sku="free")
    bob_may_write = bob.check("write", on=graph)

    clock.time += timedelta(days=8)
    assert bob_may_write
    assert not bob.check("write", on=graph)

    # Deleting takes its time; a worker ends it. Here we are the worker.
    ada.delete_resource(graph.resource_id)
    clock.time += timedelta(hours=2)
    control.catch_up()
    assert ada.resource(graph.resource_id).status is Status.DELETED
    print("A week and an hour passed at once.")


class Frugal(SettingsValidator):
    """Another rule in front of the one that is there: nobody gets more than one instance."""

    def __init__(self, inner: SettingsValidator) -> None:
        self.inner = inner

    def violations(self, schema: SettingsSchema, settings: Mapping[str, Any]) -> Sequence[Fault]:
        found = list(self.inner.violations(schema, settings))
        if settings.get("instances", 1) > 1:
            found.append(Fault("/instances", "frugal", "One instance is enough for everybody."))
        return found


def another_validator() -> None:
    shipped = ControlPlane.in_memory().platform.validator
    ada = ControlPlane.in_memory(validator=Frugal(shipped)).sign_in("ada")
    ada.create_project(id="atlas", name="Atlas")
    try:
        ada.create_resource(
            "atlas", name="Big", type="Konnektr.Graph", sku="standard", settings={"instances": 2}
        )
        raise AssertionError("our validator allows one instance")
    except ValidationFailed as refusal:
        (fault,) = refusal.faults
    assert (fault.pointer, fault.code) == ("/settings_json/instances", "frugal")
    print("Our own validator:", fault.detail)


if __name__ == "__main__":
    who_may_do_what()
    settings_are_checked()
    another_clock()
    another_validator()
