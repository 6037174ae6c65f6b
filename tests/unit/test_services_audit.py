from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.audit import Link, Place, Retention, Wrong
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import Forbidden, NotFound, PreconditionFailed, ValidationFailed
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import EventId, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.services.audit import (
    PORTION,
    list_events,
    next_tenants,
    read_event,
    verify_chain,
)
from ktrlplane.domain.services.exports import Export, Wish, begin_export, export_portion
from ktrlplane.domain.services.moves import MoveProject, move_project
from ktrlplane.domain.services.retention import (
    PRUNED_AT_ONCE,
    operator_retention,
    operator_set_retention,
    prune_events,
    read_retention,
    set_retention,
)
from ktrlplane.domain.verification import BrokenChain, Verification
from ktrlplane.ports.events import EventFilter
from tests.builders import ALICE, CAROL, DAY, EDITOR, NOW, VIEWER, an_assignment
from tests.platforms import Acting
from tests.unit.acme import DORA, ERIN, PAGE, STEWARD, furnished

ACME, OTHER = Scope.of(OrganizationId("acme")), Scope.of(OrganizationId("other"))
WEB, APP = Scope.of(ProjectId("web")), Scope.of(ProjectId("app"))
KETTLE = Scope.of(ResourceId("kettle"))
ALL: Final = EventFilter()


@pytest.fixture
def at_acme(do: Acting) -> Acting:
    return furnished(do)


def happen(do: Acting, *path: Scope, times: int = 1, **more: Any) -> None:
    with do.arranging() as work:
        work.events.add([an_event(do.platform.now(), *path, **more) for _ in range(times)])


def an_event(at: datetime, *path: Scope, kind: EventType = EventType.PROJECT_UPDATED) -> Event:
    data = {"before": None, "after": {"a": 1}}
    return Event.about(path, kind, actor=OPERATOR, at=at, data=data)


def seen(
    do: Acting, scope: Scope, by: PrincipalId = ALICE, where: EventFilter = ALL
) -> list[Event]:
    page = do(list_events, scope, PAGE, where, by=by)
    return [entry.event for entry in page.items]


def lines(do: Acting, scope: Scope, by: PrincipalId | None = ALICE, **wish: Any) -> list[str]:
    begun = do(begin_export, scope, Wish(**wish), by=by)
    return list(_lines(do, begun, by))


def _lines(do: Acting, begun: Export, by: PrincipalId | None) -> Iterator[str]:
    place = None
    while True:
        portion = do(export_portion, begun, place, by=by)
        yield from portion.lines
        place = portion.next
        if place is None:
            return


# -- reading -------------------------------------------------------------------------------------


def test_who_reads_a_scope_reads_what_happened_there_and_below(at_acme: Acting) -> None:
    do = at_acme
    do.keep(an_assignment(DORA, VIEWER, "project web"), an_assignment(ERIN, VIEWER, str(KETTLE)))
    for path in ((ACME,), (ACME, APP), (ACME, WEB), (ACME, WEB, KETTLE), (OTHER,)):
        happen(do, *path)
    assert len(seen(do, ACME)) == 4
    assert [one.resource_id for one in seen(do, WEB)] == [ResourceId("kettle"), None]
    assert seen(do, KETTLE, DORA) == seen(do, KETTLE, ERIN) == seen(do, KETTLE)
    for by, hidden in ((DORA, (ACME, APP, OTHER)), (ERIN, (ACME, WEB)), (CAROL, (ACME, KETTLE))):
        for scope in hidden:
            with pytest.raises(NotFound):
                seen(do, scope, by)
            with pytest.raises(NotFound):
                lines(do, scope, by)


def test_an_event_is_read_by_who_sees_it_in_a_log(at_acme: Acting) -> None:
    do = at_acme
    do.keep(an_assignment(DORA, VIEWER, "project web"), an_assignment(ERIN, VIEWER, str(KETTLE)))
    happen(do, ACME)
    happen(do, ACME, WEB)
    happen(do, ACME, WEB, KETTLE)
    happen(do)
    readers = {ALICE: 3, DORA: 2, ERIN: 1, CAROL: 0}
    events = [*reversed(seen(do, ACME)), *_of_the_platform(do)]
    for who, number in readers.items():
        found = [one for one in events if _may_read(do, one.event_id, who)]
        assert found == events[3 - number : 3], who
    with pytest.raises(NotFound, match="no such event"):
        do(read_event, EventId.new(NOW))


def _of_the_platform(do: Acting) -> Sequence[Event]:
    with do.units.view() as work:
        found = work.events.of(GLOBAL, PAGE, EventFilter(types=["project.updated"]))
    return [entry.event for entry in found.items]


def _may_read(do: Acting, event_id: EventId, by: PrincipalId) -> bool:
    try:
        entry: Entry = do(read_event, event_id, by=by)
    except NotFound:
        return False
    return entry.event.event_id == event_id


def test_what_belongs_to_no_tenant_is_for_who_reads_the_platform(at_acme: Acting) -> None:
    do = at_acme
    do.keep(an_assignment(DORA, VIEWER, "global"))
    happen(do)
    happen(do, ACME)
    event, catalog = seen(do, GLOBAL, DORA)
    assert (event.tenant, catalog.type) == (GLOBAL, EventType.CATALOG_UPDATED)
    assert _may_read(do, event.event_id, DORA)
    assert len(lines(do, GLOBAL, DORA)) == 2
    # Global scope grants nothing below (R1.1).
    with pytest.raises(NotFound):
        seen(do, ACME, DORA)
    with pytest.raises(NotFound, match="runs the platform"):
        seen(do, GLOBAL, ALICE)


def test_what_is_gone_is_read_by_who_reads_what_it_was_in(at_acme: Acting) -> None:
    do = at_acme
    do.keep(an_assignment(DORA, VIEWER, "project web"))
    happen(do, ACME, WEB, KETTLE)
    (event,) = seen(do, KETTLE, DORA)
    with do.arranging() as work:
        resource = work.resources.get(ResourceId("kettle"))
        work.resources.replace_all([evolve(resource, status=Status.DELETED)])
    assert seen(do, KETTLE, DORA) == [event]
    assert _may_read(do, event.event_id, DORA)


def test_a_project_that_moved_takes_its_log_along(at_acme: Acting) -> None:
    do = at_acme
    do.keep(an_assignment(ALICE, EDITOR, "organization other"))
    happen(do, ACME, APP)
    do(move_project, ProjectId("app"), MoveProject(org_id=OrganizationId("other")))
    happen(do, OTHER, APP)
    theirs = seen(do, APP, CAROL)
    assert {str(one.tenant) for one in theirs} == {str(ACME), str(OTHER)}
    assert len(theirs) == 4
    assert all(_may_read(do, one.event_id, CAROL) for one in theirs)
    assert len(seen(do, ACME, ALICE)) == 2
    for tenant in (ACME, OTHER):
        assert do.alone(_verified, tenant) is None


def _verified(work: Any, tenant: Scope, *, platform: Any) -> Wrong | None:
    finding = verify_chain(work, tenant).finding
    return None if finding is None else finding.wrong


# -- exports -------------------------------------------------------------------------------------


def test_an_export_is_the_chain(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    for _ in range(3):
        happen(do, ACME, times=PORTION)
        clock.advance(DAY)
    exported = lines(do, ACME)
    assert len(exported) == 3 * PORTION
    checked = Verification.of_export(Link.read(exported[0])).fed(map(Link.read, exported)).ended()
    assert (checked.finding, checked.count, checked.start.sequence) == (None, 3 * PORTION, 0)
    begun: Export = do(begin_export, ACME, Wish())
    assert begun.last == evolve(checked.last, time="", event_id=None)


@pytest.mark.parametrize(
    ("wish", "first", "last"),
    [
        ({"after": 2}, 3, 6),
        ({"after": 6}, None, None),
        ({"after": 600}, None, None),
        ({"since": NOW + 2 * DAY}, 3, 6),
        ({"until": NOW + 2 * DAY}, 1, 2),
        ({"since": NOW + 1 * DAY, "until": NOW + 4 * DAY}, 2, 4),
        ({"since": NOW + 1 * DAY, "until": NOW + 4 * DAY, "after": 3}, 4, 4),
        ({"since": NOW + 9 * DAY}, None, None),
        ({"until": NOW}, None, None),
    ],
)
def test_a_part_of_an_export_is_a_part_of_the_chain(
    at_acme: Acting, clock: ManualClock, wish: dict[str, Any], first: int | None, last: int | None
) -> None:
    do = at_acme
    for _ in range(6):
        happen(do, ACME)
        clock.advance(DAY)
    whole, part = lines(do, ACME), lines(do, ACME, **wish)
    assert part == ([] if first is None else whole[first - 1 : last])
    begun: Export = do(begin_export, ACME, Wish(**wish))
    assert (begun.last and begun.last.sequence) == last


def test_what_is_told_later_is_not_in_an_export(at_acme: Acting) -> None:
    do = at_acme
    happen(do, ACME, times=PORTION + 1)
    begun: Export = do(begin_export, ACME, Wish())
    happen(do, ACME, times=2 * PORTION)
    assert len(list(_lines(do, begun, ALICE))) == PORTION + 1


def test_who_may_no_longer_read_gets_no_further(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    until = clock.now() + timedelta(minutes=1)
    do.keep(an_assignment(DORA, VIEWER, str(ACME), expires_at=until))
    happen(do, ACME, times=2 * PORTION)
    begun: Export = do(begin_export, ACME, Wish(), by=DORA)
    first = do(export_portion, begun, by=DORA)
    assert first.next == PORTION
    clock.advance(timedelta(minutes=2))
    with pytest.raises(NotFound):
        do(export_portion, begun, first.next, by=DORA)


def test_what_happened_to_one_thing_is_exported_too(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    for number in range(300):
        happen(do, ACME, *((WEB, KETTLE) if number % 2 else (APP,)))
        clock.advance(timedelta(seconds=1))
    web, kettle = lines(do, WEB), lines(do, KETTLE)
    assert web == kettle == [line for line in lines(do, ACME) if '"project_id":"web"' in line]
    assert len(web) == 150
    assert lines(do, KETTLE, since=NOW + timedelta(seconds=290)) == web[-5:]
    with pytest.raises(ValidationFailed, match="no chain of its own"):
        lines(do, KETTLE, after=3)


# -- how long entries are kept -------------------------------------------------------------------


def retained(do: Acting, days: int | None, by: PrincipalId = ALICE) -> Retention:
    kept: Retention = do(set_retention, OrganizationId("acme"), Retention(days=days), by=by)
    return kept


def told(do: Acting, kind: str) -> list[Event]:
    return seen(do, ACME, where=EventFilter(types=[kind]))


def test_an_owner_says_how_long_entries_are_kept_and_it_is_told(at_acme: Acting) -> None:
    do = at_acme
    assert do(read_retention, OrganizationId("acme")) == Retention(days=None)
    assert retained(do, 90) == Retention(days=90)
    assert retained(do, 90) == Retention(days=90)
    assert do(read_retention, OrganizationId("acme")) == Retention(days=90)
    (event,) = told(do, "audit.retention_updated")
    assert event.data.value == {"before": {"days": None}, "after": {"days": 90}}
    assert event.actor.id == ALICE.value
    do.alone(operator_set_retention, ACME, Retention(days=None))
    assert told(do, "audit.retention_updated")[0].actor.type == "operator"
    with pytest.raises(PreconditionFailed):
        do(set_retention, OrganizationId("acme"), Retention(days=40), as_seen=lambda _: False)


@pytest.mark.parametrize("days", [29, 0, -1, 3651])
def test_entries_are_not_kept_for_any_time(days: int) -> None:
    with pytest.raises(ValueError, match="30 to 3650 days"):
        Retention(days=days)


def test_others_say_nothing_about_it(at_acme: Acting) -> None:
    do = at_acme
    do.keep(an_assignment(DORA, STEWARD, str(ACME)), an_assignment(ERIN, EDITOR, str(ACME)))
    for by in (DORA, ERIN):
        with pytest.raises(Forbidden):
            retained(do, 30, by)
        assert do(read_retention, OrganizationId("acme"), by=by) == Retention(days=None)
    with pytest.raises(NotFound):
        retained(do, 30, CAROL)
    with pytest.raises(NotFound):
        do(read_retention, OrganizationId("acme"), by=CAROL)


def test_without_a_log_there_is_nothing_to_keep(do: Acting) -> None:
    nobodys = Scope.of(OrganizationId("nobodys"))
    with pytest.raises(NotFound):
        do.alone(operator_set_retention, nobodys, Retention(days=30))
    with do.units.view() as work, pytest.raises(NotFound):
        operator_retention(work, nobodys)
    with do.units.view() as work, pytest.raises(NotFound):
        verify_chain(work, nobodys)
    assert do.alone(prune_events, nobodys) is False


def numbers(do: Acting, tenant: Scope = ACME) -> list[int]:
    with do.units.view() as work:
        return [one.sequence for one in work.events.records(tenant, 0, 100_000)]


def test_what_has_had_its_time_is_pruned_and_the_rest_is_a_chain(
    at_acme: Acting, clock: ManualClock
) -> None:
    do = at_acme
    retained(do, 30)
    for _ in range(40):
        happen(do, ACME)
        clock.advance(DAY)
    before = lines(do, ACME)
    assert do.alone(prune_events, ACME) is False
    after = lines(do, ACME)
    gone = len(before) - len(after) + 1
    assert after[:-1] == before[gone:]
    assert do.alone(_verified, ACME) is None
    (event,) = told(do, "audit.pruned")
    last = Link.read(before[gone - 1]).place
    assert event.data.value == {
        "through_sequence": last.sequence,
        "through_hash": last.hash,
        "count": gone,
    }
    assert last.time < (clock.now() - 30 * DAY).isoformat() <= Link.read(after[0]).place.time
    first = Link.read(after[0])
    assert Verification.of_export(first).fed(map(Link.read, after)).ended().finding is None


def test_it_is_pruned_once_a_day_however_often_one_looks(
    at_acme: Acting, clock: ManualClock
) -> None:
    do = at_acme
    retained(do, 30)
    for _ in range(24 * 35):
        happen(do, ACME)
        clock.advance(timedelta(hours=1))
        do.alone(prune_events, ACME)
    assert len(told(do, "audit.pruned")) == 4
    assert do.alone(_verified, ACME) is None


def test_pruning_is_no_reason_to_prune(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    retained(do, 30)
    for _ in range(300):
        clock.advance(DAY)
        do.alone(prune_events, ACME)
    assert len(told(do, "audit.pruned")) == 1
    assert do.alone(_verified, ACME) is None


def test_much_is_pruned_in_parts(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    happen(do, ACME, times=PRUNED_AT_ONCE + 10)
    retained(do, 30)
    clock.advance(40 * DAY)
    assert do.alone(prune_events, ACME) is True
    assert do.alone(_verified, ACME) is None
    assert do.alone(prune_events, ACME) is False
    assert len(told(do, "audit.pruned")) == 2
    assert len(numbers(do)) == 2


def test_nothing_is_pruned_that_is_to_be_kept(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    happen(do, ACME, times=3)
    clock.advance(4000 * DAY)
    assert do.alone(prune_events, ACME) is False
    assert numbers(do) == [1, 2, 3]


def test_what_was_tampered_with_is_not_pruned(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    retained(do, 30)
    happen(do, ACME, times=5)
    clock.advance(60 * DAY)
    tamper(do, 3)
    with pytest.raises(BrokenChain, match="Entry 3 was changed"):
        do.alone(prune_events, ACME)
    assert len(numbers(do)) == 6


def tamper(do: Acting, number: int) -> None:
    with do.arranging() as work:
        entry = work.events.entries(ACME, number - 1, 1)[0]
        changed = evolve(entry.event, request_id="another")
        work.tables.events.put(evolve(entry, event=changed))  # type: ignore[attr-defined]


# -- proving -------------------------------------------------------------------------------------


def test_a_chain_that_was_tampered_with_is_told(at_acme: Acting) -> None:
    do = at_acme
    happen(do, ACME, times=2 * PORTION)
    tamper(do, PORTION + 5)
    with do.units.view() as work:
        verdict = verify_chain(work, ACME)
    assert verdict.finding is not None
    assert (verdict.finding.sequence, verdict.finding.wrong) == (PORTION + 5, Wrong.CHANGED)
    assert verdict.count == PORTION + 4


def test_an_anchor_that_was_moved_is_found(at_acme: Acting, clock: ManualClock) -> None:
    do = at_acme
    retained(do, 30)
    happen(do, ACME, times=5)
    clock.advance(60 * DAY)
    do.alone(prune_events, ACME)
    happen(do, ACME, times=5)
    assert do.alone(_verified, ACME) is None
    (first, second, *_) = lines(do, ACME)
    with do.arranging() as work:  # without telling it
        entry = work.events.entries(ACME, 0, 1)[0]
        work.events.prune(ACME, entry.head)
    assert do.alone(_verified, ACME) is Wrong.ANCHOR
    assert Link.read(first).place.sequence + 1 == Link.read(second).place.sequence


def test_a_place_that_was_kept_elsewhere_is_compared(at_acme: Acting) -> None:
    do = at_acme
    happen(do, ACME, times=5)
    with do.units.view() as work:
        known = verify_chain(work, ACME).head
    happen(do, ACME, times=5)
    with do.units.view() as work:
        assert verify_chain(work, ACME, known).finding is None
        other = Place(sequence=known.sequence, hash="0" * 64)
        finding = verify_chain(work, ACME, other).finding
    assert finding is not None
    assert finding.wrong is Wrong.UNEXPECTED


def test_everybody_with_a_chain_is_told(at_acme: Acting) -> None:
    do = at_acme
    happen(do, ACME)
    happen(do, OTHER)
    with do.units.view() as work:
        assert list(next_tenants(work, None, 10)) == [GLOBAL, ACME, OTHER]
        assert list(next_tenants(work, ACME, 10)) == [OTHER]
