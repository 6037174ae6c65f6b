"""Databases of their own for the tests, on one server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import psycopg
from attrs import field, frozen
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool


@frozen
class Databases:
    """Makes databases on the server at ``server_url`` and drops them all at the end."""

    server_url: str = field(repr=False)
    _made: list[str] = field(factory=list, repr=False)

    def make_database(self, template: str | None = None) -> str:
        """A connection string of a new database, empty or a copy of the one that the connection
        string ``template`` names, to which nobody may be connected."""
        name = f"kp_test_{os.getpid()}_{uuid4().hex[:12]}"
        copied = conninfo_to_dict(template)["dbname"] if template else "template0"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(str(copied))))
        self._made.append(name)
        return make_conninfo(self.server_url, dbname=name)

    def drop_database(self, url: str) -> None:
        self._drop(str(conninfo_to_dict(url)["dbname"]))

    def drop_all(self) -> None:
        for name in list(self._made):
            self._drop(name)

    def _drop(self, name: str) -> None:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(statement.format(sql.Identifier(name)))
        self._made.remove(name)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def databases_on(server_url: str) -> Iterator[Databases]:
    databases = Databases(server_url)
    try:
        yield databases
    finally:
        databases.drop_all()


def empty(pool: ConnectionPool[Any]) -> None:
    """Deletes every row; of few rows, that takes a tenth of what TRUNCATE does."""
    with pool.connection() as connection:
        for table in (
            "billing_accounts",
            "merchant",
            "payment_notices",
            "simulated_payments",
            "notable_events",
            "notifications",
            "notification_letters",
            "notification_preferences",
            "webhook_deliveries",
            "webhooks",
            "events",
            "event_chains",
            "idempotency_answers",
            "reports",
            "refused_reports",
            "resource_transitions",
            "job_runs",
            "limit_overrides",
            "invitations",
            "role_assignments",
            "groups",
            "service_accounts",
            "roles",
            "permissions",
            "billing_accounts",
            "resources",
            "projects",
            "organizations",
            "users",
        ):
            connection.execute(
                sql.SQL("DELETE FROM {}").format(sql.Identifier("ktrlplane", table))
            )


def as_url(conninfo: str) -> str:
    """The same as an address, which settings take."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"
