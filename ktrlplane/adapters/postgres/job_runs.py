from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ktrlplane.adapters.postgres.session import Session
from ktrlplane.domain.jobs import JobRun
from ktrlplane.ports.jobs import JobRuns

_RECORD: Final = b"""
    INSERT INTO ktrlplane.job_runs AS known (job, last_run_at, last_success_at, failures)
    VALUES (
        %(job)s, %(at)s, CASE WHEN %(failures)s = 0 THEN %(at)s::timestamptz END, %(failures)s
    )
    ON CONFLICT (job) DO UPDATE
    SET last_run_at = excluded.last_run_at, failures = excluded.failures,
        last_success_at = coalesce(excluded.last_success_at, known.last_success_at)
"""

_ALL: Final = b"""
    SELECT job, last_run_at, last_success_at, failures FROM ktrlplane.job_runs ORDER BY job
"""


class PostgresJobRuns(JobRuns):
    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, job: str, at: datetime, failures: int) -> None:
        self._session.change(_RECORD, {"job": job, "at": at, "failures": failures})

    def all(self) -> Sequence[JobRun]:
        return self._session.all(JobRun, _ALL, {})
