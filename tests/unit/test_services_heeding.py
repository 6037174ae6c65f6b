"""How much of the inbox is heeded at once, and that it costs no more with more."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import define, field, frozen

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.services.deletions import end_resources
from ktrlplane.domain.services.heeding import HELD_FOR, PORTION, TOGETHER, Heeded, heed_reports
from ktrlplane.domain.services.projects import delete_project
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.reports import Addressee
from ktrlplane.ports.unit_of_work import UnitOfWork
from tests.builders import ALICE, OWNER, a_project, a_resource, an_assignment, an_organization
from tests.platforms import Acting, a_platform, opened


@define
class Ticking(Clock):
    """Goes on by ``tick`` whenever somebody looks at it."""

    tick: timedelta
    _clock: ManualClock = field(factory=ManualClock)

    def now(self) -> datetime:
        self._clock.advance(self.tick)
        return self._clock.now()


def acting(tick: timedelta) -> Acting:
    platform = a_platform(clock=Ticking(tick))
    do = Acting(opened(platform=platform), platform)
    do.keep(an_organization(), a_project(), *(a_resource(f"r-{number}") for number in range(9)))
    do.keep(an_assignment(ALICE, OWNER, "organization acme"))
    return do


def put(do: Acting, name: str, count: int) -> None:
    with do.arranging() as work:
        for number in range(count):
            work.inbox.put(name, "Degraded" if number % 2 else "Healthy")


def heed(do: Acting, about: Sequence[Addressee] | None = None) -> Heeded:
    if about is None:
        with do.units.view() as work:
            about = work.inbox.waiting("", 10)
    return do.alone(heed_reports, about)


def left(do: Acting) -> int:
    with do.units.view() as work:
        return work.inbox.count().waiting


def test_when_the_time_is_up_the_rest_is_left_to_another_unit_of_work() -> None:
    do = acting(tick=HELD_FOR)
    for number in range(5):
        put(do, f"r-{number}", TOGETHER)
    heeded = heed(do)
    assert left(do) == 5 * TOGETHER - PORTION
    remaining = [one.resource_id for one in heeded.unheeded]
    assert remaining[-3:] == ["r-2", "r-3", "r-4"]
    while heeded.unheeded:
        before = left(do)
        heeded = heed(do, heeded.unheeded)
        assert left(do) < before
    assert left(do) == 0


def test_while_there_is_time_all_are_heeded_but_no_more_of_one_than_its_share() -> None:
    do = acting(tick=timedelta(0))
    for number in range(5):
        put(do, f"r-{number}", 3 * TOGETHER)
    heeded = heed(do)
    assert (list(heeded.unheeded), heeded.left) == ([], True)
    with do.units.view() as work:
        still = [one.resource_id for one in work.inbox.waiting("", 10)]
    assert still == [f"r-{number}" for number in range(5)]
    while heed(do).left:
        pass
    assert left(do) == 0


@pytest.mark.parametrize(("count", "is_left"), [(TOGETHER - 1, False), (TOGETHER, True)])
def test_it_says_whether_more_may_wait(count: int, is_left: bool) -> None:  # noqa: FBT001
    do = acting(tick=timedelta(0))
    put(do, "r-0", count)
    assert heed(do).left is is_left


@frozen
class Counted:
    """A store, or a unit of work with its stores, of which each call counts."""

    inner: Any
    calls: "Counter[str]"
    name: str = ""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not self.name:
            return Counted(found, self.calls, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls[f"{self.name}.{name}"] += 1
            return found(*args, **kwargs)

        return call


def calls(do: Acting, act: Any) -> "Counter[str]":
    counted: Counter[str] = Counter()

    def watched(work: UnitOfWork, platform: Any) -> None:
        act(Counted(work, counted), platform=platform)

    do.alone(watched)
    return counted


def test_heeding_many_takes_as_many_steps_as_heeding_one() -> None:
    do = acting(tick=timedelta(0))

    def steps(*names: str) -> "Counter[str]":
        for name in names:
            put(do, name, 2)
        with do.units.view() as work:
            about = work.inbox.waiting("", 10)
        return calls(do, lambda work, platform: heed_reports(work, about, platform=platform))

    assert steps("r-0") == steps(*(f"r-{number}" for number in range(1, 9)))
    assert left(do) == 0


def test_ending_many_takes_as_many_steps_as_ending_one() -> None:
    """What is left in their project is not loaded after each of them."""
    do = acting(tick=timedelta(0))
    do(delete_project, ProjectId("web"), cascade=True)

    def steps(*numbers: int) -> "Counter[str]":
        ids = [ResourceId(f"r-{number}") for number in numbers]
        return calls(do, lambda work, platform: end_resources(work, ids, platform=platform))

    assert steps(0) == steps(*range(1, 8))
    with do.units.view() as work:
        statuses = work.resources.statuses([ResourceId(f"r-{number}") for number in range(9)])
    assert list(statuses.values()).count(Status.DELETED) == 8
