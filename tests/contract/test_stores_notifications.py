"""Notifications and the letters that they go into, as every store keeps them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import (
    EventId,
    LetterId,
    NotificationId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
)
from ktrlplane.domain.notifications import NOTABLE, Letter, Mailing, Notification, Preference
from ktrlplane.domain.paging import PageRequest
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
)

ACME, PLANT = Scope.of(OrganizationId("acme")), Scope.of(ProjectId("web"))
KETTLE = Scope.of(ResourceId("kettle"))
IMMEDIATE, DAILY, OFF = Mailing
MOMENT = timedelta(microseconds=1)
FAILED: dict[str, Any] = {"before": {"status": "Running"}, "after": {"status": "Failed"}}


def a_notification(number: int = 1, **but: Any) -> Notification:
    known: dict[str, Any] = {
        "notification_id": NotificationId(f"ntf_{number:04}"),
        "user_id": ALICE,
        "event_id": EventId(f"evt_{number:04}"),
        "event_type": "resource.status_changed",
        "scope": ACME,
        "title": f"News number {number} of \u20ac \U0001f600 <b>",
        "created_at": NOW + number * HOUR,
    }
    return Notification(**known | but)


def a_letter(number: int = 1, **but: Any) -> Letter:
    known: dict[str, Any] = {
        "letter_id": LetterId(f"ltr_{number:04}"),
        "user_id": ALICE,
        "email": IMMEDIATE,
        "created_at": NOW,
        "due_at": NOW,
    }
    return Letter(**known | but)


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Alice may read everything there, Bob the project alone."""
    keep(
        units,
        an_organization(),
        a_project(),
        a_resource(),
        an_assignment(ALICE, OWNER, str(ACME)),
        an_assignment(BOB, VIEWER, str(PLANT)),
    )
    return units


def add(units: UnitsOfWork, *notifications: Notification) -> None:
    with units.begin() as work:
        work.notifications.add(notifications)


def listed(
    units: UnitsOfWork, user_id: PrincipalId = ALICE, *, unread: bool = False
) -> Sequence[Notification]:
    with units.view() as work:
        page = PageRequest(limit=100)
        return list(work.notifications.of(user_id, NOW + DAY, page, unread=unread).items)


def happen(units: UnitsOfWork, *kinds: EventType, data: Any = FAILED) -> list[str]:
    made = [
        Event.about([ACME], kind, actor=OPERATOR, at=NOW + number * HOUR, data=data)
        for number, kind in enumerate(kinds)
    ]
    with units.begin() as work:
        work.events.add(made)
    return [event.event_id.value for event in made]


def taken(units: UnitsOfWork, limit: int = 100) -> list[str]:
    with units.begin() as work:
        return [one.event.event_id.value for one in work.notifications.take_notable(limit)]


def test_notable_events_wait_until_somebody_takes_them(units: UnitsOfWork) -> None:
    made = happen(units, *sorted(NOTABLE))
    assert taken(units, 2) == made[:2]
    assert taken(units) == made[2:]
    assert taken(units) == []


@pytest.mark.parametrize("alone", [True, False])
def test_what_nobody_is_told_of_does_not_wait(units: UnitsOfWork, *, alone: bool) -> None:
    others = [kind for kind in EventType if kind not in NOTABLE | {EventType.WEBHOOK_TEST}]
    for some in [[one] for one in others[:5]] if alone else [others]:
        happen(units, *some)
    status = EventType.RESOURCE_STATUS_CHANGED
    happen(units, status, data={"before": {"status": "Failed"}, "after": {"status": "Running"}})
    happen(units, status, data={"before": {"status": "Failed"}, "after": None})
    assert taken(units) == []


def test_what_is_taken_in_vain_waits_again(units: UnitsOfWork) -> None:
    made = happen(units, EventType.GROUP_MEMBER_ADDED)
    with suppress(RuntimeError), units.begin() as work:
        assert len(work.notifications.take_notable(10)) == 1
        raise RuntimeError
    assert taken(units) == made


def test_two_who_take_at_once_get_different_ones(units: UnitsOfWork) -> None:
    made = happen(units, *[EventType.GROUP_MEMBER_ADDED] * 60)
    with ThreadPoolExecutor(4) as pool:
        portions = list(pool.map(lambda _: taken(units, 7), range(12)))
    got = [one for portion in [*portions, taken(units)] for one in portion]
    assert sorted(got) == sorted(made)


def test_a_notification_comes_back_as_it_went_in(inside: UnitsOfWork) -> None:
    plain = a_notification(1)
    full = a_notification(
        2, scope=KETTLE, read_at=NOW, email=DAILY, mail_due_at=NOW + DAY, event_type="a.b"
    )
    add(inside, plain, full, a_notification(3, in_app=False))
    assert listed(inside) == [full, plain]
    assert listed(inside, unread=True) == [plain]
    with inside.view() as work:
        assert work.notifications.get(ALICE, full.notification_id, NOW) == full
        for user_id, number in (BOB, 1), (ALICE, 3), (ALICE, 4):
            notification_id = NotificationId(f"ntf_{number:04}")
            with pytest.raises(NotFound):
                work.notifications.get(user_id, notification_id, NOW)


def test_nobody_is_told_twice_of_one_event(inside: UnitsOfWork) -> None:
    first = a_notification(1)
    again = evolve(a_notification(2), event_id=first.event_id)
    other = evolve(a_notification(3), event_id=first.event_id, user_id=BOB, scope=PLANT)
    add(inside, first)
    add(inside, again, other)
    assert listed(inside) == [first]
    assert listed(inside, BOB) == [other]


def test_pages_follow_each_other(inside: UnitsOfWork) -> None:
    made = [a_notification(number) for number in range(7)]
    add(inside, *made)
    with inside.view() as work:
        first = work.notifications.of(ALICE, NOW, PageRequest(limit=4, include_total=True))
        second = work.notifications.of(ALICE, NOW, PageRequest(limit=4, after=first.next))
    assert [*first.items, *second.items] == made[::-1]
    assert (first.total, second.next) == (7, None)


def test_only_what_one_may_read_by_now_is_shown(inside: UnitsOfWork) -> None:
    scopes = ACME, PLANT, KETTLE, GLOBAL, Scope.of(ProjectId("gone"))
    made = [
        a_notification(number, scope=scope, user_id=who, letter_id=None)
        for number, (who, scope) in enumerate(
            (who, scope) for who in (ALICE, BOB, CAROL) for scope in scopes
        )
    ]
    letters = [a_letter(n, user_id=who) for n, who in enumerate((ALICE, BOB, CAROL))]
    add(inside, *made)
    with inside.begin() as work:
        for letter in letters:
            theirs = [one for one in made if one.user_id == letter.user_id]
            work.notifications.write(letter, theirs)

    def seen(who: PrincipalId) -> set[Scope]:
        (letter,) = [one for one in letters if one.user_id == who]
        with inside.view() as work:
            mailed = work.notifications.inside(letter.letter_id, NOW)
        assert [one.notification_id for one in mailed] == [
            one.notification_id for one in reversed(listed(inside, who))
        ]
        return {one.scope for one in mailed}

    assert seen(ALICE) == {ACME, PLANT, KETTLE}
    assert seen(BOB) == {PLANT, KETTLE}
    assert seen(CAROL) == set()
    with inside.begin() as work:
        work.assignments.remove_on([PLANT])
    assert seen(BOB) == set()


def test_what_has_been_read_stays_so(inside: UnitsOfWork) -> None:
    made = [a_notification(number) for number in range(4)]
    add(inside, *made, a_notification(5, user_id=BOB, scope=PLANT))
    with inside.begin() as work:
        work.notifications.read(made[3], NOW)
        work.notifications.read(made[3], NOW + HOUR)
    assert listed(inside)[0].read_at == NOW
    with inside.begin() as work:
        assert work.notifications.read_all(ALICE, NOW + HOUR, NOW + DAY) == 2
        assert work.notifications.read_all(ALICE, NOW + HOUR, NOW + DAY) == 0
        work.notifications.add([a_notification(6, user_id=CAROL)])
        assert work.notifications.read_all(CAROL, NOW + DAY, NOW + DAY) == 0, "she may read none"
    read = [one.read_at for one in listed(inside)]
    assert read == [NOW, None, NOW + DAY, NOW + DAY]
    assert [one.read_at for one in listed(inside, BOB)] == [None]


def test_preferences_are_those_that_were_set_last(units: UnitsOfWork) -> None:
    some = [
        Preference(event_type="*", in_app=False),
        Preference(event_type="resource.*", email=DAILY),
    ]
    other = [
        Preference(event_type="project.deleted", email=IMMEDIATE),
        Preference(event_type="resource.*", in_app=False, email=OFF),
    ]
    with units.begin() as work:
        work.notifications.prefer(ALICE, some[::-1])
        work.notifications.prefer(BOB, some)
        assert work.notifications.preferences([ALICE, CAROL]) == {ALICE: tuple(some)} or (
            work.notifications.preferences([ALICE, CAROL]) == {ALICE: some}
        )
        work.notifications.prefer(ALICE, other)
    with units.begin() as work:
        found = work.notifications.preferences([ALICE, BOB, CAROL])
        assert {who: list(those) for who, those in found.items()} == {ALICE: other, BOB: some}
        work.notifications.prefer(BOB, [])
        assert not work.notifications.preferences([BOB])


def test_what_is_to_be_mailed_comes_with_all_that_goes_the_same_way(units: UnitsOfWork) -> None:
    soon, later = {"email": IMMEDIATE, "mail_due_at": NOW}, {"email": DAILY, "mail_due_at": NOW}
    due, same, other = (
        a_notification(1, **soon),
        a_notification(2, **soon | {"mail_due_at": NOW + HOUR}),
        a_notification(3, **later | {"mail_due_at": NOW + HOUR}),
    )
    bobs, none = a_notification(4, user_id=BOB, **later), a_notification(5)
    not_yet = a_notification(6, user_id=CAROL, **soon | {"mail_due_at": NOW + MOMENT})
    add(units, due, same, other, bobs, none, not_yet)
    with units.begin() as work:
        assert list(work.notifications.unmailed(NOW - MOMENT, 10)) == []
        assert list(work.notifications.unmailed(NOW, 10)) == [due, same, bobs]
        assert len(work.notifications.unmailed(NOW, 1)) in (1, 2)
        work.notifications.write(a_letter(), [due, same])
        assert list(work.notifications.unmailed(NOW, 10)) == [bobs]
        digest = bobs.for_the_digest(NOW)
        work.notifications.replace([digest])
        assert list(work.notifications.unmailed(NOW, 10)) == []
        assert digest.mail_due_at is not None
        assert list(work.notifications.unmailed(digest.mail_due_at, 10))[-1] == not_yet


def test_letters_are_counted(units: UnitsOfWork) -> None:
    with units.begin() as work:
        for number, at in enumerate((NOW, NOW + HOUR, NOW + 2 * HOUR)):
            work.notifications.write(a_letter(number, due_at=None, sent_at=at), [])
        work.notifications.write(a_letter(9, created_at=NOW + DAY, due_at=None), [])
        counted = work.notifications.letters_since([ALICE, BOB], NOW + HOUR)
    assert (counted[ALICE], counted.get(BOB, 0)) == (2, 0)


def test_letters_count_until_they_were_sent_long_ago(units: UnitsOfWork) -> None:
    """What was written in time and is sent too late would be one mail too many."""
    to_be_sent = {"due_at": NOW + DAY}
    sent = [{"due_at": None, "sent_at": at} for at in (NOW, NOW + HOUR - MOMENT, NOW + HOUR)]
    with units.begin() as work:
        for number, state in enumerate([to_be_sent, *sent]):
            work.notifications.write(a_letter(number, created_at=NOW, **state), [])
        counted = work.notifications.letters_since([ALICE], NOW + HOUR)
    assert counted == {ALICE: 2}


def test_a_letter_is_taken_by_one_until_its_lease_ends(units: UnitsOfWork) -> None:
    with units.begin() as work:
        for number, due in enumerate((NOW + HOUR, NOW, None)):
            work.notifications.write(a_letter(number, due_at=due), [])

    def take(at: Any = NOW + HOUR, limit: int = 10) -> list[Letter]:
        with units.begin() as work:
            return list(work.notifications.take_letters(at, at + HOUR, limit))

    assert take(NOW - MOMENT) == []
    until = NOW + 2 * HOUR
    assert take(limit=1) == [a_letter(1, due_at=until, attempts=1)]
    (first,) = take()
    assert first == a_letter(0, due_at=until, attempts=1)
    assert take(until - MOMENT) == []
    again = take(until)
    assert [(one.letter_id, one.attempts) for one in again] == [
        (LetterId("ltr_0000"), 2),
        (LetterId("ltr_0001"), 2),
    ]
    with units.begin() as work:
        work.notifications.settle(first, evolve(first, due_at=None, sent_at=NOW))
        sent = evolve(again[0], due_at=None, sent_at=until)
        work.notifications.settle(again[0], sent)
        work.notifications.settle(again[1], evolve(again[1], due_at=until + 2 * HOUR))
    assert take(until + HOUR) == []
    assert [one.letter_id for one in take(until + 2 * HOUR)] == [LetterId("ltr_0001")]


def test_who_holds_the_letters_is_alone(units: UnitsOfWork) -> None:
    with units.begin() as work:
        assert work.notifications.hold_letters()
    with units.begin() as work:
        assert work.notifications.hold_letters()


def test_what_is_old_is_forgotten(inside: UnitsOfWork) -> None:
    made = [a_notification(number) for number in range(4)]
    add(inside, *made)
    with inside.begin() as work:
        work.notifications.write(a_letter(1, created_at=NOW), made[:2])
        work.notifications.write(a_letter(2, created_at=NOW + DAY), [])
    with inside.begin() as work:
        assert work.notifications.forget(NOW + 2 * HOUR, 1) == 1
        assert work.notifications.forget(NOW + 2 * HOUR, 10) == 2
        assert work.notifications.forget(NOW + 2 * HOUR, 10) == 0
    assert listed(inside) == made[:1:-1]
