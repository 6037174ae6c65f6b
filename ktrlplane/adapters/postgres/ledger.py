"""yoyo's backend, made to fit: which steps a database has had is written down by it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, cast
from uuid import uuid4

import psycopg
from yoyo import internalmigrations  # type: ignore[import-untyped]
from yoyo.backends.core.postgresql import (  # type: ignore[import-untyped]
    PostgresqlPsycopgBackend,
)
from yoyo.migrations import Migration  # type: ignore[import-untyped]

from ktrlplane.adapters.postgres.adaptation import adapters

SCHEMA: Final = "ktrlplane"
TABLE: Final = "_yoyo_migration"
CONNECT_TIMEOUT_S: Final = 5


class Ledger(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
    """Differs from yoyo's own in this:

    - It hands the URL to libpq as it is. Yoyo takes it apart, and loses a socket's folder or
      a second host with a port of its own.
    - A step and the word that it was done are one transaction. Yoyo makes two of them, on
      two connections: killed in between, a step that was done is done again and fails.
    - Who migrates is alone by an advisory lock, which ends with its connection. Yoyo's row in
      a table stays when its writer is killed, and keeps everybody out until somebody deletes it.
    - What it writes down is in our schema; ``public`` may belong to others.
    """

    def __init__(self, url: str) -> None:
        self.schema = SCHEMA
        super().__init__(url, TABLE)

    def connect(self, dburi: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            dburi, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, context=adapters()
        )

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT set_config('search_path', %s, false)", (SCHEMA,))

    @contextmanager
    def lock(self, timeout: float = 0) -> Iterator[None]:
        """Waits for as long as the others take."""
        self.connection.execute("SET lock_timeout = 0")
        self.connection.execute("SET statement_timeout = 0")
        self.connection.execute("SELECT pg_advisory_lock(hashtextextended('migrations', 0))")
        yield
        # Not in a finally clause: after an error, closing the connection unlocks all the same.
        self.connection.execute("SELECT pg_advisory_unlock(hashtextextended('migrations', 0))")

    def ensure_internal_schema_updated(self) -> None:
        """As a part of the transaction, if one has begun: yoyo's own would end it."""
        if not self._in_transaction:
            super().ensure_internal_schema_updated()
        elif internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)

    def list_tables(self, **_: object) -> list[str]:
        rows = self.connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (SCHEMA,)
        )
        return [name for (name,) in rows]

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:  # noqa: FBT001, FBT002
        with self.transaction():
            migration.process_steps(self, "apply", force)
            self.mark_one(migration)

    def get_log_data(
        self, migration: Migration | None = None, operation: str = "apply"
    ) -> dict[str, Any]:
        # Yoyo asks the system for the user's name and the host's domain: a container may have
        # neither, and a broken resolver takes seconds to say so.
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.connection.info.user,
            "hostname": socket.gethostname(),
            "created_at_utc": self._now(),
            "operation": operation,
        }

    def _now(self) -> datetime:
        """Naive, in UTC, as yoyo keeps times."""
        (now,) = self.connection.execute("SELECT now() AT TIME ZONE 'UTC'").fetchone()
        return cast(datetime, now)
