"""What the audit log reads of the log of events, and what it forgets."""

from datetime import timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.access import GLOBAL
from ktrlplane.domain.chains import Entry, Head, Record
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.events import EventFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import NOW
from tests.contract.test_stores_events import (
    A_MOMENT,
    ACME,
    GLOBEX,
    KETTLE,
    LAB,
    PLANT,
    an_event,
    chain,
    keep,
    log,
)

KINDS = (EventType.ROLE_CREATED, EventType.PROJECT_UPDATED, EventType.ROLE_DELETED)


def test_records_are_the_entries_as_they_are_kept(units: UnitsOfWork) -> None:
    keep(units, *(an_event(ACME, PLANT, KETTLE, after='\u20ac \U0001f600 " \\') for _ in range(7)))
    keep(units, an_event(seconds=1), an_event(LAB))
    for tenant in (ACME, LAB, GLOBAL):
        with units.view() as work:
            records = work.events.records(tenant, 0, 10)
        entries = chain(units, tenant)
        assert records == [Record.of(entry) for entry in entries]
        assert [one.text for one in records] == [one.text for one in entries]
        assert all(one.hash_at(one.sequence) == one.hash for one in records)
    with units.view() as work:
        assert [one.sequence for one in work.events.records(ACME, 3, 2)] == [4, 5]
        assert work.events.records(GLOBEX, 0, 2) == []


def test_a_time_is_found_in_a_chain(units: UnitsOfWork) -> None:
    keep(units, *(an_event(ACME, seconds=number) for number in (1, 2, 4)))
    with units.view() as work:
        found = [work.events.last_before(ACME, NOW + number * A_MOMENT) for number in range(6)]
        assert work.events.last_before(GLOBEX, NOW) == 0
    assert found == [0, 0, 1, 2, 2, 3]


@pytest.mark.parametrize("sort", [Sort.CREATED_AT, Sort.CREATED_AT_DESCENDING])
@pytest.mark.parametrize(
    "where",
    [
        EventFilter(types=["role.*"]),
        EventFilter(types=["project.updated", "role.deleted", "nothing.known"]),
        EventFilter(types=["project.updated", "project.*", "project.updated"]),
        EventFilter(types=["role.*", "*"]),
        EventFilter(types=["role.*"], actor="operator", since=NOW + 4 * A_MOMENT),
        EventFilter(types=["role.*"], until=NOW + 20 * A_MOMENT, project_id=ProjectId("plant")),
        EventFilter(project_id=ProjectId("plant")),
        EventFilter(resource_id=ResourceId("kettle")),
        EventFilter(project_id=ProjectId("lab"), resource_id=ResourceId("kettle")),
    ],
)
def test_pages_of_a_filtered_list_are_the_list(
    units: UnitsOfWork, where: EventFilter, sort: Sort
) -> None:
    paths = [(ACME,), (ACME, PLANT), (ACME, PLANT, KETTLE)]
    made = [
        an_event(*paths[number % 3], kind=KINDS[number % 7 % 3], seconds=number)
        for number in range(30)
    ]
    keep(units, *made, an_event(GLOBEX, PLANT, KETTLE, kind=KINDS[0]))
    expected = [event for event in made if _matches(event.type, where)]
    expected = [one for one in expected if where.project_id in (None, one.project_id)]
    expected = [one for one in expected if where.resource_id in (None, one.resource_id)]
    expected = [one for one in expected if not where.since or one.occurred_at >= where.since]
    expected = [one for one in expected if not where.until or one.occurred_at < where.until]
    if sort.descending:
        expected.reverse()
    seen: list[Entry] = []
    page: PageRequest | None = PageRequest(limit=4, sort=sort, include_total=True)
    while page is not None:
        with units.view() as work:
            found = work.events.of(ACME, page, where)
        assert found.total == len(expected)
        seen += found.items
        page = None if found.next is None else evolve(page, after=found.next)
    assert [entry.event for entry in seen] == expected
    with units.view() as work:
        by_offset = work.events.of(ACME, PageRequest(limit=5, offset=3, sort=sort), where)
    assert [entry.event for entry in by_offset.items] == expected[3:8]


def _matches(kind: EventType, where: EventFilter) -> bool:
    patterns = where.types or ["*"]
    return any(one in ("*", kind) or one == f"{kind.split('.')[0]}.*" for one in patterns)


def test_how_long_entries_are_kept_is_kept_itself(units: UnitsOfWork) -> None:
    keep(units, an_event(ACME), an_event(GLOBEX), an_event(LAB))
    with units.begin() as work:
        work.events.retain(GLOBEX, 90)
        work.events.retain(LAB, 30)
        work.events.retain(PLANT, 40)  # that nothing has happened to yet
    keep(units, an_event(GLOBEX), an_event(PLANT))
    with units.view() as work:
        retained = work.events.retained(None, 10)
        assert [(one.tenant, one.retention_days) for one in retained] == [
            (GLOBEX, 90),
            (LAB, 30),
            (PLANT, 40),
        ]
        assert [one.tenant for one in work.events.retained(GLOBEX, 1)] == [LAB]
        assert retained[0].head == chain(units, GLOBEX)[-1].head
    with units.begin() as work:
        work.events.retain(GLOBEX, None)
    with units.view() as work:
        assert [one.tenant for one in work.events.retained(None, 10)] == [LAB, PLANT]
        known = work.events.chain(GLOBEX)
    assert known is not None
    assert (known.retention_days, known.head.sequence) == (None, 2)


def test_what_was_pruned_is_gone_and_its_end_is_known(units: UnitsOfWork) -> None:
    keep(units, *(an_event(ACME, PLANT, seconds=number) for number in range(5)), an_event(LAB))
    before = chain(units, ACME)
    with units.begin() as work:
        assert work.events.prune(ACME, before[2].head) == 3
        work.events.add([an_event(ACME, kind=EventType.AUDIT_PRUNED, seconds=9)])
    after = chain(units, ACME)
    assert after[:2] == before[3:]
    assert [entry.sequence for entry in after] == [4, 5, 6]
    assert [entry.sequence for entry in log(units, PLANT)] == [4, 5]
    assert len(chain(units, LAB)) == 1
    with units.view() as work:
        known = work.events.chain(ACME)
        assert work.events.find(before[0].event.event_id) is None
    assert known is not None
    assert (known.pruned, known.head) == (before[2].head, after[-1].head)
    with units.begin() as work:  # as one who was slower
        assert work.events.prune(ACME, before[1].head) == 0
    with units.view() as work:
        assert work.events.chain(ACME) == known


def test_what_was_not_pruned_in_the_end_is_there(units: UnitsOfWork) -> None:
    keep(units, an_event(ACME), an_event(ACME))
    (first, _) = chain(units, ACME)

    def prune_and_fail() -> None:
        with units.begin() as work:
            work.events.prune(ACME, first.head)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        prune_and_fail()
    assert len(chain(units, ACME)) == 2
    with units.view() as work:
        known = work.events.chain(ACME)
    assert known is not None
    assert known.pruned == Head()


def test_types_of_a_later_release_are_read(units: UnitsOfWork) -> None:
    kind = EventType("project.frozen")
    keep(units, an_event(ACME, kind=kind), an_event(ACME, seconds=timedelta(days=1).days))
    entry = log(units, ACME, EventFilter(types=["project.frozen"]))[0]
    assert entry.event.type == "project.frozen"
    assert entry.event.type.value == "project.frozen"
    assert kind not in list(EventType)
    with pytest.raises(ValueError, match="is not a valid"):
        EventType("Frozen")
