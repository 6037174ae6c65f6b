from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.chains import NO_HASH, Entry, Head, chained
from ktrlplane.domain.events import OPERATOR, Actor, Event, EventType
from ktrlplane.domain.ids import EventId, OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.events import EventFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, NOW

ACME, GLOBEX = Scope.of(OrganizationId("acme")), Scope.of(OrganizationId("globex"))
PLANT, LAB = Scope.of(ProjectId("plant")), Scope.of(ProjectId("lab"))
KETTLE = Scope.of(ResourceId("kettle"))
EVERYTHING = EventFilter()
OLDEST = PageRequest(sort=Sort.CREATED_AT)
A_MOMENT = timedelta(seconds=1)


def an_event(
    *path: Scope,
    kind: EventType = EventType.PROJECT_UPDATED,
    actor: Actor = OPERATOR,
    after: object = None,
    seconds: int = 0,
) -> Event:
    data = {"before": None, "after": {"name": after}}
    at = NOW + seconds * A_MOMENT
    return Event.about(path, kind, actor=actor, at=at, request_id="req-1", data=data)


def keep(units: UnitsOfWork, *events: Event) -> None:
    with units.begin() as work:
        work.events.add(events)


def log(
    units: UnitsOfWork, scope: Scope, where: EventFilter = EVERYTHING, page: PageRequest = OLDEST
) -> list[Entry]:
    with units.view() as work:
        return list(work.events.of(scope, page, where).items)


def chain(units: UnitsOfWork, tenant: Scope) -> Sequence[Entry]:
    with units.view() as work:
        return work.events.entries(tenant, 0, 10_000)


def is_whole(entries: Sequence[Entry]) -> bool:
    return list(chained(Head(), [entry.event for entry in entries])) == list(entries)


def test_an_event_comes_back_as_it_went_in_with_its_place_in_the_chain(
    units: UnitsOfWork,
) -> None:
    text = "\u20ac \U0001f600 \x01 \x7f \u2028 \" ' \\ / <b>"
    event = an_event(ACME, PLANT, KETTLE, actor=Actor.of(ALICE), after=[text, 1.5, 1e300, None])
    keep(units, event)
    (entry,) = chain(units, ACME)
    assert entry.event == event
    assert (entry.sequence, entry.previous_hash) == (1, NO_HASH)
    assert list(chained(Head(), [event])) == [entry]
    with units.view() as work:
        assert work.events.find(event.event_id) == entry
        assert work.events.find(EventId.new(NOW)) is None


def test_each_tenant_has_a_chain_of_its_own(units: UnitsOfWork) -> None:
    paths = [(ACME,), (GLOBEX,), (ACME, PLANT), (LAB,), (), (GLOBAL,), (ACME, PLANT, KETTLE)]
    keep(units, *(an_event(*path) for path in paths[:4]))
    keep(units, *(an_event(*path) for path in paths[4:]))
    for tenant, length in ((ACME, 3), (GLOBEX, 1), (LAB, 1), (GLOBAL, 2)):
        theirs = chain(units, tenant)
        assert [entry.sequence for entry in theirs] == list(range(1, length + 1))
        assert is_whole(theirs)
    with units.view() as work:
        everybody = work.events.chains(None, 10)
        assert [one.tenant for one in everybody] == [GLOBAL, ACME, GLOBEX, LAB]
        assert [one.tenant for one in work.events.chains(ACME, 1)] == [GLOBEX]
        assert work.events.chain(ACME) == everybody[1]
        assert work.events.chain(PLANT) is None
    assert everybody[1].head == chain(units, ACME)[-1].head
    assert everybody[1].pruned == Head()


def test_what_did_not_happen_is_not_told(units: UnitsOfWork) -> None:
    keep(units, an_event(ACME))

    def tell_and_fail() -> None:
        with units.begin() as work:
            work.events.add([an_event(ACME)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tell_and_fail()
    keep(units, an_event(ACME))
    assert [entry.sequence for entry in chain(units, ACME)] == [1, 2]
    assert is_whole(chain(units, ACME))


def test_times_grow_along_a_chain_whatever_clocks_say(units: UnitsOfWork) -> None:
    keep(units, an_event(ACME, seconds=5), an_event(ACME, seconds=1))
    keep(units, an_event(ACME, seconds=5))
    times = [entry.event.occurred_at for entry in chain(units, ACME)]
    late = NOW + 5 * A_MOMENT
    assert times == [late + timedelta(microseconds=number) for number in range(3)]
    assert is_whole(chain(units, ACME))


def test_what_happened_is_found_by_where_it_happened(units: UnitsOfWork) -> None:
    made = [
        an_event(ACME),
        an_event(ACME, PLANT, seconds=1),
        an_event(ACME, PLANT, KETTLE, seconds=2),
        an_event(GLOBEX, PLANT, seconds=3),
        an_event(seconds=4),
    ]
    keep(units, *made)
    for scope, numbers in (
        (ACME, [0, 1, 2]),
        (GLOBEX, [3]),
        (PLANT, [1, 2, 3]),
        (KETTLE, [2]),
        (LAB, []),
        (GLOBAL, [4]),
    ):
        assert [entry.event for entry in log(units, scope)] == [made[n] for n in numbers]


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        (EventFilter(types=["*"]), [0, 1, 2, 3]),
        (EventFilter(types=["project.*"]), [0, 2]),
        (EventFilter(types=["project.created", "role.*"]), [1, 2]),
        (EventFilter(types=["pro.*", "project", "project.up%", "nothing.like_it"]), []),
        (EventFilter(types=[]), []),
        (EventFilter(actor=ALICE.value), [1]),
        (EventFilter(since=NOW + 2 * A_MOMENT), [2, 3]),
        (EventFilter(until=NOW + 2 * A_MOMENT), [0, 1]),
        (EventFilter(types=["project.*"], actor="operator", since=NOW + A_MOMENT), [2]),
    ],
)
def test_what_happened_is_found_by_what_who_and_when(
    units: UnitsOfWork, where: EventFilter, numbers: list[int]
) -> None:
    kinds = [
        EventType.PROJECT_UPDATED,
        EventType.ROLE_CREATED,
        EventType.PROJECT_CREATED,
        EventType.USER_CREATED,
    ]
    actors = [OPERATOR, Actor.of(ALICE), OPERATOR, OPERATOR]
    made = [
        an_event(ACME, kind=kind, actor=actor, seconds=number)
        for number, (kind, actor) in enumerate(zip(kinds, actors, strict=True))
    ]
    keep(units, *made)
    assert [entry.event for entry in log(units, ACME, where)] == [made[n] for n in numbers]


def test_pages_show_each_once_and_are_not_too_heavy(units: UnitsOfWork) -> None:
    keep(units, *(an_event(ACME, after="x" * 60_000) for _ in range(80)))
    seen: list[Entry] = []
    page = PageRequest(limit=75, include_total=True)
    while True:
        with units.view() as work:
            found = work.events.of(ACME, page, EVERYTHING)
        assert found.total == 80
        assert len(found.items) in range(1, 75)
        seen += found.items
        if found.next is None:
            break
        page = evolve(page, after=found.next)
    assert [entry.sequence for entry in seen] == list(range(80, 0, -1))


def test_a_chain_is_read_in_portions(units: UnitsOfWork) -> None:
    keep(units, *(an_event(ACME) for _ in range(1500)), an_event(GLOBEX))
    with units.view() as work:
        portion = work.events.entries(ACME, 1000, 400)
    assert [entry.sequence for entry in portion] == list(range(1001, 1401))
    assert is_whole(chain(units, ACME))


def test_who_writes_at_the_same_time_leaves_no_gap_and_nothing_twice(units: UnitsOfWork) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            scopes = [ACME, GLOBEX, LAB][:: 1 if (number + turn) % 2 else -1]
            keep(units, *(an_event(scope, after=f"{number}-{turn}") for scope in scopes))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    for tenant in (ACME, GLOBEX, LAB):
        theirs = chain(units, tenant)
        assert [entry.sequence for entry in theirs] == list(range(1, 81))
        assert is_whole(theirs)


def test_who_tells_one_thing_at_the_same_time_leaves_no_gap_either(units: UnitsOfWork) -> None:
    def write(number: int) -> None:
        for turn in range(20):
            told = [number, turn, 0.5, '\u00e9"\\ \U0001f600']
            keep(units, an_event(ACME, after=told))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    theirs = chain(units, ACME)
    assert [entry.sequence for entry in theirs] == list(range(1, 161))
    assert len({entry.event.event_id for entry in theirs}) == 160
    assert is_whole(theirs)


def test_one_thing_told_by_a_clock_that_is_behind_is_a_little_later(units: UnitsOfWork) -> None:
    keep(units, an_event(ACME))
    keep(units, an_event(ACME, seconds=-3600))
    theirs = chain(units, ACME)
    later = NOW + timedelta(microseconds=1)
    assert [entry.event.occurred_at for entry in theirs] == [NOW, later]
    assert is_whole(theirs)
