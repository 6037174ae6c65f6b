"""What every DatabaseServer promises, the embedded and the external one."""

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ktrlplane.adapters.embedded import EmbeddedPostgres
from ktrlplane.adapters.postgres.server import ExternalPostgres
from ktrlplane.ports.database import DatabaseServer, DatabaseUnavailable
from tests.postgres import Databases

pytestmark = pytest.mark.postgres
ADAPTERS = ("embedded", "external")


@pytest.fixture(scope="module", params=ADAPTERS)
def server(
    request: pytest.FixtureRequest,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> DatabaseServer:
    if request.param == "embedded":
        return EmbeddedPostgres(tmp_path_factory.mktemp("embedded"), fsync=False)
    return ExternalPostgres(databases.make_database())


@pytest.fixture(params=ADAPTERS)
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseServer:
    """A server that cannot be opened."""
    if request.param == "embedded":
        (tmp_path / "file").write_text("in the way")
        return EmbeddedPostgres(tmp_path / "file")
    return ExternalPostgres("postgresql://someone:hunter2@127.0.0.1:1/ktrlplane")


def test_the_url_accepts_connections_to_a_database_that_is_there(server: DatabaseServer) -> None:
    with server.open() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_was_committed_is_found_again(server: DatabaseServer) -> None:
    with server.open() as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'é'::text AS word")
    with server.open() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("é",)


def test_two_openings_at_once_give_the_same_database(server: DatabaseServer) -> None:
    with server.open() as first, server.open() as second:
        with psycopg.connect(first) as connection:
            connection.execute("CREATE TABLE seen ()")
        with psycopg.connect(second) as connection:
            assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)


def test_the_end_of_a_second_opening_does_not_end_the_first(server: DatabaseServer) -> None:
    with server.open() as first:
        with server.open():
            pass
        with psycopg.connect(first) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, psycopg.OperationalError])
def test_an_error_inside_the_context_stays_what_it_is(
    server: DatabaseServer, error: type[BaseException]
) -> None:
    with pytest.raises(error), server.open():
        raise error


def test_a_server_that_cannot_be_opened_says_so_in_words(nowhere: DatabaseServer) -> None:
    with pytest.raises(DatabaseUnavailable) as refusal, nowhere.open():
        pytest.fail("opened")
    text = str(refusal.value)
    assert "KTRLPLANE_DATA" in text
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:hunter2@127.0.0.1:1/shop", "shop at 127.0.0.1:1 .*Connection refused"),
        ("postgresql://u:hunter2@nowhere.invalid/shop", "shop at nowhere.invalid .*resolve host"),
        ("host=/nowhere dbname=shop password=hunter2", "shop at /nowhere .*No such file"),
        ("postgresql://u:hunter2@x@127.0.0.1:1/shop", "%40 for @"),
        ("postgresql://u:hunter2@y/x@127.0.0.1:1/shop", "%2F for /"),
        ("postgresql://u:hun/ter2@127.0.0.1:1/shop", "%2F for /"),
        ("hunter2", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_database_elsewhere_is_told_without_its_password(
    url: str, told: str
) -> None:
    server = ExternalPostgres(url)
    with pytest.raises(DatabaseUnavailable, match=told) as refusal, server.open():
        pytest.fail("opened")
    assert refusal.value.__cause__ is None
    assert "hun" not in str(refusal.value) + repr(server)
    assert "ter2" not in str(refusal.value) + repr(server)


def test_a_database_that_is_not_there_is_named(postgres_server: str) -> None:
    url = make_conninfo(postgres_server, dbname="kp_missing")
    with pytest.raises(DatabaseUnavailable, match='"kp_missing" does not exist'):
        ExternalPostgres(url).open().__enter__()


def test_a_fresh_database_is_a_copy_of_its_template(databases: Databases) -> None:
    template = databases.make_database()
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE prepared ()")
    with psycopg.connect(databases.make_database(template)) as connection:
        assert connection.execute("SELECT count(*) FROM prepared").fetchone() == (0,)
