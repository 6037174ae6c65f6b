"""The former system's schema in the database: finding it, setting it aside, copying from it.

    found       public.schema_migrations and ktrlplane.users, and no ledger of ours
    set aside   the schema is called ktrlplane_before, and the table ktrlplane.predecessor is there
    copied      ktrlplane.predecessor has the report

Each of these follows from the one before by one transaction.
"""

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Identifier

from ktrlplane.adapters.postgres.adoption.judging import judged
from ktrlplane.adapters.postgres.adoption.keeping import read_back, written
from ktrlplane.adapters.postgres.adoption.ours import Ours
from ktrlplane.adapters.postgres.adoption.theirs import SHAPE, missing, read
from ktrlplane.adapters.postgres.adoption.writing import write
from ktrlplane.ports.adoption import COPIED, SET_ASIDE, Adoption, AdoptionReport, Weight
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
_GONE: Final = (
    "The former system's schema ktrlplane_before is gone before it was copied. Restore it, or "
    "give KtrlPlane a database of its own."
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


class State(enum.Enum):
    ABSENT = enum.auto()
    FOUND = enum.auto()
    SET_ASIDE = enum.auto()
    COPIED = enum.auto()


def state_of(connection: psycopg.Connection[Any]) -> State:
    """Raises: CannotMigrate for a database of theirs that cannot be taken over."""
    if _is_there(connection, "ktrlplane.predecessor"):
        (is_copied,) = _row(connection, "SELECT copied_at IS NOT NULL FROM ktrlplane.predecessor")
        return State.COPIED if is_copied else State.SET_ASIDE
    ours = _is_there(connection, "ktrlplane._yoyo_migration")
    theirs = ("public.schema_migrations", "ktrlplane.users")
    if ours or not all(_is_there(connection, table) for table in theirs):
        return State.ABSENT
    _require_known(connection)
    return State.FOUND


def steps(state: State) -> Sequence[str]:
    """Those still to be taken beside the numbered ones."""
    return {State.FOUND: (SET_ASIDE, COPIED), State.SET_ASIDE: (COPIED,)}.get(state, ())


def preview(connection: psycopg.Connection[Any], adoption: Adoption) -> AdoptionReport | None:
    """What copying would do, or None where nothing is to be copied. Changes nothing.

    Raises: CannotMigrate."""
    schema = {State.FOUND: THEIRS, State.SET_ASIDE: BEFORE}.get(state_of(connection))
    if schema is None:
        return None
    with _one_moment(connection):
        connection.execute("SET TRANSACTION READ ONLY")
        return _judged(connection, schema, adoption).report


def set_aside(connection: psycopg.Connection[Any], adoption: Adoption) -> None:
    """Once it is known that all of it can be copied. Raises: CannotMigrate."""
    tables = SQL(", ").join(Identifier(THEIRS, table) for table in SHAPE)
    try:
        with _one_moment(connection):
            # Whoever is still writing comes first, or is told of.
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
            connection.execute(SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(tables))
            _require_free_of_obstacles(_judged(connection, THEIRS, adoption).report)
            connection.execute("ALTER SCHEMA ktrlplane RENAME TO ktrlplane_before")
            connection.execute("CREATE SCHEMA ktrlplane")
            connection.execute(_MEMORY)
            connection.execute("INSERT INTO ktrlplane.predecessor DEFAULT VALUES")
    except LockNotAvailable as exc:
        raise CannotMigrate(_IN_USE) from exc


_MEMORY: Final = """
    CREATE TABLE ktrlplane.predecessor (
        is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
        set_aside_at timestamptz NOT NULL DEFAULT now(),
        copied_at timestamptz,
        report jsonb,
        CONSTRAINT predecessor_report CHECK ((copied_at IS NULL) = (report IS NULL))
    )
"""


def copy(connection: psycopg.Connection[Any], adoption: Adoption) -> None:
    """Into our tables, all or nothing. Raises: CannotMigrate."""
    with _one_moment(connection):
        ours = _judged(connection, BEFORE, adoption)
        _require_free_of_obstacles(ours.report)
        write(connection, ours)
        connection.execute(
            "UPDATE ktrlplane.predecessor SET copied_at = now(), report = %s::jsonb",
            [written(ours.report)],
        )


def report_of(connection: psycopg.Connection[Any]) -> AdoptionReport | None:
    """What was done, or None where nothing was."""
    if state_of(connection) is not State.COPIED:
        return None
    return read_back(_row(connection, "SELECT report FROM ktrlplane.predecessor")[0])


@contextmanager
def _one_moment(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that sees the database as it is now, with times in UTC."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL timezone = 'UTC'")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def _judged(connection: psycopg.Connection[Any], schema: str, adoption: Adoption) -> Ours:
    if not _row(connection, "SELECT to_regnamespace(%s) IS NOT NULL", schema)[0]:
        raise CannotMigrate(_GONE)
    (now,) = _row(connection, "SELECT now()")
    return judged(read(connection, schema), adoption, now)


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
        for one in report.findings
        if one.weight is Weight.IN_THE_WAY
    ]
    if obstacles:
        raise CannotMigrate(_IN_THE_WAY.format("; ".join(obstacles)))


def _is_there(connection: psycopg.Connection[Any], table: str) -> bool:
    return bool(_row(connection, "SELECT to_regclass(%s) IS NOT NULL", table)[0])


def _row(connection: psycopg.Connection[Any], query: str, *values: str) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row is not None, "there is always one"
    return row
