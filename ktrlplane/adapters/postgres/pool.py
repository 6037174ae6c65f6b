"""Connections to PostgreSQL."""

import math
import select
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import psycopg
from psycopg.abc import Transformer
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from ktrlplane.adapters.postgres.adaptation import adapters
from ktrlplane.adapters.postgres.silence import Patience, Watch


class Connection(psycopg.Connection[Any]):
    """``used_at`` is when it was last seen to work, on the monotonic clock; ``prepared`` are
    the statements that it knows by name, and ``loading`` reads what they give. ``is_given_up``
    is of one whose server is silent (see ``silence``)."""

    used_at: float = -math.inf
    is_given_up: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[bytes] = set()

    @cached_property
    def loading(self) -> Transformer:
        # Made once the pool has said how values are read.
        return psycopg.adapt.Transformer(self)


class Pool(ConnectionPool[Connection]):
    """Nobody who has borrowed waits without end for a server that is silent."""

    def __init__(self, url: str, patience: Patience, **but: Any) -> None:
        self._lent: dict[Connection, float] = {}
        self._watch = Watch(url, self._lent, patience)
        super().__init__(url, connection_class=Connection, **but)

    def getconn(self, timeout: float | None = None) -> Connection:
        connection = super().getconn(timeout)
        self._lent[connection] = time.monotonic()
        return connection

    def putconn(self, conn: Connection) -> None:
        self._lent.pop(conn, None)
        super().putconn(conn)

    def close(self, timeout: float = 5.0) -> None:
        self._watch.end()
        super().close(timeout)


_SETTINGS: Final = {
    "timezone": "UTC",
    # The only one that the driver reads.
    "datestyle": "ISO",
    # Who waits longer for a tenant is told to try again; a request should not outlive this.
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    # A unit of work waits for nobody but the database: one that rests has lost its process.
    "idle_in_transaction_session_timeout": "30s",
    # Lists that look expensive to the planner would be compiled for longer than they run.
    "jit": "off",
    # The queries leave the planner no choice that depends on a value. It would all the same
    # plan a check anew each time, for three times as long as it runs: two questions look
    # cheaper than the ten that it expects of an array it does not know.
    "plan_cache_mode": "force_generic_plan",
}
"""How every connection is set that units of work use."""

_PREPARE_AFTER: Final = 2
_FRESH_S: Final = 0.2
_PATIENCE: Final = Patience()


def open_pool(
    url: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    application_name: str = "ktrlplane",
    wait_s: float = 5.0,
    patience: Patience = _PATIENCE,
) -> Pool:
    """Does not wait for the database to be there: whoever needs a connection does, ``wait_s``.

    ``url`` is anything that libpq takes. To be called after a server has forked.
    """
    return Pool(
        url,
        patience,
        kwargs={
            "autocommit": True,
            "prepare_threshold": _PREPARE_AFTER,
            "context": adapters(),
            "options": options(url, _SETTINGS),
            "application_name": application_name,
        },
        min_size=min_size,
        max_size=max_size,
        timeout=wait_s,
        # The pool doubles its pauses between attempts. From here on the next request makes
        # one: however long the database was away, it is used soon after it is back.
        reconnect_timeout=wait_s,
        open=True,
    )


def options(url: str, settings: Mapping[str, str]) -> str:
    """For the server, unless the URL's own say otherwise."""
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return f"{ours} {conninfo_to_dict(url).get('options') or ''}".rstrip()


def is_standby(connection: Connection) -> bool:
    return connection.pgconn.parameter_status(b"in_hot_standby") == b"on"


def is_alive(connection: Connection) -> bool:
    """Whether the server has not hung up, as far as this end of the connection knows.

    Costs no round trip: a server that went away has left the end of the stream to be read.
    One that worked a moment ago is not looked at, since that would be a system call for every
    request of a busy process; should it be dead, whoever uses it tries again, and by the time
    of the last attempt the moment is over.
    """
    if time.monotonic() - connection.used_at < _FRESH_S:
        return True
    poll = select.poll()
    try:
        poll.register(connection.pgconn.socket, select.POLLIN)
        for _ in range(_MESSAGES):
            if not poll.poll(0):
                return True
            connection.pgconn.consume_input()
    except psycopg.Error:
        return False
    return False


_MESSAGES: Final = 16
"""More than a server says to who has not asked anything."""
