"""Connections to PostgreSQL."""

import select
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from ktrlplane.adapters.postgres.adaptation import adapters

Pool = ConnectionPool[psycopg.Connection[Any]]

_SETTINGS: Final = {
    "timezone": "UTC",
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
"""How every connection is set, unless the URL's own ``options`` say otherwise."""

_PREPARE_AFTER: Final = 2


def open_pool(
    url: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    application_name: str = "ktrlplane",
    wait_s: float = 5.0,
) -> Pool:
    """Does not wait for the database to be there: whoever needs a connection does, ``wait_s``.

    ``url`` is anything that libpq takes. To be called after a server has forked.
    """
    return ConnectionPool(
        url,
        kwargs={
            "autocommit": True,
            "prepare_threshold": _PREPARE_AFTER,
            "context": adapters(),
            "options": _options(url),
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


def _options(url: str) -> str:
    ours = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return f"{ours} {conninfo_to_dict(url).get('options') or ''}".rstrip()


def is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has not hung up, as far as this end of the connection knows.

    Costs no round trip: a server that went away has left the end of the stream to be read.
    """
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
