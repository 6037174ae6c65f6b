"""The background worker: named jobs, each at its own interval, until somebody says stop."""

import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from typing import Final

from attrs import define, field, frozen

LONGEST_PAUSE_S: Final = 60.0

# The library runs these jobs too: what it says goes where the host program wants it.
_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Job:
    """``run`` does at most a batch, each piece in a unit of work of its own, looks at the event
    between pieces, and says whether more is waiting. It may be cut off anywhere and run by
    several workers at once. ``close`` ends what the last run has left under way."""

    name: str
    every_s: float
    run: Callable[[threading.Event], bool]
    waits_for_the_bell: bool = False
    close: Callable[[], object] = field(default=lambda: None)


@frozen(kw_only=True)
class Run:
    """How a job went. ``failures`` are those in a row."""

    job: str
    at: datetime
    failures: int

    @property
    def succeeded(self) -> bool:
        return self.failures == 0


@define
class _Turn:
    """When a job is due next, on the monotonic clock, and how it went."""

    job: Job
    due: float
    wake: threading.Event = field(factory=threading.Event)
    failures: int = 0
    last_success: datetime | None = None

    def told(self) -> dict[str, object]:
        since = self.last_success and self.last_success.isoformat()
        return {"job": self.job.name, "last_success": since}


def _listen_to_nothing(_ring: Callable[[], object], _stop: threading.Event) -> None:
    pass


@define
class Worker:
    """Each job has a thread, so that a slow one keeps no other waiting. ``listen`` calls back
    when there is something to do for the jobs that wait for the bell; ``record`` is told
    how each run went. ``stop`` ends all after the present piece of work."""

    jobs: Sequence[Job]
    now: Callable[[], datetime]
    stop: threading.Event = field(factory=threading.Event)
    monotonic: Callable[[], float] = time.monotonic
    listen: Callable[[Callable[[], object], threading.Event], None] = _listen_to_nothing
    record: Callable[[Run], object] = field(default=lambda _: None)

    def run(self) -> None:
        """Until ``stop``. Raises: what a thread failed with, beside the jobs themselves."""
        turns = [_Turn(job, self.monotonic()) for job in self.jobs]
        _log.info("worker_started", extra={"jobs": [job.name for job in self.jobs]})
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._kept, args=(act, failures), name=name)
            for name, act in (
                ("bell", partial(self.listen, partial(_ring, turns), self.stop)),
                *((turn.job.name, partial(self._take_turns, turn)) for turn in turns),
            )
        ]
        for thread in threads:
            thread.start()
        self.stop.wait()
        for turn in turns:
            turn.wake.set()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        _log.info("worker_stopped")

    def _kept(self, act: Callable[[], object], failures: list[BaseException]) -> None:
        """A thread that fails takes the worker with it, and does not leave it limping."""
        try:
            act()
        except BaseException as exc:  # noqa: BLE001 - raised by ``run``
            failures.append(exc)
            self.stop.set()

    def _take_turns(self, turn: _Turn) -> None:
        while not self.stop.is_set():
            turn.wake.clear()
            if turn.due <= self.monotonic():
                self._take(turn)
            if not self.stop.is_set() and turn.wake.wait(max(0.0, turn.due - self.monotonic())):
                turn.due = self.monotonic()
        self._close(turn)

    def _close(self, turn: _Turn) -> None:
        try:
            turn.job.close()
        except Exception as exc:  # noqa: BLE001 - the others are to end too
            _log.warning("job_not_closed", extra=turn.told(), exc_info=exc)

    def _take(self, turn: _Turn) -> None:
        job = turn.job
        try:
            more = job.run(self.stop)
        except Exception as exc:  # noqa: BLE001 - one job's fault must not end the others
            turn.failures += 1
            pause = _backoff(job.every_s, turn.failures)
            turn.due = self.monotonic() + pause
            said = turn.told() | {"failures": turn.failures, "again_in_s": round(pause, 2)}
            _log.warning("job_failed", extra=said, exc_info=exc)
        else:
            if turn.failures:
                _log.info("job_recovered", extra=turn.told() | {"failures": turn.failures})
            turn.failures, turn.last_success = 0, self.now()
            turn.due = self.monotonic() + (0.0 if more else job.every_s)
            _log.debug("job_done", extra=turn.told())
        self._tell(turn)

    def _tell(self, turn: _Turn) -> None:
        try:
            self.record(Run(job=turn.job.name, at=self.now(), failures=turn.failures))
        except Exception as exc:  # noqa: BLE001 - the work itself is done
            _log.debug("run_not_recorded", extra=turn.told(), exc_info=exc)


def _ring(turns: Sequence[_Turn]) -> None:
    for turn in turns:
        if turn.job.waits_for_the_bell and not turn.failures:
            turn.wake.set()


def _backoff(every_s: float, failures: int) -> float:
    """Random, so that workers that failed together do not come back together."""
    longest = min(LONGEST_PAUSE_S, every_s * 2.0 ** min(failures, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311


def run_until_told(worker: Worker) -> None:
    """Until SIGTERM or SIGINT. In the main thread.

    The signals come through a queue that is safe to fill from a handler; an event is not:
    the handler may run while this very thread holds the event's lock.
    """
    told: SimpleQueue[BaseException | None] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.put(None))

    def work() -> None:
        try:
            worker.run()
        except BaseException as exc:  # noqa: BLE001 - handed to the main thread
            told.put(exc)

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    failure = told.get()
    worker.stop.set()
    thread.join()
    if failure is not None:
        raise failure
