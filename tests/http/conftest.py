import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.domain.catalog import Catalog
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.http.world import Caller, World, a_world
from tests.paying import free_of_charge
from tests.witness import WitnessingUnits

ORCHARD = Path(__file__).parent.parent / "catalogs" / "orchard"


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> Iterator[None]:
    """Without pictures of every frame, which take a second each."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def catalogs() -> dict[str, Catalog]:
    validator = JsonSchemaValidator()
    return {
        "shipped": load_catalog(default_catalog(), validator),
        "orchard": load_catalog(ORCHARD, validator),
    }


@pytest.fixture
def catalog(request: pytest.FixtureRequest, catalogs: dict[str, Catalog]) -> Catalog:
    """The shipped one, unless the module is ``on_both_catalogs``; free of charge, unless it is
    ``priced``."""
    found = catalogs[getattr(request, "param", "shipped")]
    is_priced = request.node.get_closest_marker("priced") is not None
    return found if is_priced else free_of_charge(found)


@pytest.fixture
def units(request: pytest.FixtureRequest) -> UnitsOfWork:
    """In memory, unless the module is ``on_both_stores``."""
    stores = getattr(request, "param", "memory")
    if stores == "memory":
        return WitnessingUnits()
    units: UnitsOfWork = request.getfixturevalue(f"{stores}_units")
    return units


@pytest.fixture
def world(units: UnitsOfWork, catalog: Catalog) -> World:
    return a_world(units, catalog)


@pytest.fixture
def ada(world: World) -> Caller:
    """Who makes things here."""
    return world.person("ada")


@pytest.fixture
def grace(world: World) -> Caller:
    """Known, and nothing more."""
    grace = world.person("grace")
    grace.sees("/users/me")
    return grace


@pytest.fixture
def nobody(world: World) -> Caller:
    return world.nobody


@pytest.fixture
def acme(ada: Caller) -> Any:
    """Ada's organization."""
    return ada.makes("/organizations", {"id": "acme", "name": "Acme"})


@pytest.fixture
def plant(ada: Caller, acme: Any) -> Any:
    """A project in it."""
    return ada.makes("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"})


@pytest.fixture
def one(world: World, ada: Caller, plant: Any) -> Any:
    """A resource in that."""
    return ada.makes("/projects/plant/resources", world.wish("one"))


@pytest.fixture
def in_service() -> Iterator[None]:
    """As a server that does not tell of every request, which takes shorter ways."""
    before = structlog.get_config()
    quiet = structlog.make_filtering_bound_logger(logging.INFO)
    structlog.configure(**before | {"wrapper_class": quiet})
    yield
    structlog.configure(**before)
