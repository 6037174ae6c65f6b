"""How the work in the background goes, in the words of Prometheus.

It is told by every process that answers requests, from what the workers leave in the database:
they have no address of their own that anybody could ask.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Final

import structlog
from attrs import define, field, frozen
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ktrlplane.domain.jobs import JobHealth
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.watching import count_reports, watch_jobs
from ktrlplane.entrypoints.jobs import DUTIES
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.reports import InboxCount

FRESH_S: Final = 5.0
"""The database is asked no more often, however many ask here: nobody has to say who they are."""

WAIT_S: Final = 2.0
"""Less than any monitor waits, so that the rest is told when the database is away."""

_log = structlog.get_logger(__name__)


@frozen
class _Sight:
    jobs: Sequence[JobHealth]
    reports: InboxCount


@define(eq=False)
class Background(Collector):
    """One thread at a time asks the database; everybody else waits for its answer, but not
    long. Without an answer nothing is told: a number that was once right would hide it."""

    _transact: Transact
    _platform: Platform
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _asked: Future[_Sight] | None = field(default=None, init=False)
    _asked_at: float = field(default=0.0, init=False)

    def text(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            seen = self._sight().result(WAIT_S)
        except Exception as exc:  # noqa: BLE001 - what is counted here can be told all the same
            _log.warning("background_not_seen", reason=type(exc).__name__)
        else:
            yield from _families(seen)

    def _sight(self) -> Future[_Sight]:
        with self._lock:
            asked, now = self._asked, time.monotonic()
            if asked is None or (asked.done() and now - self._asked_at >= FRESH_S):
                asked = self._asked = Future()
                self._asked_at = now
                look = threading.Thread(
                    target=self._look, args=(asked,), name="background", daemon=True
                )
                look.start()
            return asked

    def _look(self, answer: Future[_Sight]) -> None:
        try:
            jobs = self._transact.read(
                lambda work: watch_jobs(work, DUTIES, platform=self._platform)
            )
            answer.set_result(_Sight(jobs, self._transact.read(count_reports)))
        except BaseException as exc:  # noqa: BLE001 - told to who waits
            answer.set_exception(exc)


def _families(seen: _Sight) -> Iterator[GaugeMetricFamily]:
    # "job" is the name that Prometheus itself gives to what it asks.
    labels = ["job_name"]
    success = GaugeMetricFamily(
        "ktrlplane_job_last_success_timestamp_seconds",
        "When a job of the background worker last succeeded, in whichever worker.",
        labels=labels,
    )
    failures = GaugeMetricFamily(
        "ktrlplane_job_consecutive_failures", "Its failures since then.", labels=labels
    )
    late = GaugeMetricFamily(
        "ktrlplane_job_late",
        "1 for a job that has not succeeded for too long, or never.",
        labels=labels,
    )
    for job in seen.jobs:
        if job.last_success_at is not None:
            success.add_metric([job.job], job.last_success_at.timestamp())
        failures.add_metric([job.job], job.failures)
        late.add_metric([job.job], job.is_late)
    yield from (success, failures, late)
    yield GaugeMetricFamily(
        "ktrlplane_reports_waiting",
        "Reports that no worker has looked at yet.",
        seen.reports.waiting,
    )
    # Not a counter: those of which the like does not come again are forgotten.
    yield GaugeMetricFamily(
        "ktrlplane_reports_refused",
        "Reports that could not be heeded, of the kinds that came within 30 days.",
        seen.reports.refused,
    )
