"""Deliveries as a queue and as a record, as every store keeps them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import DeliveryId, EventId, OrganizationId, ProjectId, WebhookId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.webhooks import (
    PAUSES,
    DeliveryStatus,
    Due,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookStatus,
)
from ktrlplane.ports.unit_of_work import UnitsOfWork
from ktrlplane.ports.webhooks import DeliveryFilter, Settlement
from tests.builders import DAY, HOUR, NOW, a_webhook

ACME, PLANT = Scope.of(OrganizationId("acme")), Scope.of(ProjectId("plant"))
MINUTE = HOUR / 60
MOMENT = timedelta(microseconds=1)
ENDLESSLY = 1000
EVERYTHING = DeliveryFilter()
PENDING, DELIVERED, FAILED = DeliveryStatus


def an_event(
    *path: Scope, kind: EventType = EventType.RESOURCE_CREATED, at: datetime = NOW
) -> Event:
    data = {"before": None, "after": None}
    return Event.about(path or [ACME], kind, actor=OPERATOR, at=at, data=data)


def add(units: UnitsOfWork, *webhooks: Webhook) -> None:
    with units.begin() as work:
        for webhook in webhooks:
            work.webhooks.add(webhook)


def tell(units: UnitsOfWork, *events: Event) -> None:
    with units.begin() as work:
        work.events.add(events)


def happen(units: UnitsOfWork, count: int) -> Sequence[EventId]:
    """One after the other, the first at ``NOW``."""
    events = [an_event(at=NOW + number * MOMENT) for number in range(count)]
    tell(units, *events)
    return [event.event_id for event in events]


def claim(
    units: UnitsOfWork,
    at: datetime = NOW + MINUTE,
    *,
    limit: int = ENDLESSLY,
    each: int = ENDLESSLY,
    busy: dict[WebhookId, int] | None = None,
) -> Sequence[Due]:
    with units.begin() as work:
        return work.deliveries.claim(at, at + MINUTE, limit=limit, each=each, busy=busy)


def settled(due: Due, status: int, at: datetime = NOW + MINUTE) -> Settlement:
    number = due.delivery.attempts + 1
    attempt = WebhookAttempt(
        number=number,
        attempted_at=at,
        response_status=status,
        response_body="ok\u20ac",
        duration_ms=0,
    )
    return Settlement(claimed=due.delivery, settled=due.delivery.attempted(attempt, jitter=0))


def settle(units: UnitsOfWork, *settlements: Settlement) -> set[DeliveryId]:
    with units.begin() as work:
        return set(work.deliveries.settle(settlements))


def known(units: UnitsOfWork, where: DeliveryFilter = EVERYTHING) -> list[WebhookDelivery]:
    with units.view() as work:
        page = work.deliveries.of(a_webhook().webhook_id, PageRequest(limit=200), where)
    return list(page.items)[::-1]


def test_a_delivery_is_due_when_its_event_happens(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    (event_id,) = happen(units, 1)
    made = WebhookDelivery.due(a_webhook().webhook_id, event_id, "resource.created", NOW)
    assert known(units) == [made]
    with units.view() as work:
        assert work.deliveries.get(made.webhook_id, made.delivery_id) == made
        assert list(work.deliveries.attempts(made.delivery_id)) == []
        for webhook_id, delivery_id in (
            (WebhookId("whk_other"), made.delivery_id),
            (made.webhook_id, DeliveryId("dlv_other")),
        ):
            with pytest.raises(NotFound):
                work.deliveries.get(webhook_id, delivery_id)


def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    event_ids = happen(units, 3)
    assert claim(units, NOW - MOMENT) == []
    first = claim(units)
    assert [one.entry.event.event_id for one in first] == list(event_ids)
    assert [one.entry.sequence for one in first] == [1, 2, 3]
    assert {one.webhook for one in first} == {a_webhook()}
    until = NOW + 2 * MINUTE
    assert all(one.delivery.claimed_until == until for one in first)
    assert known(units) == [one.delivery for one in first]
    assert claim(units, until - MOMENT) == []
    again = claim(units, until)
    assert {one.entry.sequence for one in again} == {1, 2, 3}


def test_what_is_settled_stays_so_and_its_attempts_are_kept(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 2)
    good, bad = claim(units)
    arrived, failed = settled(good, 204), settled(bad, 500)
    assert settle(units, arrived, failed) == {one.delivery.delivery_id for one in (good, bad)}
    assert known(units) == [arrived.settled, failed.settled]
    assert arrived.settled.status is DELIVERED
    assert failed.settled.next_attempt_at == NOW + MINUTE + PAUSES[0]
    assert claim(units, NOW + MINUTE + PAUSES[0] - MOMENT) == []
    (again,) = claim(units, NOW + MINUTE + PAUSES[0])
    assert again.delivery.last == failed.attempt
    settle(units, settled(again, 200, NOW + HOUR))
    with units.view() as work:
        attempts = work.deliveries.attempts(again.delivery.delivery_id)
    assert [(one.number, one.response_status) for one in attempts] == [(1, 500), (2, 200)]
    assert known(units)[1].last == attempts[1]


def test_an_attempt_without_an_answer_is_kept_with_its_reason(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 1)
    (due,) = claim(units)
    attempt = WebhookAttempt(number=1, attempted_at=NOW, failure="timeout", duration_ms=15_000)
    after = due.delivery.attempted(attempt, jitter=1)
    settle(units, Settlement(claimed=due.delivery, settled=after))
    assert known(units) == [after]


def test_who_settles_late_changes_nothing(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 1)
    (late,) = claim(units)
    (other,) = claim(units, NOW + HOUR)
    assert settle(units, settled(late, 200)) == set()
    assert known(units) == [other.delivery]
    assert settle(units, settled(other, 500)) == {other.delivery.delivery_id}
    assert settle(units, settled(other, 200)) == set()
    with units.view() as work:
        (attempt,) = work.deliveries.attempts(other.delivery.delivery_id)
    assert attempt.response_status == 500


def test_what_is_given_back_is_due_at_once(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 2)
    kept, given = claim(units)
    with units.begin() as work:
        work.deliveries.release([given.delivery], NOW + MINUTE)
    (again,) = claim(units)
    assert again.entry == given.entry
    assert again.delivery.attempts == 0
    with units.begin() as work:
        work.deliveries.release([given.delivery, kept.delivery], NOW + HOUR)
    assert settle(units, settled(kept, 200)) == set()
    assert len(settle(units, settled(again, 200, NOW + 2 * HOUR))) in (0, 1)


def test_no_endpoint_gets_more_than_it_may_and_all_take_turns(units: UnitsOfWork) -> None:
    many, few, tired = a_webhook(1), a_webhook(2, event_types=("project.*",)), a_webhook(3)
    add(units, many, few, tired)
    happen(units, 10)
    tell(units, *(an_event(kind=EventType.PROJECT_UPDATED, at=NOW + MINUTE) for _ in range(3)))
    got = claim(units, NOW + HOUR, limit=9, each=6, busy={tired.webhook_id: 4})
    theirs = [one.webhook.webhook_id for one in got]
    assert set(theirs[:2]) == {many.webhook_id, tired.webhook_id}
    assert theirs[2] == few.webhook_id
    counts = {one: theirs.count(one.webhook_id) for one in (many, few, tired)}
    assert counts == {many: 4, few: 3, tired: 2}
    rest = claim(units, NOW + HOUR, each=6, busy={many.webhook_id: 4, tired.webhook_id: 6})
    assert [one.webhook for one in rest] == [many, many]


def test_only_enabled_endpoints_are_delivered_to(units: UnitsOfWork) -> None:
    add(units, *(a_webhook(number) for number in range(4)))
    happen(units, 1)
    with units.begin() as work:
        work.webhooks.replace(evolve(a_webhook(0), status=WebhookStatus.PAUSED))
        work.webhooks.replace(evolve(a_webhook(1), status=WebhookStatus.DISABLED))
        work.webhooks.remove(a_webhook(2).webhook_id)
    assert [one.webhook for one in claim(units)] == [a_webhook(3)]
    with units.begin() as work:
        work.webhooks.replace(a_webhook(0))
    assert [one.webhook for one in claim(units)] == [a_webhook(0)]


def test_two_who_claim_at_once_get_different_ones(units: UnitsOfWork) -> None:
    add(units, *(a_webhook(number) for number in range(5)))
    happen(units, 40)
    with ThreadPoolExecutor(4) as pool:
        portions = list(pool.map(lambda _: claim(units, limit=30, each=10), range(12)))
    rest = claim(units)
    claimed = [one.delivery.delivery_id for portion in [*portions, rest] for one in portion]
    assert len(claimed) == len(set(claimed)) == 200


def test_one_that_is_asked_for_again_is_due(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 1)
    (due,) = claim(units)
    settle(units, settled(due, 200))
    (done,) = known(units)
    again = done.again(NOW + DAY)
    with units.begin() as work:
        work.deliveries.replace(again)
    assert known(units) == [again]
    assert claim(units, NOW + DAY - MOMENT) == []
    (due,) = claim(units, NOW + DAY)
    assert (due.delivery.attempts, due.delivery.round) == (1, 0)
    with units.begin() as work, pytest.raises(NotFound):
        work.deliveries.replace(evolve(again, delivery_id=DeliveryId("dlv_other")))


def test_there_is_one_of_an_event_to_an_endpoint(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    (event_id,) = happen(units, 1)
    with units.begin() as work:
        for _ in range(2):
            made = WebhookDelivery.due(a_webhook().webhook_id, event_id, "a.b", NOW + DAY)
            work.deliveries.add(made)
    (only,) = known(units)
    assert only.event_type == "resource.created"


def test_deliveries_are_found_by_what_they_are(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    kinds = EventType.RESOURCE_CREATED, EventType.PROJECT_UPDATED, EventType.RESOURCE_DELETED
    for number, kind in enumerate(kinds):
        tell(units, an_event(kind=kind, at=NOW + number * HOUR))
    first = claim(units)
    settle(units, *(settled(one, 200) for one in first))
    everything = known(units)
    assert [one.event_type for one in everything] == list(kinds)

    def where(**what: object) -> list[str]:
        return [one.event_type for one in known(units, DeliveryFilter(**what))]  # type: ignore[arg-type]

    assert where(status=DELIVERED) == [kinds[0]]
    assert where(status=PENDING) == list(kinds[1:])
    assert where(types=["resource.*"]) == [kinds[0], kinds[2]]
    assert where(types=["project.updated", "resource.created"]) == list(kinds[:2])
    assert where(types=["*"]) == list(kinds)
    assert where(since=NOW + HOUR) == list(kinds[1:])
    assert where(until=NOW + HOUR, status=PENDING) == []
    with units.view() as work:
        page = PageRequest(limit=1, include_total=True)
        listed = work.deliveries.of(a_webhook().webhook_id, page, EVERYTHING)
    assert (listed.total, [one.event_type for one in listed.items]) == (3, [kinds[2]])


def test_what_was_missed_is_recovered(units: UnitsOfWork) -> None:
    webhook = a_webhook(event_types=("resource.*",), status=WebhookStatus.DISABLED)
    add(units, webhook)
    early, other, missed = (
        an_event(at=NOW),
        an_event(kind=EventType.PROJECT_UPDATED, at=NOW + HOUR),
        an_event(ACME, PLANT, at=NOW + HOUR),
    )
    tell(units, early, other, missed, an_event(kind=EventType.WEBHOOK_TEST, at=NOW + HOUR))
    enabled = evolve(webhook, status=WebhookStatus.ENABLED)
    with units.begin() as work:
        work.webhooks.replace(enabled)
    pending = an_event(at=NOW + 2 * HOUR)
    tell(units, pending)
    with units.begin() as work:
        assert work.deliveries.recover(enabled, NOW + HOUR, NOW + DAY) == 1
        assert work.deliveries.recover(enabled, NOW + HOUR, NOW + DAY) == 0
    got = {one.event_id: one.next_attempt_at for one in known(units)}
    assert got == {missed.event_id: NOW + DAY, pending.event_id: pending.occurred_at}


def test_what_was_given_up_is_recovered_and_what_arrived_is_not(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 2)
    good, bad = claim(units)
    settle(units, settled(good, 200), settled(bad, 410))
    assert [one.status for one in known(units)] == [DELIVERED, FAILED]
    with units.begin() as work:
        assert work.deliveries.recover(a_webhook(), NOW, NOW + DAY) == 1
    (again,) = claim(units, NOW + DAY)
    assert again.delivery.delivery_id == bad.delivery.delivery_id
    assert (again.delivery.attempts, again.delivery.round) == (1, 0)


def test_a_projects_endpoint_recovers_what_happened_in_the_project(units: UnitsOfWork) -> None:
    webhook = a_webhook(scope=PLANT)
    there, alone = an_event(ACME, PLANT), an_event(PLANT)
    tell(units, there, alone, an_event(ACME))
    add(units, webhook)
    with units.begin() as work:
        assert work.deliveries.recover(webhook, NOW, NOW + DAY) == 2
    assert {one.event_id for one in known(units)} == {there.event_id, alone.event_id}


def test_what_is_over_is_forgotten_after_a_while(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    happen(units, 3)
    good, bad, _ = claim(units)
    settle(units, settled(good, 200, NOW + MINUTE), settled(bad, 410, NOW + HOUR))
    with units.begin() as work:
        assert work.deliveries.forget(NOW + MINUTE, 10) == 0
        assert work.deliveries.forget(NOW + MINUTE + MOMENT, 10) == 1
    assert [one.status for one in known(units)] == [FAILED, PENDING]
    with units.begin() as work:
        assert work.deliveries.forget(NOW + DAY, 10) == 1
        assert list(work.deliveries.attempts(good.delivery.delivery_id)) == []
    assert [one.status for one in known(units)] == [PENDING]


def test_of_an_ended_endpoint_nothing_is_left_in_the_end(units: UnitsOfWork) -> None:
    removed, ended = a_webhook(1), a_webhook(2, scope=PLANT)
    add(units, removed, ended)
    tell(units, an_event(ACME, PLANT), an_event(ACME, PLANT))
    with units.begin() as work:
        work.webhooks.remove(removed.webhook_id)
        work.webhooks.end(PLANT)
    with units.begin() as work:
        assert work.deliveries.forget(NOW, 1) == 1
        assert work.deliveries.forget(NOW, 10) == 2
        assert work.deliveries.forget(NOW, 10) == 0
    due = claim(units)
    assert [one.webhook for one in due] == [ended, ended]
    settle(units, *(settled(one, 200) for one in due))
    with units.begin() as work:
        assert work.deliveries.forget(NOW, 10) == 3
        assert work.deliveries.forget(NOW, 10) == 0


def test_pruning_knows_what_is_still_to_be_delivered(units: UnitsOfWork) -> None:
    add(units, a_webhook(1), a_webhook(2, status=WebhookStatus.PAUSED))
    happen(units, 4)
    with units.begin() as work:
        assert work.deliveries.first_pending(ACME, 4) == 1
        assert work.deliveries.first_pending(PLANT, 4) is None
    first, *_ = claim(units)
    settle(units, settled(first, 200))
    with units.begin() as work:
        assert work.deliveries.first_pending(ACME, 4) == 2
        assert work.deliveries.first_pending(ACME, 1) is None
        work.deliveries.drop(ACME, 1)
    with units.view() as work:
        page = work.deliveries.of(a_webhook(2).webhook_id, PageRequest(), EVERYTHING)
    assert len(page.items) == 3
    assert len(known(units)) == 4
