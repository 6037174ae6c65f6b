from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.lifecycle import Status
from ktrlplane.entrypoints.container.payments import simulated_customer
from ktrlplane.entrypoints.demo import PEOPLE, Pass, fill_in, introduction
from ktrlplane.entrypoints.library import ControlPlane

ORCHARD = Path(__file__).parent.parent / "catalogs" / "orchard"


def mint(sub: str, **_: Any) -> str:
    return f"token-of-{sub}"


@pytest.fixture(params=[default_catalog(), ORCHARD], ids=lambda path: path.name)
def catalog(request: pytest.FixtureRequest) -> Catalog:
    return load_catalog(request.param, JsonSchemaValidator())


@pytest.fixture
def control(catalog: Catalog) -> ControlPlane:
    return ControlPlane.in_memory(catalog=catalog)


def filled(control: ControlPlane) -> list[Pass]:
    return list(
        fill_in(
            control.transact,
            control.platform,
            mint,
            partial(simulated_customer, control.container.payments()),
        )
    )


def seen(control: ControlPlane) -> dict[str, Any]:
    """Everything that the four see, by person."""
    sessions = [control.sign_in(person.user_id) for person in PEOPLE]
    return {
        str(session.user.user_id): (
            [(o.org_id, o.name) for o in session.organizations().items],
            [(p.project_id, p.name) for p in session.projects().items],
            [(r.resource_id, r.name, r.status) for r in session.resources().items],
        )
        for session in sessions
    }


def test_every_type_is_there_in_several_states(control: ControlPlane, catalog: Catalog) -> None:
    filled(control)
    sessions = [control.sign_in(person.user_id) for person in PEOPLE]
    resources = {r.resource_id: r for s in sessions for r in s.resources().items}.values()
    assert {r.type for r in resources} == {kind.type for kind in catalog.resource_types}
    for kind in catalog.resource_types:
        assert len({r.status for r in resources if r.type == kind.type}) > 2
    assert {r.status for r in resources} >= {
        Status.RUNNING,
        Status.UPDATING,
        Status.FAILED,
        Status.DEGRADED,
        Status.CREATING,
        Status.DELETING,
    }
    assert len({o.org_id for s in sessions for o in s.organizations().items}) == 2


def test_each_may_do_what_the_table_says(control: ControlPlane) -> None:
    filled(control)
    may = {
        str(person.user_id): [
            action
            for action in ("read", "write", "manage_access")
            if control.sign_in(person.user_id).check(action, on="organization:northwind-energy")
        ]
        for person in PEOPLE
    }
    assert may == {
        "ada.okafor": ["read", "write", "manage_access"],
        "ben.lindqvist": ["read", "write"],
        "chloe.marchetti": [],
        "dev.anand": [],
    }


def test_twice_adds_nothing_and_keeps_what_people_did(control: ControlPlane) -> None:
    filled(control)
    ada = control.sign_in("ada.okafor")
    ada.update_project("northwind-sandbox", name="Playground")
    ada.delete_project("northwind-production", cascade=True)
    before = seen(control)
    filled(control)
    assert seen(control) == before


def test_a_second_time_is_told_as_what_it_is(control: ControlPlane) -> None:
    filled(control)
    with capture_logs() as logs:
        filled(control)
    (told,) = [entry["reason"] for entry in logs if entry["event"] == "demo_left_alone"]
    assert told.startswith("The demo data are there already")


def test_an_organization_that_somebody_deleted_does_not_come_back(control: ControlPlane) -> None:
    filled(control)
    control.sign_in("ada.okafor").delete_organization("northwind-energy", cascade=True)
    before = seen(control)
    filled(control)
    assert seen(control) == before


def test_an_id_that_is_taken_leaves_no_half_of_it(control: ControlPlane) -> None:
    control.sign_in("eve").create_project(id="dev-playground", name="Mine")
    filled(control)
    assert not control.sign_in("ada.okafor").organizations().items


def test_everybody_gets_a_token_and_there_is_something_to_paste(control: ControlPlane) -> None:
    lines = list(introduction("http://127.0.0.1:8080", filled(control)))
    for person in PEOPLE:
        (row,) = [line for line in lines if line.startswith(person.name)]
        assert row.endswith(f"token-of-{person.user_id}")
    assert len([line for line in lines if line.startswith("curl ")]) == 3
