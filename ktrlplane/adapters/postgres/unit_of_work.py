"""Units of work as transactions of PostgreSQL."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Final, cast

import psycopg

from ktrlplane.adapters.postgres.access import PostgresAccess
from ktrlplane.adapters.postgres.answers import PostgresAnswers
from ktrlplane.adapters.postgres.assignments import PostgresAssignments
from ktrlplane.adapters.postgres.billing import PostgresBillingAccounts
from ktrlplane.adapters.postgres.decisions import Decisions, Question
from ktrlplane.adapters.postgres.events import PostgresEvents
from ktrlplane.adapters.postgres.groups import PostgresGroups
from ktrlplane.adapters.postgres.inbox import PostgresInbox
from ktrlplane.adapters.postgres.invitations import PostgresInvitations
from ktrlplane.adapters.postgres.job_runs import PostgresJobRuns
from ktrlplane.adapters.postgres.limits import PostgresLimitOverrides
from ktrlplane.adapters.postgres.listening import Listener
from ktrlplane.adapters.postgres.notifications import PostgresNotifications
from ktrlplane.adapters.postgres.organizations import PostgresOrganizations
from ktrlplane.adapters.postgres.pool import Connection, Pool, is_alive
from ktrlplane.adapters.postgres.prepared import after_rollback
from ktrlplane.adapters.postgres.projects import PostgresProjects
from ktrlplane.adapters.postgres.refusals import Refusals, is_loss
from ktrlplane.adapters.postgres.resources import PostgresResources
from ktrlplane.adapters.postgres.roles import PostgresRoles
from ktrlplane.adapters.postgres.service_accounts import PostgresServiceAccounts
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.transitions import PostgresTransitions
from ktrlplane.adapters.postgres.users import PostgresUsers
from ktrlplane.adapters.postgres.webhooks import PostgresWebhooks
from ktrlplane.domain.errors import Interrupted, UpstreamError
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.payment_questions import Known
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork

_STORES: Final[Mapping[str, Callable[[Session], object]]] = {
    "organizations": PostgresOrganizations,
    "projects": PostgresProjects,
    "resources": PostgresResources,
    "limit_overrides": PostgresLimitOverrides,
    "transitions": PostgresTransitions,
    "inbox": PostgresInbox,
    "events": PostgresEvents,
    "job_runs": PostgresJobRuns,
    "users": PostgresUsers,
    "service_accounts": PostgresServiceAccounts,
    "roles": PostgresRoles,
    "groups": PostgresGroups,
    "assignments": PostgresAssignments,
    "invitations": PostgresInvitations,
    "access": PostgresAccess,
    "answers": PostgresAnswers,
    "webhooks": PostgresWebhooks,
    "notifications": PostgresNotifications,
    "billing": PostgresBillingAccounts,
}


class _Stores:
    """Each is made when it is first asked for: most requests want one or two."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.known: Known = {}

    def __getattr__(self, name: str) -> object:
        if name not in _STORES:
            raise AttributeError(f"A unit of work has no {name}.")
        store = _STORES[name](self._session)
        setattr(self, name, store)
        return store


def _unit_of_work(session: Session) -> UnitOfWork:
    return cast("UnitOfWork", _Stores(session))


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

    def __init__(self, pool: Pool, listener: Listener | None = None) -> None:
        """What ``listener`` keeps up to date is used in views."""
        self._pool = pool
        self._listener = listener

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with self._lent() as connection:
            session = Session(lambda: connection, may_write=True)
            try:
                with Refusals():
                    yield from _committed(connection, session)
            finally:
                # Also where nobody knows whether it was committed; it does no harm.
                if self._listener is not None and session.scopes_touched:
                    self._listener.decisions.changed(session.scopes_touched)

    def view(self, *, fresh: bool = False) -> "_View":
        if self._listener is None or fresh:
            return _View(self)
        self._listener.want()
        return _View(self, self._listener.decisions)

    def remembered(self, asked: Sequence[Question], at: datetime) -> Sequence[Standing] | None:
        if self._listener is None:
            return None
        self._listener.want()
        return self._listener.decisions.find_all(asked, at)

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        with Refusals():
            connection = self.live_connection()
        try:
            yield connection
        except Interrupted as raised:
            _require_answers(connection, raised)
            raise
        finally:
            self.give_back(connection)

    def give_back(self, connection: Connection) -> None:
        connection.used_at = time.monotonic()
        self._pool.putconn(connection)

    def live_connection(self) -> Connection:
        """After a restart of the database every idle connection is dead: pass over them, so
        that nobody notices. The pool replaces what comes back closed."""
        for _ in range(self._pool.max_size):
            connection = self._pool.getconn()
            if is_alive(connection):
                return connection
            connection.close()
            self._pool.putconn(connection)
        return self._pool.getconn()


class _View(AbstractContextManager[UnitOfWork]):
    """Spelled out: every request reads, and a generator in between has its price."""

    __slots__ = ("_session", "_units")

    def __init__(self, units: PostgresUnitsOfWork, decisions: Decisions | None = None) -> None:
        self._units = units
        self._session = Session(units.live_connection, may_write=False, decisions=decisions)

    def __enter__(self) -> UnitOfWork:
        return _unit_of_work(self._session)

    def __exit__(self, kind: object, raised: BaseException | None, traceback: object) -> None:
        borrowed = self._session.end()
        if borrowed is not None:
            self._units.give_back(borrowed)
            if isinstance(raised, Interrupted):
                _require_answers(borrowed, raised)


def _require_answers(connection: Connection, raised: Interrupted) -> None:
    """Nothing is gained by asking again at once. Raises: UpstreamError where nobody answered."""
    if connection.is_given_up:
        raise UpstreamError("The database does not answer; try again later.") from raised


def _committed(connection: Connection, session: Session) -> Iterator[UnitOfWork]:
    committing = False
    try:
        with connection.transaction():
            try:
                yield _unit_of_work(session)
                session.finish()
            finally:
                session.end()
            committing = True
    except psycopg.OperationalError as raised:
        if committing and is_loss(raised):
            raise UpstreamError(_UNKNOWN) from raised
        raise
    finally:
        if not committing:
            after_rollback(connection)
