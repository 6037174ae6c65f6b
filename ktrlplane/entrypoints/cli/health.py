"""How the work in the background goes, for a person and for a probe."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import click

from ktrlplane.domain.jobs import JobHealth
from ktrlplane.domain.services.watching import count_reports, watch_jobs
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.jobs import DUTIES
from ktrlplane.entrypoints.tables import table

_HEAD: Final = ("JOB", "LAST SUCCESS", "FAILURES SINCE", "")
_NOBODY: Final = (
    "No worker has done anything yet: start ktrlplane worker, or ktrlplane serve without "
    "--no-worker, on this database."
)
_LATE: Final = (
    "The background work is late: {}. If no worker runs, start ktrlplane worker, or ktrlplane "
    "serve without --no-worker; if one does, look for job_failed in its log."
)


def tell_health(container: Container) -> int:
    """1 where anything is late, else 0."""
    platform, transact = container.platform(), container.transact()
    jobs = transact.read(lambda work: watch_jobs(work, DUTIES, platform=platform))
    counted = transact.read(count_reports)
    now = platform.now()
    for line in table(_HEAD, [_row(job, now) for job in jobs]):
        click.echo(line)
    waits = "1 report waits" if counted.waiting == 1 else f"{counted.waiting} reports wait"
    were = "was" if counted.refused == 1 else "were"
    click.echo(f"{waits}, {counted.refused} {were} refused.")
    late = [job.job for job in jobs if job.is_late]
    click.echo(_sentence(jobs, late))
    return 1 if late else 0


def _row(job: JobHealth, now: datetime) -> Sequence[str]:
    success = job.last_success_at
    told = "never" if success is None else f"{_whole(now - success)} s ago"
    return job.job, told, str(job.failures), "late" if job.is_late else ""


def _whole(duration: timedelta) -> int:
    """The clock of who did it may be a little ahead."""
    return max(0, round(duration.total_seconds()))


def _sentence(jobs: Sequence[JobHealth], late: Sequence[str]) -> str:
    if not late:
        return "The background work is done in time."
    if all(job.last_success_at is None and not job.failures for job in jobs):
        return _NOBODY
    return _LATE.format(", ".join(late))
