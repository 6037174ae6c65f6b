"""What ``/metrics`` tells of the work in the background, and that it never waits for it."""

import threading
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from attrs import frozen

from ktrlplane.domain.errors import UpstreamError
from ktrlplane.entrypoints.http import work_metrics
from ktrlplane.entrypoints.jobs import DUTIES
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.http.world import World

pytestmark = pytest.mark.parametrize("units", ["memory", "postgres"], indirect=True)


def told(world: World) -> dict[str, float]:
    """Whatever is of the background, by name and labels."""
    answer = world.client.simulate_get("/metrics")
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert any(line.startswith("process_") or "ktrlplane_http" in line for line in lines)
    ours = [one for one in lines if one.startswith(("ktrlplane_job_", "ktrlplane_reports_"))]
    return {name: float(value) for name, value in (one.rsplit(" ", 1) for one in ours)}


def test_a_platform_without_a_worker_is_told_as_late(world: World) -> None:
    found = told(world)
    late = {f'ktrlplane_job_late{{job_name="{duty.job}"}}': 1.0 for duty in DUTIES}
    assert {name: value for name, value in found.items() if "late" in name} == late
    assert not [name for name in found if "last_success" in name]
    assert found["ktrlplane_reports_waiting"] == found["ktrlplane_reports_refused"] == 0


def test_how_the_jobs_went_and_what_waits_is_told(world: World) -> None:
    now = world.clock.now()
    with world.units.begin() as work:
        for duty in DUTIES:
            work.job_runs.record(duty.job, now - timedelta(seconds=50), 0)
        work.job_runs.record("end_deletions", now, 3)
        for _ in range(3):
            work.inbox.put("nowhere", "Healthy")
        work.inbox.refuse_unknown(["nowhere"], "unknown_resource", now, 1)
    found = told(world)
    about = 'ktrlplane_job_{}{{job_name="end_deletions"}}'
    assert found[about.format("consecutive_failures")] == 3
    assert found[about.format("late")] == 0
    success = found[about.format("last_success_timestamp_seconds")]
    assert success == (now - timedelta(seconds=50)).timestamp()
    assert found["ktrlplane_reports_waiting"] == 2
    assert found["ktrlplane_reports_refused"] == 1


@frozen
class CountedUnits(UnitsOfWork):
    units: UnitsOfWork
    views: list[int]

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        return self.units.begin()

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        self.views.append(1)
        return self.units.view()


def test_however_many_ask_the_database_is_asked_once_in_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    views: list[int] = []
    counted = world.with_edge(transact=Transact(CountedUnits(world.units, views)))
    first = told(counted)
    asked = len(views)
    assert told(counted) == first
    assert len(views) == asked
    monkeypatch.setattr(work_metrics, "FRESH_S", 0.0)
    told(counted)
    assert len(views) == 2 * asked


@frozen
class StuckUnits(UnitsOfWork):
    """A database that does not answer before ``until``, and then refuses."""

    until: threading.Event
    views: list[int]

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        raise AssertionError("metrics change nothing")

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        self.views.append(1)
        self.until.wait(30)
        raise UpstreamError("It does not answer.")


def test_without_a_database_the_rest_is_told(world: World) -> None:
    now = threading.Event()
    now.set()
    assert told(world.with_edge(transact=Transact(StuckUnits(now, [])))) == {}


def test_a_database_that_does_not_answer_keeps_nobody_waiting_and_is_asked_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_metrics, "WAIT_S", 0.01)
    monkeypatch.setattr(work_metrics, "FRESH_S", 0.0)
    views: list[int] = []
    until = threading.Event()
    stuck = world.with_edge(transact=Transact(StuckUnits(until, views)))
    assert told(stuck) == told(stuck) == {}
    assert len(views) == 1
    until.set()
