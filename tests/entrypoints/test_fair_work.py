"""A tenant that somebody keeps busy, or that has much to be done, delays nobody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services import heeding
from ktrlplane.domain.services.deletions import ENDED_TOGETHER
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints import heeding as job
from ktrlplane.entrypoints.busy_tenants import Patience
from ktrlplane.entrypoints.ending import EndDeletions
from ktrlplane.entrypoints.heeding import HeedReports
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    a_project,
    a_resource,
    an_organization,
    keep,
    on,
    people,
)
from tests.platforms import a_platform

pytestmark = pytest.mark.postgres

NEVER: Final = threading.Event()
DEADLINE_S: Final = 30.0
BUSY: Final = "tenant organization acme"
STRANGER: Final = ResourceId("stranger")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    return a_platform(clock=clock)


@pytest.fixture
def units(postgres_units: UnitsOfWork) -> UnitsOfWork:
    """A stranger, and a tenant whose ids and whose times come before theirs."""
    people(postgres_units)
    keep(postgres_units, an_organization(), a_project(), a_project("zoo", None))
    return postgres_units


def add(units: UnitsOfWork, count: int, status: Status = Status.CREATING) -> None:
    """Resources of the busy tenant, then the stranger's."""
    ago = NOW - 2 * DAY
    with units.begin() as work:
        for number in range(count):
            busy = a_resource(f"a-{number:04}", status=status, updated_at=ago)
            work.resources.add(busy)
        stranger = a_resource(STRANGER.value, "zoo", None, status=status, updated_at=ago + HOUR)
        work.resources.add(stranger)


def report(units: UnitsOfWork, count: int) -> None:
    """About as many of the busy tenant, then about the stranger's."""
    with units.begin() as work:
        for name in (*(f"a-{number:04}" for number in range(count)), STRANGER.value):
            work.inbox.put(name, "Healthy")


def status(units: UnitsOfWork, name: str | ResourceId) -> Status:
    with units.view() as work:
        return work.resources.get(ResourceId(str(name))).status


def number(units: UnitsOfWork, wanted: Status) -> int:
    with units.view() as work:
        return sum(
            one.status is wanted
            for project in ("web", "zoo")
            for one in work.resources.of(ProjectId(project))
        )


@contextmanager
def holding(url: str, *keys: str) -> Iterator[psycopg.Connection]:
    """Somebody who does not let go of a tenant until the end."""
    with psycopg.connect(url, autocommit=True) as connection:
        for key in keys:
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
        yield connection
        # A server would let go only some time after who hangs up.
        connection.execute("SELECT pg_advisory_unlock_all()")


def test_a_busy_tenant_keeps_no_report_of_others_waiting(
    units: UnitsOfWork, platform: Platform, migrated_database: str
) -> None:
    count = job.WINDOW + 1
    add(units, count)
    report(units, count)
    heed = HeedReports(Transact(units), platform)
    with holding(migrated_database, BUSY):
        assert heed(NEVER)
        assert not heed(NEVER)
        assert status(units, STRANGER) is Status.RUNNING
        assert number(units, Status.CREATING) == count
        # What is busy is no reason to look again at once, again and again.
        assert heed(NEVER)
        assert not heed(NEVER)
    assert heed(NEVER)
    assert not heed(NEVER)
    assert number(units, Status.CREATING) == 0


def test_two_workers_heed_beside_each_other(
    units: UnitsOfWork, platform: Platform, migrated_database: str
) -> None:
    """What one is at does not undo what the other does, in the same unit of work."""
    for name in ("m", "n", "o"):
        keep(units, a_project(name, None), a_resource(f"{name}-r", name, None))
    with units.begin() as work:
        for name in ("m", "n", "o"):
            work.inbox.put(f"{name}-r", "Healthy")
    one, other = (HeedReports(Transact(units), platform) for _ in range(2))
    with holding(migrated_database, "tenant project n"):
        one(NEVER)
    statuses = [status(units, f"{name}-r") for name in ("m", "n", "o")]
    assert statuses == [Status.RUNNING, Status.CREATING, Status.RUNNING]
    other(NEVER)
    assert status(units, "n-r") is Status.RUNNING


def test_a_tenant_that_is_never_free_has_its_turn_among_those_who_wait(
    units: UnitsOfWork, platform: Platform, clock: ManualClock, migrated_database: str
) -> None:
    add(units, 1)
    report(units, 1)
    heed = HeedReports(
        Transact(units), platform, Patience(first_s=DEADLINE_S, longest_s=DEADLINE_S)
    )
    with holding(migrated_database, BUSY) as somebody:
        heed(NEVER)
        clock.advance(HOUR)
        waiting = threading.Thread(target=heed, args=(NEVER,))
        waiting.start()
        while not _is_somebody_waiting(somebody):
            assert waiting.is_alive()
        with psycopg.connect(migrated_database, autocommit=True) as next_one:
            behind = threading.Thread(
                target=next_one.execute,
                args=("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (BUSY,)),
            )
            behind.start()
            while _how_many_wait(somebody) < 2:
                assert behind.is_alive()
            somebody.execute("SELECT pg_advisory_unlock_all()")
            waiting.join(DEADLINE_S)
            behind.join(DEADLINE_S)
    assert status(units, "a-0000") is Status.RUNNING


def _how_many_wait(connection: psycopg.Connection) -> int:
    query = """
        SELECT count(*) FROM pg_locks
        WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _is_somebody_waiting(connection: psycopg.Connection) -> bool:
    return _how_many_wait(connection) > 0


def test_who_waits_in_vain_goes_on_with_the_others(
    units: UnitsOfWork, platform: Platform, clock: ManualClock, migrated_database: str
) -> None:
    add(units, 1)
    report(units, 1)
    heed = HeedReports(Transact(units), platform, Patience(first_s=0.01))
    with holding(migrated_database, BUSY):
        heed(NEVER)
        clock.advance(HOUR)
        report(units, 1)
        assert not heed(NEVER)
        with units.view() as work:
            left = [one.resource_id for one in work.inbox.waiting("", 10)]
    assert left == ["a-0000"]


def test_a_tenant_with_much_to_end_keeps_no_other_waiting(
    units: UnitsOfWork, platform: Platform
) -> None:
    add(units, 3 * ENDED_TOGETHER, Status.DELETING)
    end = EndDeletions(Transact(units), platform)
    assert end(NEVER)
    assert status(units, STRANGER) is Status.DELETED
    assert number(units, Status.DELETING) == 2 * ENDED_TOGETHER
    assert end(NEVER)
    assert end(NEVER)
    assert not end(NEVER)
    assert number(units, Status.DELETING) == 0


def test_a_tenant_that_is_held_keeps_nothing_of_others_from_ending(
    units: UnitsOfWork, platform: Platform, clock: ManualClock, migrated_database: str
) -> None:
    add(units, 1, Status.DELETING)
    end = EndDeletions(Transact(units), platform, Patience(first_s=0.01))
    with holding(migrated_database, BUSY):
        assert not end(NEVER)
        assert status(units, STRANGER) is Status.DELETED
        clock.advance(HOUR)
        assert not end(NEVER)
        assert status(units, "a-0000") is Status.DELETING
    assert not end(NEVER)
    assert status(units, "a-0000") is Status.DELETED


def test_projects_that_were_left_behind_end_beside_one_that_is_held(
    units: UnitsOfWork, platform: Platform, migrated_database: str
) -> None:
    deleting = ProjectStatus.DELETING
    keep(units, a_project("a", None, status=deleting), a_project("b", None, status=deleting))
    end = EndDeletions(Transact(units), platform)
    with holding(migrated_database, "tenant project a"):
        assert not end(NEVER)
    with units.view() as work:
        statuses = [work.projects.get(ProjectId(name)).status for name in ("a", "b")]
    assert statuses == [deleting, ProjectStatus.DELETED]


def test_a_flood_of_what_means_nothing_keeps_no_report_waiting_for_long(
    units: UnitsOfWork, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heeding, "KINDS_KEPT", 10)
    add(units, 0)
    with units.begin() as work:
        for name in range(job.WINDOW + 20):
            work.inbox.put(f"nonsense-{name:04}", "Healthy")
    report(units, 0)
    heed = HeedReports(Transact(units), platform)
    assert heed(NEVER)
    assert not heed(NEVER)
    assert status(units, STRANGER) is Status.RUNNING
    with units.view() as work:
        refused = work.inbox.refused(100)
        assert work.inbox.count().waiting == 0
    assert sum(one.times for one in refused) == job.WINDOW + 20
    assert len(refused) == 11


def test_what_moves_to_another_tenant_meanwhile_is_heeded_there(
    units: UnitsOfWork, platform: Platform
) -> None:
    """Somebody looked where it is before it moved: where it is now is not held."""
    add(units, 1)
    report(units, 0)
    with units.view() as work:
        about = work.inbox.waiting("", 10)
    with units.begin() as work:
        work.projects.replace(a_project("zoo"))
    with units.begin() as work:
        heeding.heed_reports(work, about, platform=platform)
    assert status(units, STRANGER) is Status.CREATING
    assert not HeedReports(Transact(units), platform)(NEVER)
    assert status(units, STRANGER) is Status.RUNNING


def test_of_some_tenants_those_are_held_that_nobody_else_holds(
    units: UnitsOfWork, migrated_database: str
) -> None:
    acme, zoo = on("organization acme"), on("project zoo")
    with holding(migrated_database, BUSY), units.begin() as work:
        assert set(work.access.hold_free(acme, zoo, on("project nowhere"))) == {zoo}
        with units.begin() as other:
            assert set(other.access.hold_free(acme, zoo)) == set()
    with units.begin() as work:
        assert set(work.access.hold_free(acme, zoo)) == {acme, zoo}
        assert set(work.access.hold_free()) == set()
