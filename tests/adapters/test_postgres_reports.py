"""The operator's side in SQL: what its role may do, and what it is never refused."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from ktrlplane.adapters.postgres.bell import PostgresBell
from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import open_pool
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from tests.builders import a_project, a_resource, an_organization, keep, people

pytestmark = pytest.mark.postgres

INJECTED = "'); DROP TABLE ktrlplane.resources; --"
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
READABLE = {"projects", "resources", "billing_accounts"}


@pytest.fixture
def database(fresh_database: str) -> str:
    Migrations(fresh_database).apply()
    with open_pool(fresh_database, max_size=1) as pool:
        units = people(PostgresUnitsOfWork(pool))
        keep(units, an_organization(), a_project(), a_resource())
    return fresh_database


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def operator(database: str) -> Iterator[psycopg.Connection]:
    """A member of the operator's role, and nothing more."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET ROLE ktrlplane_operator")
        yield connection


def test_an_operator_reads_three_tables_and_no_other(
    owner: psycopg.Connection, operator: psycopg.Connection
) -> None:
    tables = owner.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'ktrlplane' ORDER BY 1"
    ).fetchall()
    readable, writable = set(), set()
    for (name,) in tables:
        table = f"ktrlplane.{name}"
        for privilege in (
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "TRUNCATE",
            "REFERENCES",
            "TRIGGER",
        ):
            row = operator.execute(
                "SELECT has_table_privilege(%s, %s)", (table, privilege)
            ).fetchone()
            if row == (True,):
                (readable if privilege == "SELECT" else writable).add(name)
    assert (readable, writable) == (READABLE, set())
    for name in READABLE:
        operator.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("ktrlplane", name)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        operator.execute("SELECT * FROM ktrlplane.users")


def test_an_operator_calls_one_function_and_no_other(operator: psycopg.Connection) -> None:
    callable_ = operator.execute(
        """
        SELECT p.proname FROM pg_proc p
        WHERE p.pronamespace = 'ktrlplane'::regnamespace
            AND has_function_privilege(p.oid, 'EXECUTE')
        """
    ).fetchall()
    assert callable_ == [("report_status",)]
    row = operator.execute("SELECT has_schema_privilege('ktrlplane', 'CREATE')").fetchone()
    assert row == (False,)


def test_whatever_is_reported_is_taken(
    owner: psycopg.Connection, operator: psycopg.Connection
) -> None:
    for arguments in (
        "'kettle', 'Healthy'",
        "'kettle', 'Healthy', 1, NULL, NULL",
        "resource_id => 'kettle', health => 'Degraded', message => 'It''s ill'",
        "NULL, NULL, NULL, NULL, NULL",
        "'nowhere', 'Splendid', -9223372036854775808",
    ):
        operator.execute(f"SELECT ktrlplane.report_status({arguments})".encode())
    operator.execute("SELECT ktrlplane.report_status(%s, %s, 1, %s)", (INJECTED,) * 3)
    rows = owner.execute(
        "SELECT resource_id, generation FROM ktrlplane.reports ORDER BY report_id"
    ).fetchall()
    assert rows == [*[("kettle", 1)] * 3, ("", None), ("nowhere", None), (INJECTED, None)]


def test_a_function_of_an_operators_own_takes_the_place_of_none(
    owner: psycopg.Connection, operator: psycopg.Connection
) -> None:
    """The function acts as its owner: it must find nothing that somebody else put in its way."""
    operator.execute("SET search_path = pg_temp, ktrlplane, pg_catalog")
    operator.execute("CREATE TEMP TABLE reports (report_id bigint)")
    operator.execute("SELECT ktrlplane.report_status('kettle', 'Healthy')")
    assert owner.execute("SELECT count(*) FROM ktrlplane.reports").fetchone() == (1,)


def test_the_bell_rings_for_a_report_and_when_one_may_have_been_missed(
    database: str, operator: psycopg.Connection
) -> None:
    stop, rung = threading.Event(), threading.Semaphore(0)
    listen = PostgresBell(database).listen
    thread = threading.Thread(target=listen, args=(rung.release, stop))
    thread.start()
    try:
        assert rung.acquire(timeout=10)
        operator.execute("SELECT ktrlplane.report_status('kettle', 'Healthy')")
        assert rung.acquire(timeout=10)
        operator.execute("RESET ROLE")
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'ktrlplane bell' AND datname = current_database()"
        )
        assert rung.acquire(timeout=10)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_a_bell_without_a_database_stops_when_it_is_told() -> None:
    stop = threading.Event()
    url = "postgresql://127.0.0.1:1/nowhere"
    thread = threading.Thread(target=PostgresBell(url).listen, args=(print, stop))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
