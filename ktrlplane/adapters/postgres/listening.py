"""Hearing of the changes that others make to who may do what."""

import logging
import math
import socket
import time
from threading import Lock, Thread
from typing import Final

import psycopg

from ktrlplane.adapters.postgres.decisions import Decisions
from ktrlplane.adapters.postgres.lines import Line, Unproven, readable

_BEAT_S: Final = 0.25
_PAUSES_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
_WANTED_FOR_S: Final = 10.0
"""Whom nobody has asked for so long need not be up to date."""
_PATIENCE_S: Final = 2.0

# The library listens too: what it says goes where the host program wants it.
_log = logging.getLogger(__name__)


class Listener:
    """Keeps ``decisions`` up to date, in a thread of its own that begins when it is first
    wanted: after a server has forked.

    Every quarter of a second it sends a notification to itself. PostgreSQL delivers them in
    the order of their commits: when that one is back, everything that was committed before it
    was sent has been heard.
    """

    def __init__(self, url: str, decisions: Decisions) -> None:
        """``url`` is anything that libpq takes."""
        self.decisions = decisions
        self._url = url
        self._wanted_at = -math.inf
        self._lock = Lock()
        self._thread: Thread | None = None
        self._end, self._ended = socket.socketpair()
        self._is_closed = False
        self._told: str | None = None

    def want(self) -> None:
        """Somebody is about to ask ``decisions``."""
        self._wanted_at = time.monotonic()
        if self._thread is None:
            self._begin()

    def close(self) -> None:
        """Returns soon, whatever the server does."""
        with self._lock:
            self._is_closed = True
        self._end.close()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
        if self._thread is None or not self._thread.is_alive():
            self._ended.close()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = Thread(target=self._run, name="access-changes", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        failures = 0
        while not self._is_closed:
            try:
                with Line.to(self._url, self.decisions, self._ended) as line:
                    line.listen()
                    failures = 0
                    self._keep_up(line)
            except (psycopg.Error, Unproven) as exc:
                self._tell(str(exc))
            pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
            failures += 1
            readable([self._ended.fileno()], pause)

    def _keep_up(self, line: Line) -> None:
        while not self._is_closed:
            if time.monotonic() - self._wanted_at < _WANTED_FOR_S and line.beat():
                self._tell(None)
            line.hear_for(_BEAT_S)

    def _tell(self, reason: str | None) -> None:
        """Once, until it is another one; nothing of a line that is being closed."""
        if reason == self._told or self._is_closed:
            return
        if reason is None:
            _log.info("decisions_remembered_again")
        else:
            _log.warning("decisions_not_remembered", extra={"reason": reason})
        self._told = reason
