import os
from collections.abc import Iterator

import pytest

from ktrlplane.adapters.embedded import EmbeddedPostgres
from ktrlplane.ports.database import DatabaseUnavailable
from tests.postgres import Databases, databases_on


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A connection string whose user may create databases."""
    given = os.environ.get("KTRLPLANE_TEST_DATABASE")
    if given:
        yield given
        return
    opening = EmbeddedPostgres(tmp_path_factory.mktemp("postgres_server")).open()
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
