"""Units of work as transactions of PostgreSQL."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from ktrlplane.adapters.postgres.access import PostgresAccess
from ktrlplane.adapters.postgres.answers import PostgresAnswers
from ktrlplane.adapters.postgres.assignments import PostgresAssignments
from ktrlplane.adapters.postgres.organizations import PostgresOrganizations
from ktrlplane.adapters.postgres.pool import Connection, Pool, is_alive
from ktrlplane.adapters.postgres.projects import PostgresProjects
from ktrlplane.adapters.postgres.refusals import Refusals, is_loss
from ktrlplane.adapters.postgres.resources import PostgresResources
from ktrlplane.adapters.postgres.roles import PostgresRoles
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.users import PostgresUsers
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork


class PostgresUnitOfWork(UnitOfWork):
    def __init__(self, session: Session) -> None:
        self.organizations = PostgresOrganizations(session)
        self.projects = PostgresProjects(session)
        self.resources = PostgresResources(session)
        self.users = PostgresUsers(session)
        self.roles = PostgresRoles(session)
        self.assignments = PostgresAssignments(session)
        self.access = PostgresAccess(session)
        self.answers = PostgresAnswers(session)


_UNKNOWN: Final = (
    "The connection to the database was lost at the very end; whether it was done is not "
    "known. Look before you try again."
)


class PostgresUnitsOfWork(UnitsOfWork):
    """Transactions are READ COMMITTED, and serial in effect all the same:

    - Whatever a service decides upon is in one tenant (or in those it holds together), and it
      reads it after ``access.hold``. There each statement sees what was committed before it
      began, and nobody else can commit to that tenant until this unit of work ends. So its
      reads are those of a serial order: the order in which the tenants were held.
    - What is not in a tenant is changed by single statements that carry their own condition:
      ids are unique, users change only for newer claims, an idempotency key is held while it
      is worked on, roles are written under a lock of their own.

    docs/decisions/0004-transactions.md has the numbers against SERIALIZABLE.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with self._lent() as connection, Refusals():
            committing = False
            try:
                with connection.transaction():
                    with _session(connection, may_write=True) as session:
                        yield PostgresUnitOfWork(session)
                    committing = True
            except psycopg.OperationalError as raised:
                if committing and is_loss(raised):
                    raise UpstreamError(_UNKNOWN) from raised
                raise

    @contextmanager
    def view(self) -> Iterator[UnitOfWork]:
        # Spelled out: every request reads, and each context within the other has its price.
        with Refusals():
            connection = self._live_connection()
        session = Session(connection, may_write=False)
        try:
            yield PostgresUnitOfWork(session)
        finally:
            session.end()
            self._give_back(connection)

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        with Refusals():
            connection = self._live_connection()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        connection.used_at = time.monotonic()
        self._pool.putconn(connection)

    def _live_connection(self) -> Connection:
        """After a restart of the database every idle connection is dead: pass over them, so
        that nobody notices. The pool replaces what comes back closed."""
        for _ in range(self._pool.max_size):
            connection = self._pool.getconn()
            if is_alive(connection):
                return connection
            connection.close()
            self._pool.putconn(connection)
        return self._pool.getconn()


@contextmanager
def _session(connection: Connection, *, may_write: bool) -> Iterator[Session]:
    session = Session(connection, may_write=may_write)
    try:
        yield session
    finally:
        session.end()
