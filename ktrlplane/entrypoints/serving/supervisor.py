"""Keeps the web server and the worker running beside each other, and stops both in order."""

import http.client
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

import structlog
from attrs import define, field

from ktrlplane.entrypoints.serving.web import DRAIN_S

READY_WITHIN_S: Final = 120.0
LOOK_EVERY_S: Final = 0.1
STOP_WITHIN_S: Final = DRAIN_S + 5.0
LONGEST_PAUSE_S: Final = 30.0
STEADY_AFTER_S: Final = 60.0
"""A worker that lived this long starts again at once, whatever happened before."""

_log = structlog.get_logger(__name__)


class ServingFailed(Exception):
    """``str()`` is a sentence for a person."""


@define
class Child:
    """In a session of its own: Ctrl-C is for the parent, which stops its children in order.

    Its standard output goes to standard error, since ours has the address alone.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    _process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            # -P: else modules would come first of all from the folder that we were started in.
            [sys.executable, "-P", "-m", *self.command],
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
        _log.info("child_started", child=self.name, pid=self._process.pid)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self.runs:
            self._process.send_signal(number)

    def kill(self) -> None:
        """With all the processes of its own: the session is its group too."""
        if self._process is not None and self.runs:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@define
class Supervisor:
    """In the main thread, where signals arrive and whose end Linux takes for the parent's.

    Signals come through a queue that is safe to fill from a handler.
    """

    web: Child
    worker: Child | None
    is_ready: Callable[[], bool]
    on_ready: Callable[[], None]
    _told: SimpleQueue[int] = field(factory=SimpleQueue, init=False)
    _deaths: int = field(default=0, init=False)
    _again_at: float | None = field(default=None, init=False)

    def run(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP; returns when everything is stopped.

        Raises: ServingFailed when the web server ends by itself or never gets ready.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._tell)
        self.web.start()
        if self.worker is not None:
            self.worker.start()
        try:
            if self._wait_until_ready():
                self.on_ready()
                self._watch()
        finally:
            self._stop()

    def _tell(self, number: int, _frame: FrameType | None) -> None:
        self._told.put(number)

    def _asked_to_stop(self, timeout_s: float | None) -> bool:
        """Waits for news, no longer than that; the news of a child's death ends the wait."""
        try:
            return self._told.get(timeout=timeout_s) != signal.SIGCHLD
        except Empty:
            return False

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_ready():
            if self._asked_to_stop(LOOK_EVERY_S):
                return False
            self._look_after_children()
            if time.monotonic() > deadline:
                raise ServingFailed(
                    f"The web server did not get ready within {READY_WITHIN_S:.0f} seconds; "
                    "its log above says more."
                )
        return True

    def _watch(self) -> None:
        while True:
            wait = None if self._again_at is None else max(0.0, self._again_at - time.monotonic())
            if self._asked_to_stop(wait):
                return
            self._look_after_children()

    def _look_after_children(self) -> None:
        if not self.web.runs:
            raise ServingFailed(
                f"The web server ended by itself ({_told_status(self.web.exit_status)}); "
                "its log above says why."
            )
        if self.worker is not None and not self.worker.runs:
            self._revive(self.worker)

    def _revive(self, worker: Child) -> None:
        now = time.monotonic()
        if self._again_at is None:
            self._deaths = 1 if now - worker.started_at > STEADY_AFTER_S else self._deaths + 1
            longest = min(LONGEST_PAUSE_S, 0.25 * 2.0 ** min(self._deaths, 10))
            pause = random.uniform(longest / 2, longest)  # noqa: S311
            self._again_at = now + pause
            _log.warning(
                "worker_died",
                status=_told_status(worker.exit_status),
                again_in_s=round(pause, 2),
            )
        elif now >= self._again_at:
            self._again_at = None
            worker.start()

    def _stop(self) -> None:
        children = [child for child in (self.web, self.worker) if child is not None]
        for child in children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S
        while any(child.runs for child in children):
            hurry = self._asked_to_stop(max(0.0, deadline - time.monotonic()))
            if hurry or time.monotonic() > deadline:
                for child in children:
                    child.kill()
        _log.info("stopped")


def answers_ready(url: str) -> bool:
    """Whether ``GET /health/ready`` at ``url`` says 200."""
    place = urlsplit(url)
    try:
        with closing(http.client.HTTPConnection(place.netloc, timeout=5)) as connection:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def _told_status(status: int | None) -> str:
    if status is not None and status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"
