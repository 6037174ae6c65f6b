"""How the work in the background goes, for who watches over a platform from outside: neither
a probe nor a monitor is anybody who could be authorized."""

from collections.abc import Iterable, Sequence

from ktrlplane.domain.jobs import Duty, JobHealth, health_of
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.reports import InboxCount
from ktrlplane.ports.unit_of_work import UnitOfWork


def watch_jobs(
    work: UnitOfWork, duties: Iterable[Duty], *, platform: Platform
) -> Sequence[JobHealth]:
    """In the order of ``duties``."""
    return health_of(duties, work.job_runs.all(), platform.now())


def count_reports(work: UnitOfWork) -> InboxCount:
    return work.inbox.count()
