import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from ktrlplane.adapters.embedded import EmbeddedPostgres
from ktrlplane.adapters.postgres.decisions import Decisions
from ktrlplane.adapters.postgres.listening import Listener
from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import Pool, open_pool
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.ports.database import DatabaseUnavailable
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.postgres import Databases, databases_on, empty
from tests.predecessor.content import fill, set_time_zone

# How long something takes is the machine's: a slow one is no fault.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers that run tests beside each other tell them apart by name, and of those that share
    one (made from the API document) they would run only the first."""
    if not hasattr(config, "workerinput"):
        return
    named = Counter(item.nodeid for item in items)
    shared = [name for name, count in named.items() if count > 1]
    if shared:
        raise pytest.UsageError(f"run these in one process, they share a name: {shared}")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A connection string whose user may create databases."""
    given = os.environ.get("KTRLPLANE_TEST_DATABASE")
    if given:
        yield given
        return
    opening = EmbeddedPostgres(tmp_path_factory.mktemp("postgres_server"), fsync=False).open()
    try:
        url = opening.__enter__()
    except DatabaseUnavailable as exc:
        pytest.skip(f"No PostgreSQL for the tests. {exc}")
    try:
        yield url
    finally:
        opening.__exit__(None, None, None)


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Iterator[Databases]:
    with databases_on(postgres_server) as made:
        yield made


@pytest.fixture(scope="session")
def database_template() -> str | None:
    """What ``fresh_database`` is a copy of: a connection string, or None for an empty one."""
    return None


@pytest.fixture
def fresh_database(databases: Databases, database_template: str | None) -> Iterator[str]:
    """A connection string of a database that only this test uses."""
    url = databases.make_database(database_template)
    yield url
    databases.drop_database(url)


@pytest.fixture(scope="session")
def former_template(databases: Databases) -> str:
    """A connection string of a database of the system that KtrlPlane replaces."""
    url = databases.make_database()
    fill(url)
    return url


@pytest.fixture
def former_database(databases: Databases, former_template: str) -> Iterator[str]:
    """A connection string of a copy of it that only this test uses, far from UTC."""
    url = databases.make_database(former_template)
    set_time_zone(url, "Asia/Tokyo")
    yield url
    databases.drop_database(url)


@pytest.fixture(scope="session")
def migrated_database(databases: Databases) -> str:
    """A connection string of a database at the current schema, which the tests share."""
    url = databases.make_database()
    Migrations(url).apply()
    return url


@pytest.fixture(scope="session")
def postgres_pool(migrated_database: str) -> Iterator[Pool]:
    with open_pool(migrated_database, max_size=25, application_name="tests") as pool:
        yield pool


@pytest.fixture
def postgres_units(postgres_pool: Pool) -> UnitsOfWork:
    """Empty stores."""
    empty(postgres_pool)
    return PostgresUnitsOfWork(postgres_pool)


@pytest.fixture(scope="session")
def postgres_listener(migrated_database: str) -> Iterator[Listener]:
    listener = Listener(migrated_database, Decisions(1_000))
    yield listener
    listener.close()


@pytest.fixture
def remembering_units(postgres_pool: Pool, postgres_listener: Listener) -> UnitsOfWork:
    """Empty stores, with a memory of who may do what."""
    empty(postgres_pool)
    postgres_listener.decisions.forget()
    return PostgresUnitsOfWork(postgres_pool, postgres_listener)
