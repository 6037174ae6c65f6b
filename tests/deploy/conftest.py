from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.deploy import rendering
from tests.deploy.rendering import Cluster, Renderer
from tests.deploy.reporting import Reporter
from tests.go_programs import CannotBuild
from tests.paying import free_of_charge


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    try:
        return rendering.renderer()
    except CannotBuild as exc:
        pytest.skip(f"The manifests are not rendered. {exc}")


@pytest.fixture
def control(postgres_units: UnitsOfWork) -> ControlPlane:
    catalog = load_catalog(default_catalog(), JsonSchemaValidator())
    return ControlPlane(units=postgres_units, catalog=free_of_charge(catalog))


@pytest.fixture
def ada(control: ControlPlane) -> Session:
    """Who owns the organization acme, the project plant in it, and the project garage, which is
    in none."""
    ada = control.sign_in("ada", email="ada@example.com", name="Ada")
    ada.create_organization(id="acme", name="Acme")
    ada.create_project(id="plant", name="Plant", org_id="acme")
    ada.create_project(id="garage", name="Garage")
    return ada


@pytest.fixture
def owner(migrated_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def operator(migrated_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A member of the operator's role, and nothing more."""
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("SET ROLE ktrlplane_operator")
        yield connection


@pytest.fixture
def cluster(
    renderer: Renderer, operator: psycopg.Connection[Any], postgres_units: UnitsOfWork
) -> Cluster:
    return Cluster(renderer, operator)


@pytest.fixture
def reporter(cluster: Cluster, owner: psycopg.Connection[Any]) -> Reporter:
    return Reporter(cluster, owner)
