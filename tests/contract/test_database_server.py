"""What every DatabaseServer promises, the embedded and the external one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    url = "postgresql://someone:hunter2@127.0.0.1:1/ktrlplane"
    return ExternalPostgres(url, called="KTRLPLANE_DATABASE_URL")


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


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"dbname": "kp_missing"},
            r'"kp_missing" does not exist\. Create it, or name another one',
        ),
        ({"user": "kp_nobody"}, r"kp_nobody.*\. Check user and password in the url\."),
    ],
)
def test_a_server_that_runs_but_has_no_such_thing_is_not_called_away(
    postgres_server: str, wrong: dict[str, str], told: str
) -> None:
    server = ExternalPostgres(make_conninfo(postgres_server, **wrong))
    with pytest.raises(DatabaseUnavailable, match=told) as refusal, server.open():
        pytest.fail("opened")
    assert "cannot be used" in str(refusal.value)


@contextmanager
def one_that_answers(severity: str, message: str) -> Iterator[str]:
    """The address of a server that refuses whoever connects (as in the PostgreSQL manual,
    "Message Formats", ErrorResponse)."""
    fields = f"S{severity}\0VFATAL\0C28P01\0M{message}\0\0".encode()
    answer = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)

        thread = threading.Thread(target=refuse)
        thread.start()
        port = listener.getsockname()[1]
        yield f"postgresql://kp:hunter2@127.0.0.1:{port}/kp?sslmode=disable&gssencmode=disable"
        thread.join()


@pytest.mark.parametrize(
    ("severity", "message", "told"),
    [
        (
            *("FATAL", 'password authentication failed for user "kp"'),
            'failed for user "kp". Check user and password in the url.',
        ),
        (
            *("FATAL", "sorry, too many clients already"),
            "used: sorry, too many clients already. Let it have more connections, or use fewer.",
        ),
        (
            *("FEHLER", "Passwort-Authentifizierung für kp fehlgeschlagen"),
            "PostgreSQL runs there and answered that; check the url, or try later.",
        ),
    ],
)
def test_what_a_server_that_runs_answers_is_told_with_what_to_do(
    severity: str, message: str, told: str
) -> None:
    with (
        one_that_answers(severity, message) as url,
        pytest.raises(DatabaseUnavailable) as refusal,
        ExternalPostgres(url).open(),
    ):
        pytest.fail("opened")
    assert str(refusal.value).endswith(told)


def test_an_address_that_cannot_be_read_is_called_by_its_name() -> None:
    with (
        pytest.raises(DatabaseUnavailable, match=r"^KTRLPLANE_X cannot be read"),
        ExternalPostgres("garbage", called="KTRLPLANE_X").open(),
    ):
        pytest.fail("opened")


def test_a_fresh_database_is_a_copy_of_its_template(databases: Databases) -> None:
    template = databases.make_database()
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE prepared ()")
    with psycopg.connect(databases.make_database(template)) as connection:
        assert connection.execute("SELECT count(*) FROM prepared").fetchone() == (0,)
