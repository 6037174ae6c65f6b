"""What becomes of units of work when the database is slow, gone, or comes back."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, get_type_hints

import psycopg
import pytest

from ktrlplane import ControlPlane
from ktrlplane.adapters.embedded import EmbeddedPostgres
from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import open_pool
from ktrlplane.adapters.postgres.session import ReadOnly
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.domain.access import GLOBAL
from ktrlplane.domain.errors import (
    AlreadyExists,
    IdempotencyInProgress,
    Interrupted,
    NotFound,
    UpstreamError,
)
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.services.audit import verify_chain
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import ALICE, BOB, NOW, an_organization, keep, on

pytestmark = pytest.mark.postgres

ACME = OrganizationId("acme")


@contextmanager
def units_of(url: str, **but: Any) -> Iterator[PostgresUnitsOfWork]:
    with open_pool(url, **but) as pool:
        yield PostgresUnitsOfWork(pool)


@contextmanager
def somebody_else(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def hang_up(url: str) -> None:
    """What every client sees of a restart."""
    with somebody_else(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'ktrlplane'"
        )


def name_of(work: UnitOfWork) -> str:
    return work.organizations.with_standing(ACME, ALICE, NOW)[0].name


def is_there(units: UnitsOfWork) -> bool:
    try:
        with units.view() as work:
            return bool(name_of(work))
    except NotFound:
        return False


@pytest.fixture
def shared(migrated_database: str, postgres_units: UnitsOfWork) -> str:
    """The database that ``postgres_units`` has just emptied."""
    return migrated_database


def setting(url: str, name: str) -> str:
    with open_pool(url) as pool, pool.connection() as connection:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return str(row[0])


def test_times_are_utc_whatever_the_database_prefers(shared: str) -> None:
    assert setting(shared, "timezone") == "UTC"


def test_the_url_has_the_last_word_on_settings(shared: str) -> None:
    url = psycopg.conninfo.make_conninfo(shared, options="-c lock_timeout=42ms")
    assert setting(url, "lock_timeout") == "42ms"
    assert setting(url, "jit") == "off"


def test_nobody_notices_that_idle_connections_were_cut(shared: str) -> None:
    with units_of(shared, min_size=4, max_size=4) as units:
        keep(units, an_organization())
        hang_up(shared)
        for _ in range(8):
            assert is_there(units)


def test_a_unit_of_work_that_loses_its_connection_is_done_again(shared: str) -> None:
    with units_of(shared) as units:
        lost: list[bool] = []

        def add(work: UnitOfWork) -> None:
            work.organizations.add(an_organization())
            if not lost:
                lost.append(True)
                hang_up(shared)
            name_of_nothing(work)

        Transact(units)(add)
        assert lost
        assert is_there(units)


def name_of_nothing(work: UnitOfWork) -> None:
    assert work.users.find(BOB) is None


def test_reading_that_loses_its_connection_is_done_again(shared: str) -> None:
    with units_of(shared) as units:
        keep(units, an_organization())
        lost: list[bool] = []

        def read(work: UnitOfWork) -> str:
            if not lost:
                lost.append(True)
                hang_up(shared)
            return name_of(work)

        assert Transact(units).read(read) == "Acme"


def test_losing_the_connection_at_the_very_end_is_not_taken_for_nothing_done(shared: str) -> None:
    def add_and_lose(work: UnitOfWork) -> None:
        work.organizations.add(an_organization())
        hang_up(shared)

    with units_of(shared) as units:
        with pytest.raises(UpstreamError, match="not known"):
            Transact(units)(add_and_lose)
        assert not is_there(units)


def test_a_restart_is_lived_through(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("restarted"), fsync=False)
    with server.open() as url:
        Migrations(url).apply()
        pool = open_pool(url, min_size=4)
        units = PostgresUnitsOfWork(pool)
        keep(units, an_organization())
    try:
        with server.open() as again:
            assert again == url
            # Whatever is found dead is tried again, and nobody notices.
            transact = Transact(units)
            for _ in range(8):
                assert transact.read(name_of)
    finally:
        pool.close()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_a_database_that_is_not_there_is_told_of_soon(unused_port: int) -> None:
    url = f"postgresql://127.0.0.1:{unused_port}/nothing"
    with units_of(url, wait_s=0.1) as units, units.view() as work, pytest.raises(UpstreamError):
        name_of(work)


def test_a_database_that_only_reads_refuses_changes_and_still_answers(
    shared: str, postgres_units: UnitsOfWork
) -> None:
    keep(postgres_units, an_organization())
    standby = psycopg.conninfo.make_conninfo(shared, options="-c default_transaction_read_only=on")
    with units_of(standby) as units:
        with pytest.raises(UpstreamError, match="read-only"):
            keep(units, an_organization("other"))
        assert is_there(units)


def test_who_finds_all_connections_busy_is_told_so(shared: str) -> None:
    with units_of(shared, max_size=1, wait_s=0.1) as units, units.view() as work:
        name_of_nothing(work)
        with units.view() as other, pytest.raises(UpstreamError):
            name_of_nothing(other)
        name_of_nothing(work)


def test_a_view_that_asks_nothing_needs_no_connection(shared: str) -> None:
    with units_of(shared, max_size=1, wait_s=0.1) as units, units.view() as work:
        name_of_nothing(work)
        with units.view():
            pass


def test_who_waits_too_long_for_a_tenant_is_interrupted(shared: str) -> None:
    impatient = psycopg.conninfo.make_conninfo(shared, options="-c lock_timeout=20ms")
    with units_of(shared) as units, units_of(impatient) as others:
        with units.begin() as work:
            work.access.hold(on("organization acme"))
            with pytest.raises(Interrupted), others.begin() as other:
                other.access.hold(on("organization acme"))
            with others.begin() as other:
                other.access.hold(on("organization other"))
        with others.begin() as other:
            other.access.hold(on("organization acme"))


def test_the_global_scope_can_be_held_like_a_tenant(shared: str) -> None:
    impatient = psycopg.conninfo.make_conninfo(shared, options="-c lock_timeout=20ms")
    with units_of(shared) as units, units_of(impatient) as others, units.begin() as work:
        work.access.hold(GLOBAL)
        with pytest.raises(Interrupted), others.begin() as other:
            other.access.hold(GLOBAL)


def test_two_who_wait_for_each_other_are_both_served(shared: str) -> None:
    with units_of(shared) as units:
        met = Barrier(2)
        transact = Transact(units)

        def holding(first: str, second: str) -> str:
            attempts: list[str] = []

            def act(work: UnitOfWork) -> str:
                work.access.hold(on(f"organization {first}"))
                if not attempts:
                    attempts.append(first)
                    met.wait()
                work.access.hold(on(f"organization {second}"))
                return first

            return transact(act)

        with ThreadPoolExecutor(2) as threads:
            served = list(threads.map(holding, ("a", "b"), ("b", "a")))
        assert served == ["a", "b"]


def test_a_key_that_is_being_worked_on_is_in_progress(shared: str) -> None:
    with units_of(shared) as units, units.begin() as work:
        assert work.answers.claim(ALICE, "key", NOW) is None
        with pytest.raises(IdempotencyInProgress), units.begin() as other:
            other.answers.claim(ALICE, "key", NOW)
        with units.begin() as other:
            assert other.answers.claim(BOB, "key", NOW) is None


def test_of_twenty_who_choose_the_same_id_one_gets_it(postgres_units: UnitsOfWork) -> None:
    ready = Barrier(20)

    def choose(number: int) -> bool:
        ready.wait()
        try:
            keep(postgres_units, an_organization(name=f"Number {number}"))
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(choose, range(20))) == 1


def test_a_lock_is_nothing_to_take_in_a_view(postgres_units: UnitsOfWork) -> None:
    with postgres_units.view() as work, pytest.raises(ReadOnly):
        work.access.hold(on("organization acme"))


def test_after_its_end_a_unit_of_work_touches_nobodys_connection(
    postgres_units: UnitsOfWork,
) -> None:
    with postgres_units.begin() as work:
        pass
    with pytest.raises(ReadOnly):
        work.users.find(ALICE)


def test_a_unit_of_work_has_every_store_and_nothing_else(postgres_units: UnitsOfWork) -> None:
    with postgres_units.view() as work:
        stores = get_type_hints(UnitOfWork)
        assert work.known == {}
        for name, port in stores.items() - {("known", stores["known"])}:
            assert port in type(getattr(work, name)).__mro__
            assert getattr(work, name) is getattr(work, name)
        with pytest.raises(AttributeError):
            _ = work.nothing


def test_times_are_read_however_the_database_prefers_to_write_them(fresh_database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(fresh_database)["dbname"]
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        for said in (
            "datestyle = 'SQL, DMY'",
            "bytea_output = 'escape'",
            "timezone = 'Asia/Tokyo'",
        ):
            connection.execute(f'ALTER DATABASE "{name}" SET {said}'.encode())
    with ControlPlane.postgres(fresh_database, migrate=True) as control:
        ada = control.sign_in("ada")
        made = ada.create_organization(id="acme", name="Acme")
        assert ada.organization("acme").created_at == made.created_at
        verified = control.transact.read(lambda work: verify_chain(work, on("organization acme")))
    assert (verified.finding, verified.count > 0) == (None, True)
