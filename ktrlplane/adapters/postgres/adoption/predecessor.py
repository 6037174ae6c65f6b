"""The former system's schema in the database: finding it, setting it aside, copying from it."""

from typing import Any, Final

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.sql import SQL, Identifier

from ktrlplane.adapters.postgres.adoption.judging import judged
from ktrlplane.adapters.postgres.adoption.keeping import read_back, written
from ktrlplane.adapters.postgres.adoption.ours import Ours
from ktrlplane.adapters.postgres.adoption.theirs import SHAPE, missing, read
from ktrlplane.adapters.postgres.adoption.writing import write
from ktrlplane.ports.adoption import Adoption, AdoptionReport
from ktrlplane.ports.database import CannotMigrate

THEIRS: Final = "ktrlplane"
BEFORE: Final = "ktrlplane_before"
PATIENCE: Final = "10s"
"""For transactions that the former system has begun and not ended."""
_VERSIONS: Final = tuple(f"{number:03}" for number in range(1, 18))

_OLDER: Final = (
    "The database is at version {} of the system that KtrlPlane replaces. Bring it to 017 with "
    "that system; then it can be taken over."
)
_UNKNOWN: Final = (
    "The database holds another schema named ktrlplane: {}. Only version 017 of the system that "
    "KtrlPlane replaces can be taken over; give KtrlPlane a database of its own."
)
_OCCUPIED: Final = (
    "The database has a schema ktrlplane_before already, which is what the former system's would "
    "be called. Drop or rename it."
)
_NOT_OWNED: Final = (
    "Taking over the former system's database takes its owner: the user {} does not own the "
    "schema ktrlplane, or may not create one."
)
_IN_USE: Final = "The former system is at work in its database. Stop it, and try again."
_IN_THE_WAY: Final = (
    "The former system's database cannot be taken over as it is: {}. Nothing was changed; "
    "ktrlplane migrate --check tells all of it."
)
_NAMED: Final = 3


def is_found(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database is theirs, as yet. Raises: CannotMigrate for one of theirs that
    cannot be taken over."""
    ours = _is_there(connection, "ktrlplane._yoyo_migration")
    theirs = ("public.schema_migrations", "ktrlplane.users")
    if ours or not all(_is_there(connection, table) for table in theirs):
        return False
    try:
        _require_known(connection)
    except CannotMigrate:
        if _is_there(connection, "ktrlplane._yoyo_migration"):
            return False  # somebody has taken it over meanwhile: it was looked at half and half
        raise
    return True


def preview(connection: psycopg.Connection[Any], adoption: Adoption) -> AdoptionReport | None:
    """What taking over would do, or None where nothing is theirs. Changes nothing.

    Raises: CannotMigrate."""
    if not is_found(connection):
        return None
    with connection.transaction():
        _see_one_moment(connection)
        connection.execute("SET TRANSACTION READ ONLY")
        return _judged(connection, adoption).report


def set_aside(connection: psycopg.Connection[Any], adoption: Adoption) -> Ours:
    """What is to be written, once the schema is called ``ktrlplane_before`` and ours is there,
    empty. At the beginning of a transaction. Raises: CannotMigrate."""
    _see_one_moment(connection)
    tables = SQL(", ").join(Identifier(THEIRS, table) for table in SHAPE)
    connection.execute(SQL("SET LOCAL lock_timeout = {}").format(PATIENCE))
    try:
        # Whoever is still writing comes first, or is told of. Nothing was asked yet that has
        # a row for an answer, so the moment begins hereafter, with what they have written.
        connection.execute(SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(tables))
    except (DeadlockDetected, LockNotAvailable) as exc:
        raise CannotMigrate(_IN_USE) from exc
    ours = _judged(connection, adoption)
    _require_free_of_obstacles(ours.report)
    connection.execute("ALTER SCHEMA ktrlplane RENAME TO ktrlplane_before")
    connection.execute("CREATE SCHEMA ktrlplane")
    return ours


def fill(connection: psycopg.Connection[Any], ours: Ours) -> None:
    """Our tables, and what was done is written down."""
    write(connection, ours)
    connection.execute(_MEMORY)
    connection.execute(
        "INSERT INTO ktrlplane.predecessor (report) VALUES (%s::jsonb)", [written(ours.report)]
    )


_MEMORY: Final = """
    CREATE TABLE ktrlplane.predecessor (
        is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
        taken_over_at timestamptz NOT NULL DEFAULT now(),
        report jsonb NOT NULL
    )
"""


def report_of(connection: psycopg.Connection[Any]) -> AdoptionReport | None:
    """What was done, or None where nothing was."""
    if not _is_there(connection, "ktrlplane.predecessor"):
        return None
    return read_back(_row(connection, "SELECT report FROM ktrlplane.predecessor")[0])


def _see_one_moment(connection: psycopg.Connection[Any]) -> None:
    """For a transaction at its beginning; with times in UTC."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.execute("SET LOCAL timezone = 'UTC'")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _judged(connection: psycopg.Connection[Any], adoption: Adoption) -> Ours:
    theirs = read(connection, THEIRS)
    (now,) = _row(connection, "SELECT now()")
    return judged(theirs, adoption, now)


def _require_known(connection: psycopg.Connection[Any]) -> None:
    versions = {
        version
        for (version,) in connection.execute("SELECT version::text FROM public.schema_migrations")
    }
    strange = sorted(versions.difference(_VERSIONS))
    if strange or not versions:
        raise CannotMigrate(_UNKNOWN.format(f"its version is {(strange or ['unknown'])[-1]}"))
    if len(versions) < len(_VERSIONS):
        raise CannotMigrate(_OLDER.format(max(versions)))
    if lacking := missing(connection, THEIRS):
        raise CannotMigrate(_UNKNOWN.format(f"{lacking[0]} is not as version 017 has it"))
    if _row(connection, "SELECT to_regnamespace(%s) IS NOT NULL", BEFORE)[0]:
        raise CannotMigrate(_OCCUPIED)
    (may,) = _row(connection, _MAY, THEIRS)
    if not may:
        raise CannotMigrate(_NOT_OWNED.format(connection.info.user))


_MAY: Final = """
    SELECT pg_has_role(nspowner, 'USAGE')
        AND has_database_privilege(current_database(), 'CREATE')
    FROM pg_namespace WHERE nspname = %s
"""


def _require_free_of_obstacles(report: AdoptionReport) -> None:
    obstacles = [
        f"{one.kind} {', '.join(one.ids[:_NAMED])}{' and others' * (len(one.ids) > _NAMED)}"
        for one in report.in_the_way()
    ]
    if obstacles:
        raise CannotMigrate(_IN_THE_WAY.format("; ".join(obstacles)))


def _is_there(connection: psycopg.Connection[Any], table: str) -> bool:
    return bool(_row(connection, "SELECT to_regclass(%s) IS NOT NULL", table)[0])


def _row(connection: psycopg.Connection[Any], query: str, *values: str) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row is not None, "there is always one"
    return row
