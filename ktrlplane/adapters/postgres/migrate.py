"""Bringing a database to the schema that this version works with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from attrs import field, frozen
from yoyo import read_migrations  # type: ignore[import-untyped]

from ktrlplane.adapters.postgres.adoption import predecessor
from ktrlplane.adapters.postgres.ledger import CONNECT_TIMEOUT_S, SCHEMA, TABLE, Ledger
from ktrlplane.ports.adoption import TAKEN_OVER, Adoption, AdoptionReport
from ktrlplane.ports.database import CannotMigrate, DatabaseUnavailable

DIRECTORY: Final = Path(__file__).with_name("migrations")

_PREDECESSOR: Final = (
    "The database holds what the system that KtrlPlane replaces has left, which is taken over "
    "by ktrlplane migrate alone: stop that system, run ktrlplane migrate --check, then "
    "ktrlplane migrate."
)
_ENCODING: Final = (
    "The database is encoded as {}, which cannot hold every name. "
    "Create it with ENCODING 'UTF8' and, if need be, TEMPLATE template0."
)
_NEWER: Final = (
    "The database is at {}, which this version of KtrlPlane does not know. "
    "Run the version that brought it there, or a newer one."
)
_UNKNOWN: Final = "There is no migration {}; there are {}."
_FAILED: Final = "The database refuses to be migrated, and is as it was before this step: {}."
_UNSEEN: Final = (
    "The database does not let its user see what schema it has: {}. Give that user rights on the "
    "schema ktrlplane, or use the one that migrated it."
)
_LOST: Final = "The database cannot be reached, or was lost, while its schema was looked at."

_SCHEMA_IS_THERE: Final = "SELECT to_regnamespace('ktrlplane') IS NOT NULL"
_CREATE_SCHEMA: Final = "CREATE SCHEMA ktrlplane"
_IS_THERE: Final = "SELECT to_regclass(%s) IS NOT NULL"
_APPLIED: Final = "SELECT migration_id FROM ktrlplane._yoyo_migration"


@frozen
class Migrations:
    """Steps forward, in the order of their numbers; there is no way back.

    ``url`` is anything that libpq takes.
    """

    url: str = field(repr=False)

    def check(self) -> None:
        """Raises: CannotMigrate for a database that is not ours to change, or newer than this
        code; DatabaseUnavailable."""
        with self._connection() as connection:
            _pending(connection)

    def pending(self, to: str | None = None) -> list[str]:
        """The names of the steps still to be taken, all or as far as ``apply`` would go;
        changes nothing. Raises: as ``check``."""
        with self._connection() as connection:
            return _up_to(_pending(connection), to)

    @staticmethod
    def first() -> str:
        """The name of the step that an empty database begins with."""
        return str(_steps()[0].id)

    def apply(self, to: str | None = None, *, adoption: Adoption | None = None) -> list[str]:
        """Takes all steps, or those up to the one named ``to`` or with its number; which.

        Each step is one transaction. Any number of processes may do this at once: each step
        is taken once, and all return when it is. Without ``adoption`` a former system's
        database is refused. Raises: as ``check``.
        """
        # A look without the lock: nearly every start of a process has nothing to do.
        with self._connection() as connection:
            if not _wanted(connection, to, adoption):
                return []
        with _told(_FAILED), Ledger(self.url) as ledger, ledger.lock():
            wanted = _wanted(ledger.connection, to, adoption)
            for name in wanted:
                _take(name, ledger, adoption)
            return wanted

    def preview(self, adoption: Adoption) -> AdoptionReport | None:
        """What would become of a former system's rows, or None where the database is none of
        theirs; changes nothing. Raises: as ``check``."""
        with self._connection() as connection:
            return predecessor.preview(connection, adoption)

    def adopted(self) -> AdoptionReport | None:
        """What became of a former system's rows, or None where there were none. Raises: as
        ``check``."""
        with self._connection() as connection:
            return predecessor.report_of(connection)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        with (
            _told(_UNSEEN),
            psycopg.connect(
                self.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
            ) as connection,
        ):
            yield connection


def _steps() -> Any:
    """Yoyo's list of them. It would take the package's ``__init__`` for one too."""
    return read_migrations(str(DIRECTORY)).filter(lambda step: step.is_raw_sql())


@contextmanager
def _told(refused: str) -> Iterator[None]:
    """``refused`` is what to say of what the database does not do."""
    try:
        yield
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailable(_LOST) from exc
    except psycopg.Error as exc:
        raise CannotMigrate(refused.format(exc.diag.message_primary)) from exc


def _wanted(
    connection: psycopg.Connection[Any], to: str | None, adoption: Adoption | None
) -> list[str]:
    """Raises: CannotMigrate."""
    pending = _pending(connection)
    if adoption is None and TAKEN_OVER in pending:
        raise CannotMigrate(_PREDECESSOR)
    return _up_to(pending, to)


def _take(name: str, ledger: Ledger, adoption: Adoption | None) -> None:
    """One step, in one transaction."""
    if name == TAKEN_OVER:
        assert adoption is not None, "without it their database is refused"
        _take_over(ledger, adoption)
        return
    if not _one(ledger.connection, _SCHEMA_IS_THERE):
        ledger.connection.execute(_CREATE_SCHEMA)
    ledger.ensure_internal_schema_updated()
    (step,) = _steps().filter(lambda step: step.id == name)
    ledger.apply_one(step)


def _take_over(ledger: Ledger, adoption: Adoption) -> None:
    """In one transaction with the steps that make the tables: a reconciler that found them
    empty would tear down whatever runs."""
    with ledger.transaction():
        ours = predecessor.set_aside(ledger.connection, adoption)
        for step in ledger.to_apply(_steps()):
            if step.id < TAKEN_OVER:
                ledger.apply_one(step)
        predecessor.fill(ledger.connection, ours)


def _pending(connection: psycopg.Connection[Any]) -> list[str]:
    ours = _ours_pending(connection)  # first: of some databases nothing can be read
    if not predecessor.is_found(connection):
        return ours
    return [TAKEN_OVER, *(name for name in ours if name > TAKEN_OVER)]


def _ours_pending(connection: psycopg.Connection[Any]) -> list[str]:
    known = [step.id for step in _steps()]
    if not _one(connection, _IS_THERE, f"{SCHEMA}.{TABLE}"):
        # Not asked for by a query: from a database in SQL_ASCII text comes as bytes.
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise CannotMigrate(_ENCODING.format(encoding))
        return known
    applied = {name for (name,) in connection.execute(_APPLIED)}
    newer = sorted(applied.difference(known))
    if newer:
        raise CannotMigrate(_NEWER.format(newer[-1]))
    return [name for name in known if name not in applied]


def _up_to(pending: Sequence[str], to: str | None) -> list[str]:
    """Raises: CannotMigrate for a name that is no migration's."""
    if to is None:
        return list(pending)
    known = sorted({*(step.id for step in _steps()), *pending})
    meant = [name for name in known if to in (name, name.partition("_")[0])]
    if not meant:
        raise CannotMigrate(_UNKNOWN.format(to, ", ".join(known)))
    return [name for name in pending if name <= meant[-1]]


def _one(connection: psycopg.Connection[Any], query: str, *values: str) -> Any:
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]
