"""The job that forgets what is not to be kept any longer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.services.audit import verify_chain
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.retention import PRUNED_AT_ONCE
from ktrlplane.domain.webhook_deliveries import WebhookAttempt
from ktrlplane.domain.webhooks import EndpointStatus
from ktrlplane.entrypoints import pruning
from ktrlplane.entrypoints.pruning import PruneEvents
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import Outcome
from tests.builders import DAY, a_webhook
from tests.contract.test_stores_events import an_event
from tests.platforms import a_platform


def tenant(number: int) -> Scope:
    return Scope.of(OrganizationId(f"org-{number:03}"))


class Counting(MemoryUnitsOfWork):
    begun = 0
    at_each: Callable[[], object] = staticmethod(lambda: None)

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        self.begun += 1
        with super().begin() as work:
            yield work
        self.at_each()


@pytest.fixture
def units() -> Counting:
    return Counting()


@pytest.fixture
def platform() -> Platform:
    return a_platform(clock=ManualClock())


def filled(units: Counting, *sizes: int, days: int | None = 30) -> None:
    """A tenant for each size, with so many entries."""
    with units.begin() as work:
        for number, size in enumerate(sizes):
            work.events.add([an_event(tenant(number)) for _ in range(size)])
            work.events.retain(tenant(number), days)
    units.begun = 0


def left(units: Counting, number: int) -> int:
    with units.view() as work:
        return len(work.events.records(tenant(number), 0, 100_000))


def pruning_of(units: Counting, platform: Platform, days: int = 60) -> PruneEvents:
    clock = platform.clock
    assert isinstance(clock, ManualClock)
    clock.advance(days * DAY)
    return PruneEvents(Transact(units), platform)


def test_each_tenant_has_its_turn_however_much_another_has(
    units: Counting, platform: Platform
) -> None:
    filled(units, 2 * PRUNED_AT_ONCE + 1, 3, 3)
    prune = pruning_of(units, platform)
    assert prune(threading.Event()) is True
    assert [left(units, number) for number in range(3)] == [PRUNED_AT_ONCE + 2, 1, 1]
    turns = 1
    while prune(threading.Event()):
        turns += 1
    assert turns <= 3
    assert left(units, 0) <= 3
    with units.view() as work:
        assert all(verify_chain(work, tenant(number)).finding is None for number in range(3))


def test_there_may_be_more_tenants_than_one_run_looks_at(
    units: Counting, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "WINDOW", 3)
    filled(units, *(2 for _ in range(8)))
    prune = pruning_of(units, platform)
    runs = 1
    while prune(threading.Event()):
        runs += 1
    assert runs == 3
    assert all(left(units, number) == 1 for number in range(8))


def test_nobody_is_looked_at_whose_entries_are_kept(units: Counting, platform: Platform) -> None:
    filled(units, 3, 3, days=None)
    assert pruning_of(units, platform)(threading.Event()) is False
    assert units.begun == 0
    assert left(units, 0) == 3


def test_a_log_that_is_broken_keeps_no_other_from_it(units: Counting, platform: Platform) -> None:
    filled(units, 3, 3, 3)
    with units.begin() as work:
        entry = work.events.entries(tenant(1), 1, 1)[0]
        other = evolve(entry.event, request_id="another")
        work.tables.events.put(evolve(entry, event=other))  # type: ignore[attr-defined]
    prune = pruning_of(units, platform)
    with pytest.raises(ExceptionGroup) as raised:
        prune(threading.Event())
    (failure,) = raised.value.exceptions
    assert "organization org-001" in str(failure)
    assert "Entry 2 was changed" in str(failure)
    assert [left(units, number) for number in range(3)] == [1, 3, 1]


def test_it_stops_between_two_tenants(units: Counting, platform: Platform) -> None:
    filled(units, 3, 3, 3)
    stop = threading.Event()
    units.at_each = stop.set
    pruning_of(units, platform)(stop)
    assert [left(units, number) for number in range(3)] == [1, 3, 3]


def test_what_is_still_to_be_delivered_is_kept(units: Counting, platform: Platform) -> None:
    with units.begin() as work:
        work.webhooks.add(a_webhook(str(tenant(0)), number=1))
        work.webhooks.add(a_webhook(str(tenant(1)), number=2, status=EndpointStatus.PAUSED))
    filled(units, 3, 3)
    pruning = pruning_of(units, platform)
    now = platform.now()
    with units.begin() as work:
        (due,) = work.webhooks.claim(now, now, limit=1, each=1, busy={})
        attempt = WebhookAttempt(number=1, attempted_at=now, response_status=200)
        settled = due.delivery.after(attempt, now=now, jitter=0)
        work.webhooks.settle([Outcome(delivery=settled, attempt=attempt)])
    pruning(threading.Event())
    # One may have gone and was told as such, where it was the first.
    assert left(units, 0) == 3
    with units.view() as work:
        first = work.webhooks.first_undelivered(tenant(0))
    assert first == (2 if due.entry.sequence == 1 else 1)
    assert left(units, 1) == 1, "nothing but what tells of the pruning"
    with units.view() as work:
        assert work.webhooks.first_undelivered(tenant(1)) is None
