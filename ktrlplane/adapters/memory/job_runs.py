from collections.abc import Sequence
from datetime import datetime

from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.jobs import JobRun
from ktrlplane.ports.jobs import JobRuns


class MemoryJobRuns(JobRuns):
    def __init__(self, tables: Tables) -> None:
        self._rows = tables.job_runs

    def record(self, job: str, at: datetime, failures: int) -> None:
        known = self._rows.find(job)
        before = None if known is None else known.last_success_at
        success = at if failures == 0 else before
        self._rows.put(JobRun(job=job, last_run_at=at, last_success_at=success, failures=failures))

    def all(self) -> Sequence[JobRun]:
        return sorted(self._rows.all(), key=lambda run: run.job)
