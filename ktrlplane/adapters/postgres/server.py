"""A PostgreSQL that somebody else runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from attrs import field, frozen
from psycopg.conninfo import conninfo_to_dict

from ktrlplane.ports.database import DatabaseServer, DatabaseUnavailable

CONNECT_TIMEOUT_S = 5
OLDEST = 14


@frozen
class ExternalPostgres(DatabaseServer):
    """Version 14 or later. Opening it asks once whether it is there."""

    url: str = field(repr=False)

    @contextmanager
    def open(self) -> Iterator[str]:
        parts = _parts(self.url)
        try:
            with psycopg.connect(self.url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
                version = connection.info.server_version // 10_000
        except psycopg.Error as exc:
            raise DatabaseUnavailable(
                f"{_name(parts)} cannot be reached: {_reason(exc, parts)}."
                " Check KTRLPLANE_DATABASE_URL, and that PostgreSQL runs there."
            ) from None  # a traceback would show the driver's words, which may quote the URL
        if version < OLDEST:
            raise DatabaseUnavailable(
                f"{_name(parts)} is PostgreSQL {version}: upgrade it to {OLDEST} or later."
            )
        yield self.url


def _parts(url: str) -> dict[str, Any]:
    """Refuses what is read as something else than was meant: a password with a bare ``@`` or
    ``/`` spills into host, port and database name, which we are about to show."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {"port": "unreadable"}
    shown = f"{parts.get('host', '')}{parts.get('hostaddr', '')}{parts.get('dbname', '')}"
    port = str(parts.get("port", "")).replace(",", "")
    if "@" in shown or (port and not port.isdecimal()):
        raise DatabaseUnavailable(
            "KTRLPLANE_DATABASE_URL cannot be read: write postgresql://user:password@host:port/name"
            " and, in user and password, %40 for @, %2F for /, %3A for : and %25 for %."
        )
    return parts


def _name(parts: dict[str, Any]) -> str:
    host = parts.get("host") or parts.get("hostaddr") or "the default host"
    port = f":{parts['port']}" if parts.get("port") else ""
    name = parts.get("dbname") or parts.get("user") or "of the user's name"
    return f"The database {name} at {host}{port}"


def _reason(exc: psycopg.Error, parts: dict[str, Any]) -> str:
    """libpq tells why in words alone; the last part of its first line is the cause."""
    first = (str(exc).strip() or type(exc).__name__).splitlines()[0]
    cause = first.rpartition("failed: ")[2].removeprefix("FATAL:").strip().rstrip(".")
    password = parts.get("password")
    return cause.replace(password, "****") if password else cause
