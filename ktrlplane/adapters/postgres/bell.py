"""Hearing that reports have come in."""

import logging
from collections.abc import Callable
from threading import Event
from typing import Final

import psycopg
from attrs import field, frozen

from ktrlplane.adapters.postgres.lines import SOCKET
from ktrlplane.ports.jobs import Bell

_LISTEN: Final = b"LISTEN ktrlplane_reports"
_HEAR_FOR_S: Final = 1.0
"""A stop waits for this at most."""
_PAUSES_S: Final = (0.25, 1.0, 2.0, 5.0)

_log = logging.getLogger(__name__)


@frozen
class PostgresBell(Bell):
    """``url`` is anything that libpq takes."""

    url: str = field(repr=False)

    def listen(self, ring: Callable[[], object], stop: Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                with psycopg.connect(
                    self.url, autocommit=True, application_name="ktrlplane bell", **SOCKET
                ) as connection:
                    connection.execute(_LISTEN)
                    failures = 0
                    ring()  # for what came before anybody listened
                    _hear(connection, ring, stop)
            except psycopg.Error as exc:
                pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
                failures += 1
                if failures == 1:
                    _log.warning("reports_not_heard", extra={"reason": str(exc).strip()})
                stop.wait(pause)


def _hear(connection: psycopg.Connection, ring: Callable[[], object], stop: Event) -> None:
    while not stop.is_set():
        for _ in connection.notifies(timeout=_HEAR_FOR_S, stop_after=1):
            ring()
