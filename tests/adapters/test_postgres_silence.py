"""A server that says nothing, neither to those who are connected nor to those who come."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from attrs import field, frozen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ktrlplane.adapters.postgres.pool import Pool, open_pool
from ktrlplane.adapters.postgres.silence import Patience
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork

pytestmark = pytest.mark.postgres
SOON = Patience(look_at_s=0.2, answer_s=2, every_s=0.05)
AT_MOST_S = 15.0
"""It takes 2.5 seconds, on a machine that has nothing else to do."""


@frozen(eq=False)
class Line:
    """Stands between a client and the server, and can fall silent."""

    listening: socket.socket
    server: str
    goes: threading.Event = field(factory=threading.Event)
    ends: list[socket.socket] = field(factory=list)

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                self.goes.wait()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.server)
                self.ends.extend((client, server))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                self.goes.wait()
                other.sendall(said)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def a_line(url: str, folder: Path) -> Iterator[tuple[Line, str]]:
    parts = conninfo_to_dict(url)
    name = f".s.PGSQL.{parts.get('port') or 5432}"
    if not str(parts.get("host", "")).startswith("/"):
        pytest.skip("the server of the tests is not at a socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / name))
    listening.listen()
    line = Line(listening, f"{parts['host']}/{name}")
    line.goes.set()
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield line, make_conninfo(url, host=str(folder))
    finally:
        line.goes.set()
        listening.close()
        for end in line.ends:
            end.close()


@pytest.fixture
def line_and_pool(
    migrated_database: str,
    postgres_units: UnitsOfWork,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Line, Pool]]:
    folder = tmp_path_factory.mktemp("l")
    with (
        a_line(migrated_database, folder) as (line, url),
        open_pool(url, patience=SOON, wait_s=1.0, max_size=4) as pool,
    ):
        yield line, pool


def asks(work: UnitOfWork) -> None:
    work.job_runs.all()


@pytest.mark.parametrize("reading", [True, False])
def test_who_asks_a_silent_server_is_told_so_and_does_not_wait_for_ever(
    line_and_pool: tuple[Line, Pool],
    reading: bool,  # noqa: FBT001
) -> None:
    line, pool = line_and_pool
    transact = Transact(PostgresUnitsOfWork(pool))
    asking = transact.read if reading else transact
    asking(asks)
    line.goes.clear()
    began = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(UpstreamError, match="does not answer"):
            threads.submit(asking, asks).result(AT_MOST_S)
        assert time.monotonic() - began < AT_MOST_S
        line.goes.set()
        asking(asks)


def test_a_server_that_is_only_busy_is_waited_for(line_and_pool: tuple[Line, Pool]) -> None:
    _, pool = line_and_pool
    with pool.connection() as connection:
        connection.execute("SELECT pg_sleep(1)")
        assert not connection.is_given_up


def test_who_waits_for_a_server_that_is_gone_is_told_by_it(
    line_and_pool: tuple[Line, Pool],
) -> None:
    line, pool = line_and_pool
    with pool.connection() as connection, pytest.raises(psycopg.OperationalError):  # noqa: PT012
        line.listening.close()
        for end in line.ends:
            end.shutdown(socket.SHUT_RDWR)
        connection.execute("SELECT 1")
