"""The background worker: named jobs, each at its own interval, until somebody says stop."""

import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from typing import Final, TypeVar

from attrs import define, field, frozen

from ktrlplane.domain.services.deletions import (
    due_deletions,
    end_emptied_project,
    end_resource,
)
from ktrlplane.domain.services.idempotency import KEPT_FOR
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork

T = TypeVar("T")

BATCH: Final = 100
"""How much one run of a job takes on, so that a stop never waits for a mountain."""

LONGEST_PAUSE_S: Final = 60.0

# The library runs these jobs too: what it says goes where the host program wants it.
_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Job:
    """``run`` does at most a batch, each piece in a unit of work of its own, looks at the event
    between pieces, and says whether more is waiting. It may be cut off anywhere and run by
    several workers at once."""

    name: str
    every_s: float
    run: Callable[[threading.Event], bool]


@define
class _Turn:
    """When a job is due next, on the monotonic clock, and how it went."""

    job: Job
    due: float
    failures: int = 0
    last_success: datetime | None = None

    def told(self) -> dict[str, object]:
        since = self.last_success and self.last_success.isoformat()
        return {"job": self.job.name, "last_success": since}


@define
class Worker:
    """``stop`` ends it after the present piece of work."""

    jobs: Sequence[Job]
    now: Callable[[], datetime]
    stop: threading.Event = field(factory=threading.Event)
    monotonic: Callable[[], float] = time.monotonic

    def run(self) -> None:
        turns = [_Turn(job, self.monotonic()) for job in self.jobs]
        _log.info("worker_started", extra={"jobs": [job.name for job in self.jobs]})
        while not self.stop.is_set():
            for turn in turns:
                if not self.stop.is_set() and turn.due <= self.monotonic():
                    self._take(turn)
            self.stop.wait(max(0.0, min(turn.due for turn in turns) - self.monotonic()))
        _log.info("worker_stopped")

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
            return
        if turn.failures:
            _log.info("job_recovered", extra=turn.told() | {"failures": turn.failures})
        turn.failures, turn.last_success = 0, self.now()
        turn.due = self.monotonic() + (0.0 if more else job.every_s)
        _log.debug("job_done", extra=turn.told())


def _backoff(every_s: float, failures: int) -> float:
    """Random, so that workers that failed together do not come back together."""
    longest = min(LONGEST_PAUSE_S, every_s * 2.0 ** min(failures, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311


def jobs_of(transact: Transact, platform: Platform) -> Sequence[Job]:
    """What KtrlPlane does in the background."""
    return (
        Job(
            name="end_deletions",
            every_s=2.0,
            run=lambda stop: _end_deletions(transact, platform, stop),
        ),
        Job(
            name="forget_answers",
            every_s=600.0,
            run=lambda _: _forget_answers(transact, platform),
        ),
    )


def _end_deletions(transact: Transact, platform: Platform, stop: threading.Event) -> bool:
    resources, projects = transact.read(
        lambda work: due_deletions(work, limit=BATCH, platform=platform)
    )
    _each(resources, lambda work, due: end_resource(work, due, platform=platform), transact, stop)
    _each(
        projects,
        lambda work, due: end_emptied_project(work, due, platform=platform),
        transact,
        stop,
    )
    if resources or projects:
        said = {"resources": len(resources), "projects": len(projects)}
        _log.info("deletions_ended", extra=said)
    return BATCH in (len(resources), len(projects))


def _each(
    things: Iterable[T],
    act: Callable[[UnitOfWork, T], None],
    transact: Transact,
    stop: threading.Event,
) -> None:
    """Every one of ``things``: one that cannot be done does not keep the rest from it.

    Raises: ExceptionGroup of what went wrong.
    """
    failures = []
    for thing in things:
        if stop.is_set():
            return
        try:
            transact(partial(_in_unit, act, thing))
        except Exception as exc:  # noqa: BLE001 - told once the others are done
            exc.add_note(str(thing))
            failures.append(exc)
    if failures:
        raise ExceptionGroup("some could not be done", failures)


def _in_unit(act: Callable[[UnitOfWork, T], None], thing: T, work: UnitOfWork) -> None:
    act(work, thing)


def _forget_answers(transact: Transact, platform: Platform) -> bool:
    forgotten = transact(lambda work: work.answers.forget(platform.now() - KEPT_FOR))
    if forgotten:
        _log.info("answers_forgotten", extra={"count": forgotten})
    return False


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
