"""A PostgreSQL that somebody else runs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from attrs import field, frozen
from psycopg.conninfo import conninfo_to_dict

from ktrlplane.ports.database import DatabaseServer, DatabaseUnavailable

CONNECT_TIMEOUT_S = 5
OLDEST = 14


@frozen
class ExternalPostgres(DatabaseServer):
    """Version 14 or later. Opening it asks once whether it is there.

    ``called`` is what people know the url as.
    """

    url: str = field(repr=False)
    called: str = "the url"

    @contextmanager
    def open(self) -> Iterator[str]:
        parts = _parts(self.url, self.called)
        try:
            with psycopg.connect(self.url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
                version = connection.info.server_version // 10_000
        except psycopg.Error as exc:
            # Without the cause: a traceback would show the driver's words, which may quote it.
            raise DatabaseUnavailable(_refusal(exc, parts, self.called)) from None
        if version < OLDEST:
            raise DatabaseUnavailable(
                f"{_name(parts)} is PostgreSQL {version}: upgrade it to {OLDEST} or later."
            )
        yield self.url


_ANSWERED: Final = re.compile(r"failed: \w+:  ")
"""Libpq has no code for why it could not connect, but only the server sets two spaces after a
severity, in whichever language it speaks."""

_ADVICE: Final = (
    ("database .* does not exist", "Create it, or name another one in {}."),
    ("authentication|no pg_hba.conf|role .* does not exist", "Check user and password in {}."),
    ("too many|remaining connection", "Let it have more connections, or use fewer."),
    ("", "PostgreSQL runs there and answered that; check {}, or try later."),
)


def _refusal(exc: psycopg.Error, parts: dict[str, Any], called: str) -> str:
    reason = _reason(exc, parts)
    if _ANSWERED.search(str(exc)) is None:
        advice = f"Check {called}, and that PostgreSQL runs there."
        return f"{_name(parts)} cannot be reached: {reason}. {advice}"
    advice = next(advice for known, advice in _ADVICE if re.search(known, reason))
    return f"{_name(parts)} cannot be used: {reason}. {advice.format(called)}"


def _parts(url: str, called: str) -> dict[str, Any]:
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
            f"{called[0].upper()}{called[1:]} cannot be read: write"
            " postgresql://user:password@host:port/name and, in user and password,"
            " %40 for @, %2F for /, %3A for : and %25 for %."
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
    cause = re.sub(r"\w+:  ", "", first.rpartition("failed: ")[2], count=1).strip().rstrip(".")
    password = parts.get("password")
    return cause.replace(password, "****") if password else cause
