"""A connection that does nothing but listen."""

import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from secrets import token_hex
from typing import Any, Final, Self

import psycopg
from psycopg.pq import ExecStatus, PGnotify

from ktrlplane.adapters.postgres.decisions import Decisions
from ktrlplane.adapters.postgres.pool import options

CHANNEL: Final = b"ktrlplane_access"

_PATIENCE_S: Final = 2.0
"""For an answer of the server to somebody who asks nothing difficult."""

_SETTINGS: Final = {
    # Who notifies commits while no other can: what need not last must not wait for a disk.
    "synchronous_commit": "off",
    "lock_timeout": "1s",
    "statement_timeout": "1s",
}
SOCKET: Final[Mapping[str, Any]] = {
    "connect_timeout": 2,
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,
}
Result = psycopg.pq.abc.PGresult
_OK: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


class Unproven(Exception):
    """That all changes are heard on this line; says why."""


class Line:
    """To be used by one thread. It asks libpq itself: what waits here must be able to give
    up, and to hear while it waits."""

    def __init__(
        self, connection: psycopg.Connection[Any], decisions: Decisions, ended: socket.socket
    ) -> None:
        self._pg = connection.pgconn
        self._decisions, self._ended = decisions, ended
        self._own = f"ktrlplane_beat_{token_hex(8)}".encode()
        self._sent = self._back = 0

    @classmethod
    @contextmanager
    def to(cls, url: str, decisions: Decisions, ended: socket.socket) -> Iterator[Self]:
        """Waiting ends early when there is something to read from ``ended``."""
        connection = psycopg.connect(
            url,
            autocommit=True,
            options=options(url, _SETTINGS),
            application_name="ktrlplane changes",
            **SOCKET,
        )
        with closing(connection):
            yield cls(connection, decisions, ended)

    def listen(self) -> None:
        """What was remembered before may be out of date. Raises: Unproven, psycopg.Error."""
        if self._one(b"SELECT pg_backend_pid()") != str(self._pg.backend_pid).encode():
            raise Unproven(
                "Something between KtrlPlane and PostgreSQL shares connections; "
                "notifications do not come through."
            )
        for channel in (CHANNEL, self._own):
            if not self._ask(b"LISTEN " + channel):
                raise Unproven("The database does not let one listen; it may be a standby.")
        self._decisions.forget()

    def beat(self) -> bool:
        """Whether everything that was committed before this has been heard.
        Raises: Unproven, psycopg.Error."""
        begun = self._decisions.now()
        self._sent += 1
        if not self._ask(b"SELECT pg_notify('%b', '%d')" % (self._own, self._sent)):
            return False
        deadline = time.monotonic() + _PATIENCE_S
        while self._back < self._sent:
            self._hear_before(deadline)
        self._decisions.vouch(begun)
        return True

    def hear_for(self, seconds: float) -> None:
        """Or until the end. Raises: psycopg.Error."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._was_ended():
            self._hear_within(left)

    # ------------------------------------------------------------------------------------------

    def _one(self, query: bytes) -> bytes | None:
        results = self._results(query)
        return results[0].get_value(0, 0) if results and results[0].ntuples else None

    def _ask(self, query: bytes) -> bool:
        return all(result.status in _OK for result in self._results(query))

    def _results(self, query: bytes) -> list[Result]:
        self._pg.send_query(query)
        deadline = time.monotonic() + _PATIENCE_S
        results: list[Result] = []
        while True:
            while self._pg.is_busy():
                self._hear_before(deadline)
            result = self._pg.get_result()
            if result is None:
                return results
            results.append(result)

    def _hear_before(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or self._was_ended():
            raise Unproven("The database does not answer the one who listens.")
        self._hear_within(left)

    def _hear_within(self, seconds: float) -> None:
        """Returns when something came, if only a part of it."""
        self._pg.flush()
        if self._pg.socket in readable([self._pg.socket, self._ended.fileno()], seconds):
            self._pg.consume_input()
        while heard := self._pg.notifies():
            self._take(heard)

    def _take(self, heard: PGnotify) -> None:
        if heard.relname == CHANNEL:
            self._decisions.changed([heard.extra.decode()])
        elif heard.relname == self._own and heard.be_pid == self._pg.backend_pid:
            self._back = int(heard.extra)

    def _was_ended(self) -> bool:
        return bool(readable([self._ended.fileno()], 0.0))


def readable(descriptors: Iterable[int], within_s: float) -> set[int]:
    """Those that can be read, as soon as one can. By poll: a process may have more than the
    thousand that select knows."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(within_s * 1000)}
