"""The few queries that stand behind every request of every product, without a cursor.

A cursor of psycopg steps through a query in Python on both sides of each wait for the server,
and lets go of the interpreter several times; libpq can be asked in one call, and the values of
these queries are texts, times and lists of texts. That halves what they cost on this side.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self, cast

import psycopg
from attrs import frozen
from psycopg.pq import ConnStatus, ExecStatus

from ktrlplane.adapters.postgres.pool import Connection
from ktrlplane.domain.ids import Identity

_PLACEHOLDER: Final = re.compile(rb"%\((\w+)\)s")
_OK: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
Result = psycopg.pq.abc.PGresult


@frozen(eq=False)
class Prepared:
    """A query that every connection prepares when it is first asked. ``names`` are those of its
    values, in the order in which they are sent."""

    text: bytes
    names: tuple[str, ...]
    statement: bytes

    @classmethod
    def of(cls, query: bytes) -> Self:
        """``query`` is written as for a cursor: ``%(name)s`` for values, ``%%`` for a percent
        sign."""
        found = list(dict.fromkeys(_PLACEHOLDER.findall(query)))
        places = {name: b"$%d" % number for number, name in enumerate(found, start=1)}
        text = _PLACEHOLDER.sub(lambda match: places[match[1]], query).replace(b"%%", b"%")
        digest = hashlib.blake2b(text, digest_size=8).hexdigest()
        names = tuple(name.decode() for name in found)
        return cls(text, names, f"ktrlplane_{digest}".encode())

    def rows(self, connection: Connection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Raises: psycopg.Error, and as ``_written`` does."""
        sent = [_written(values[name]) for name in self.names]
        result = self._result(connection, sent)
        loading = connection.loading
        loading.set_pgresult(result)
        return loading.load_rows(0, result.ntuples, tuple)

    def _result(self, connection: Connection, sent: Sequence[bytes | None]) -> Result:
        if self.statement not in connection.prepared:
            _demand(connection, connection.pgconn.prepare(self.statement, self.text))
            connection.prepared.add(self.statement)
        # A value that is null is None, which the types of psycopg do not say.
        result = connection.pgconn.exec_prepared(self.statement, cast("list[bytes]", sent))
        _demand(connection, result)
        return result


def after_rollback(connection: Connection) -> None:
    """psycopg lets go of all statements that it has prepared, and with them of these. To be
    called where it may have done so; takes care that it has."""
    if not connection.prepared or connection.closed:
        return
    connection.prepared.clear()
    try:
        connection.execute("DEALLOCATE ALL")
    except psycopg.Error:
        connection.close()


def _demand(connection: Connection, result: Result) -> None:
    if result.status in _OK:
        return
    if connection.pgconn.status == ConnStatus.BAD:
        # The server's last words, if it had any, have no state that would tell what it is.
        raise psycopg.OperationalError(result.get_error_message(connection.info.encoding))
    error = psycopg.errors.error_from_result(result, connection.info.encoding)
    if isinstance(error, psycopg.errors.InvalidSqlStatementName):
        connection.prepared.clear()  # somebody took them away; next time they are made anew
    raise error


def _written(value: object) -> bytes | None:
    """As PostgreSQL reads it. Raises: TypeError, ValueError for a time without its zone."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode() if type(value) is str else str(value).encode()
    if isinstance(value, Identity):
        return value.value.encode()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("A time needs its zone.")
        return value.isoformat().encode()
    if isinstance(value, list):
        return _array(value)
    raise TypeError(f"{type(value).__name__} is no value of a prepared query")


def _array(texts: Sequence[str | None]) -> bytes:
    return ("{" + ",".join(map(_element, texts)) + "}").encode()


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
