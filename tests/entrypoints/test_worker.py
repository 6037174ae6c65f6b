import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.deletions import ENDED_TOGETHER
from ktrlplane.domain.services.heeding import TOGETHER
from ktrlplane.entrypoints.jobs import DUTIES, Outside, jobs_of, recorder
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.entrypoints.worker import Job, Run, Worker
from ktrlplane.ports.access import Access
from ktrlplane.ports.stores import Answer, Resources
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import NOW

GRACE = timedelta(hours=1)
NEVER = threading.Event()


def a_worker(stop: threading.Event, *jobs: Job) -> Worker:
    return Worker(jobs, now=lambda: NOW, stop=stop)


def counting(times: int, stop: threading.Event) -> Callable[[threading.Event], bool]:
    """Stops the worker at the last of ``times`` runs."""
    left = [times]

    def run(given: threading.Event) -> bool:
        assert given is stop
        left[0] -= 1
        if left[0] == 0:
            stop.set()
        return True

    return run


def test_a_job_with_more_to_do_runs_again_at_once() -> None:
    stop = threading.Event()
    a_worker(stop, Job(name="dig", every_s=3600, run=counting(5, stop))).run()


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.getMessage() == event]


def test_a_job_that_fails_is_logged_and_does_not_end_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = threading.Event()

    def fail(_: threading.Event) -> bool:
        raise RuntimeError("out of cheese")

    bad = Job(name="bad", every_s=0.001, run=fail)
    good = Job(name="good", every_s=3600, run=counting(3, stop))
    a_worker(stop, bad, good).run()
    (failed, *_) = told(caplog, "job_failed")
    assert str(failed["exc_info"][1]) == "out of cheese"
    assert failed["job"] == "bad"
    assert failed["failures"] == 1
    assert failed["last_success"] is None
    assert 0 <= failed["again_in_s"] <= 0.01


def test_a_job_that_recovers_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stop = threading.Event()
    runs = []

    def fail_twice(_: threading.Event) -> bool:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("not yet")
        stop.set()
        return False

    a_worker(stop, Job(name="flaky", every_s=0.001, run=fail_twice)).run()
    (recovered,) = told(caplog, "job_recovered")
    assert (recovered["job"], recovered["failures"]) == ("flaky", 2)


def test_a_stop_wakes_a_worker_that_waits() -> None:
    stop, ran = threading.Event(), threading.Event()

    def run(_: threading.Event) -> bool:
        ran.set()
        return False

    thread = threading.Thread(target=a_worker(stop, Job(name="rare", every_s=3600, run=run)).run)
    thread.start()
    assert ran.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_slow_job_keeps_no_other_waiting() -> None:
    stop, others = threading.Event(), threading.Event()

    def wait_for_the_others(_: threading.Event) -> bool:
        assert others.wait(10)
        stop.set()
        return False

    def be_quick(_: threading.Event) -> bool:
        others.set()
        return False

    slow = Job(name="slow", every_s=3600, run=wait_for_the_others)
    a_worker(stop, slow, Job(name="quick", every_s=3600, run=be_quick)).run()


def test_the_bell_wakes_who_waits_for_it_and_nobody_else() -> None:
    stop, waiting, resting = threading.Event(), threading.Event(), threading.Event()
    runs: list[str] = []

    def heed(_: threading.Event) -> bool:
        runs.append("heed")
        waiting.set()
        if runs.count("heed") == 2:
            stop.set()
        return False

    def rest(_: threading.Event) -> bool:
        runs.append("rest")
        resting.set()
        return False

    def listen(ring: Callable[[], object], told: threading.Event) -> None:
        assert told is stop
        assert waiting.wait(10)
        assert resting.wait(10)
        ring()

    jobs = (
        Job(name="heed", every_s=3600, run=heed, waits_for_the_bell=True),
        Job(name="rest", every_s=3600, run=rest),
    )
    Worker(jobs, now=lambda: NOW, stop=stop, listen=listen).run()
    assert sorted(runs) == ["heed", "heed", "rest"]


def test_the_bell_does_not_hurry_a_job_that_fails() -> None:
    stop, failed = threading.Event(), threading.Event()
    runs: list[int] = []

    def fail(_: threading.Event) -> bool:
        runs.append(1)
        raise RuntimeError("not now")

    def listen(ring: Callable[[], object], _: threading.Event) -> None:
        assert failed.wait(10)
        ring()
        stop.set()

    job = Job(name="heed", every_s=3600, run=fail, waits_for_the_bell=True)
    worker = Worker(
        (job,), now=lambda: NOW, stop=stop, listen=listen, record=lambda _: failed.set()
    )
    worker.run()
    assert runs == [1]


def test_a_worker_that_cannot_listen_ends_and_says_why() -> None:
    def listen(_: Callable[[], object], __: threading.Event) -> None:
        raise RuntimeError("no ears")

    rare = Job(name="rare", every_s=3600, run=lambda _: False)
    worker = Worker((rare,), now=lambda: NOW, listen=listen)
    with pytest.raises(RuntimeError, match="no ears"):
        worker.run()


def test_how_the_runs_went_is_recorded_and_need_not_be() -> None:
    stop = threading.Event()
    told: list[Run] = []

    def record(run: Run) -> None:
        told.append(run)
        raise RuntimeError("no database")

    def run(_: threading.Event) -> bool:
        if len(told) == 1:
            raise RuntimeError("once")
        if len(told) == 2:
            stop.set()
        return True

    job = Job(name="flaky", every_s=0.001, run=run)
    Worker((job,), now=lambda: NOW, stop=stop, record=record).run()
    assert [(one.job, one.at, one.failures, one.succeeded) for one in told] == [
        ("flaky", NOW, 0, True),
        ("flaky", NOW, 1, False),
        ("flaky", NOW, 0, True),
    ]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def control(clock: ManualClock) -> ControlPlane:
    return ControlPlane.in_memory(clock=clock, deletion_grace=GRACE)


def jobs(control: ControlPlane, transact: Transact | None = None) -> Sequence[Job]:
    container = control.container
    outside = Outside(container.mail(), container.delivery(), container.payments)
    return jobs_of(transact or control.transact, control.platform, outside)


def the_job(name: str, control: ControlPlane, transact: Transact | None = None) -> Job:
    (job,) = [job for job in jobs(control, transact) if job.name == name]
    return job


def test_every_job_is_a_duty_that_is_watched_over(control: ControlPlane) -> None:
    assert [(job.name, job.every_s) for job in jobs(control)] == [
        (duty.job, duty.every.total_seconds()) for duty in DUTIES
    ]


def end_deletions(
    control: ControlPlane, stop: threading.Event = NEVER, transact: Transact | None = None
) -> bool:
    return the_job("end_deletions", control, transact).run(stop)


def test_deletions_end_with_their_grace_and_not_before(
    control: ControlPlane, clock: ManualClock
) -> None:
    ada = control.sign_in("ada")
    ada.create_organization(id="acme", name="Acme")
    project = ada.create_project(id="atlas", name="Atlas", org_id="acme")
    ada.create_resource(project.project_id, id="g", name="G", type="Konnektr.Graph", sku="free")
    ada.delete_project("atlas", cascade=True)
    assert not end_deletions(control)
    assert ada.resource("g").status is Status.DELETING
    clock.advance(GRACE + timedelta(seconds=1))
    assert not end_deletions(control)
    assert ada.resource("g").status is Status.DELETED
    assert ada.project("atlas").status is ProjectStatus.DELETED


def test_a_worker_told_to_stop_leaves_the_rest_for_the_next(
    control: ControlPlane, clock: ManualClock
) -> None:
    ada = control.sign_in("ada")
    ada.create_project(id="atlas", name="Atlas")
    ada.create_resource("atlas", id="g", name="G", type="Konnektr.Graph", sku="free")
    ada.delete_resource("g")
    clock.advance(GRACE + timedelta(seconds=1))
    stop = threading.Event()
    stop.set()
    end_deletions(control, stop)
    assert ada.resource("g").status is Status.DELETING


def test_a_mountain_is_taken_batch_by_batch(control: ControlPlane, clock: ManualClock) -> None:
    ada = control.sign_in("ada")
    ada.create_project(id="atlas", name="Atlas")
    for number in range(ENDED_TOGETHER + 1):
        ada.create_resource("atlas", id=f"g{number}", name="G", type="Konnektr.Graph", sku="free")
        ada.delete_resource(f"g{number}")
    clock.advance(GRACE + timedelta(seconds=1))
    assert end_deletions(control)
    assert not end_deletions(control)
    assert not ada.resources(status=Status.DELETING).items


def test_answers_are_forgotten_after_a_day(control: ControlPlane, clock: ManualClock) -> None:
    who, answer = PrincipalId("ada"), Answer(fingerprint=b"f", status=201, headers=(), body=b"{}")

    def keep() -> None:
        control.transact(lambda work: work.answers.claim(who, "key", NOW))
        control.transact(lambda work: work.answers.keep(who, "key", answer, NOW))

    def kept() -> Answer | None:
        return control.transact(lambda work: work.answers.claim(who, "key", NOW))

    keep()
    control.catch_up()
    assert kept() == answer
    clock.advance(timedelta(hours=25))
    control.catch_up()
    assert kept() is None


def test_reports_are_heeded_until_none_is_left(control: ControlPlane) -> None:
    ada = control.sign_in("ada")
    ada.create_project(id="atlas", name="Atlas")
    for name in ("g", "h"):
        ada.create_resource("atlas", id=name, name="G", type="Konnektr.Graph", sku="free")

    def put(work: UnitOfWork) -> None:
        for _ in range(TOGETHER + 1):
            work.inbox.put("g", "Progressing")
        work.inbox.put("g", "Healthy")
        work.inbox.put("h", "Healthy")
        work.inbox.put("nowhere", "Healthy")

    control.transact(put)
    job = the_job("heed_reports", control)
    assert job.run(NEVER)
    assert (ada.resource("g").status, ada.resource("h").status) == ("Creating", "Running")
    assert not job.run(NEVER)
    assert ada.resource("g").status is Status.RUNNING
    refused = control.transact.read(lambda work: work.inbox.refused(10))
    assert [one.resource_id for one in refused] == ["nowhere"]


def test_a_busy_tenant_keeps_no_other_waiting(control: ControlPlane) -> None:
    ada = control.sign_in("ada")
    for name in ("atlas", "borea"):
        ada.create_project(id=name, name=name)
        ada.create_resource(name, id=f"{name}-g", name="G", type="Konnektr.Graph", sku="free")
        control.transact(lambda work, name=name: work.inbox.put(f"{name}-g", "Healthy"))
    busy = Transact(BusyUnits(control.transact.units, Scope.of(ProjectId("atlas"))))
    assert not the_job("heed_reports", control, busy).run(NEVER)
    assert (ada.resource("atlas-g").status, ada.resource("borea-g").status) == (
        "Creating",
        "Running",
    )
    assert not the_job("heed_reports", control).run(NEVER)
    assert ada.resource("atlas-g").status is Status.RUNNING


def test_refused_reports_are_forgotten_after_a_month(
    control: ControlPlane, clock: ManualClock
) -> None:
    control.transact(lambda work: work.inbox.put("nowhere", "Healthy"))
    control.catch_up()
    clock.advance(timedelta(days=29))
    control.catch_up()
    assert control.transact.read(lambda work: work.inbox.refused(10))
    clock.advance(timedelta(days=2))
    control.catch_up()
    assert not control.transact.read(lambda work: work.inbox.refused(10))


def test_runs_are_recorded_where_they_turn_and_now_and_then(control: ControlPlane) -> None:
    record = recorder(control.transact)

    def recorded() -> tuple[Any, ...]:
        (one,) = control.transact.read(lambda work: work.job_runs.all())
        return one.last_run_at - NOW, one.last_success_at - NOW, one.failures

    def run(seconds: int, failures: int = 0) -> None:
        record(Run(job="dig", at=NOW + timedelta(seconds=seconds), failures=failures))

    def after(seconds: int) -> timedelta:
        return timedelta(seconds=seconds)

    run(0)
    run(14)
    assert recorded() == (after(0), after(0), 0)
    run(15)
    assert recorded() == (after(15), after(15), 0)
    run(16, failures=1)
    assert recorded() == (after(16), after(15), 1)
    run(17)
    assert recorded() == (after(17), after(17), 0)


@frozen
class BusyAccess:
    access: Access
    busy: Scope

    def hold_free(self, *tenants: Scope) -> Collection[Scope]:
        return [one for one in self.access.hold_free(*tenants) if one != self.busy]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.access, name)


@frozen
class BusyUnits(UnitsOfWork):
    """Where others change a tenant all the time."""

    units: UnitsOfWork
    busy: Scope

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with self.units.begin() as work:
            work.access = BusyAccess(work.access, self.busy)
            yield work

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        return self.units.view()


@frozen
class StubbornResources:
    """Resources of which one cannot be had."""

    resources: Resources
    bad: ResourceId

    def __getattr__(self, name: str) -> Any:
        return getattr(self.resources, name)

    def among(self, resource_ids: Collection[ResourceId]) -> Sequence[Resource]:
        if self.bad in resource_ids:
            raise NotFound(f"There is no {self.bad}.")
        return self.resources.among(resource_ids)


@frozen
class StubbornUnits(UnitsOfWork):
    units: UnitsOfWork
    bad: ResourceId

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with self.units.begin() as work:
            work.resources = StubbornResources(work.resources, self.bad)
            yield work

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        return self.units.view()


def test_one_that_cannot_be_ended_does_not_hold_up_the_others(
    control: ControlPlane, clock: ManualClock
) -> None:
    ada = control.sign_in("ada")
    for name in ("bad", "good"):
        ada.create_project(id=f"{name}-p", name=name)
        ada.create_resource(f"{name}-p", id=name, name=name, type="Konnektr.Graph", sku="free")
        ada.delete_resource(name)
        clock.advance(timedelta(seconds=1))
    clock.advance(GRACE)
    stubborn = Transact(StubbornUnits(control.transact.units, ResourceId("bad")))
    with pytest.raises(ExceptionGroup) as caught:
        end_deletions(control, transact=stubborn)
    assert caught.group_contains(NotFound, match="bad")
    assert ada.resource("bad").status is Status.DELETING
    assert ada.resource("good").status is Status.DELETED


def test_reports_that_cannot_be_heeded_for_some_fault_do_not_hold_up_the_others(
    control: ControlPlane,
) -> None:
    ada = control.sign_in("ada")
    for name in ("bad", "good"):
        ada.create_project(id=f"{name}-p", name=name)
        ada.create_resource(f"{name}-p", id=name, name=name, type="Konnektr.Graph", sku="free")
        control.transact(lambda work, name=name: work.inbox.put(name, "Healthy"))
    stubborn = Transact(StubbornUnits(control.transact.units, ResourceId("bad")))
    with pytest.raises(ExceptionGroup) as caught:
        the_job("heed_reports", control, stubborn).run(NEVER)
    assert caught.group_contains(NotFound, match="bad")
    assert (ada.resource("bad").status, ada.resource("good").status) == ("Creating", "Running")
