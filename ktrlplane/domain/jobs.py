"""What is done in the background again and again, and whether it still is."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

SOONEST_LATE: Final = timedelta(seconds=60)
"""How a job went is not written down at every turn, and a worker may just be starting."""

TURNS_MISSED: Final = 3


@frozen(kw_only=True)
class Duty:
    """A job that is to be done ``every`` so often; a run may take as long as ``lasts``, and
    nothing need be wrong."""

    job: str
    every: timedelta
    lasts: timedelta = timedelta(0)

    @property
    def late_after(self) -> timedelta:
        """For so long it need not have succeeded."""
        return max(SOONEST_LATE, TURNS_MISSED * self.every) + self.lasts


@frozen(kw_only=True)
class JobRun:
    """How a job went last, in whichever worker. ``failures`` are those in a row."""

    job: str
    last_run_at: datetime
    last_success_at: datetime | None
    failures: int


@frozen(kw_only=True)
class JobHealth:
    """``last_success_at`` is None for one that has never succeeded."""

    job: str
    last_success_at: datetime | None
    failures: int
    is_late: bool


def health_of(
    duties: Iterable[Duty], runs: Iterable[JobRun], now: datetime
) -> Sequence[JobHealth]:
    """Of each duty, in their order. What fails is not late yet: it is tried again."""
    known = {run.job: run for run in runs}
    return [_health(duty, known.get(duty.job), now) for duty in duties]


def _health(duty: Duty, run: JobRun | None, now: datetime) -> JobHealth:
    success = None if run is None else run.last_success_at
    return JobHealth(
        job=duty.job,
        last_success_at=success,
        failures=run.failures if run else 0,
        # One from far ahead is of a clock that was set right since, and says nothing.
        is_late=success is None or abs(now - success) > duty.late_after,
    )
