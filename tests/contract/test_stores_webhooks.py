from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Head
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import DeliveryId, EventId, OrganizationId, ProjectId, WebhookId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import DisabledReason, EndpointStatus, Webhook
from ktrlplane.ports.unit_of_work import UnitsOfWork
from ktrlplane.ports.webhooks import DeliveryFilter, Due, Outcome
from tests.builders import DAY, HOUR, NOW, a_project, a_webhook, an_organization, keep, unwitnessed

ACME, GLOBEX = Scope.of(OrganizationId("acme")), Scope.of(OrganizationId("globex"))
WEB, LAB = Scope.of(ProjectId("web")), Scope.of(ProjectId("lab"))
OLDEST = PageRequest(sort=Sort.CREATED_AT)
ALL = DeliveryFilter()
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def an_event(
    *path: Scope,
    kind: EventType = EventType.PROJECT_UPDATED,
    to: Webhook | None = None,
    at: datetime = NOW,
) -> Event:
    subject = {} if to is None else {"subject": {"webhook_id": to.webhook_id.value}}
    return Event.about(path, kind, actor=OPERATOR, at=at, data=subject)


def tell(units: UnitsOfWork, *events: Event) -> None:
    with unwitnessed(units) as work:
        work.events.add(events)


def told(units: UnitsOfWork, webhook: Webhook, where: DeliveryFilter = ALL) -> list[EventId]:
    with units.view() as work:
        found = work.webhooks.deliveries_of(webhook.webhook_id, OLDEST, where)
    return [one.event_id for one in found.items]


def claim(
    units: UnitsOfWork,
    now: datetime = NOW,
    *,
    each: int = 10,
    limit: int = 100,
    busy: dict[WebhookId, int] | None = None,
) -> Sequence[Due]:
    with unwitnessed(units) as work:
        return work.webhooks.claim(
            now, now + MINUTE, each=each, limit=limit, busy={} if busy is None else busy
        )


def answer(due: Due, status: int | None, at: datetime = NOW) -> Outcome:
    attempt = WebhookAttempt(
        number=due.delivery.attempts + 1,
        attempted_at=at,
        response_status=status,
        failure="timeout" if status is None else None,
        response_body="\u20ac \U0001f600 \t\n",
        duration_ms=12,
    )
    return Outcome(delivery=due.delivery.after(attempt, now=at, jitter=0), attempt=attempt)


def settle(units: UnitsOfWork, *outcomes: Outcome) -> Sequence[DeliveryId]:
    with unwitnessed(units) as work:
        return work.webhooks.settle(outcomes)


def delivery(units: UnitsOfWork, due: Due) -> WebhookDelivery | None:
    with units.view() as work:
        return work.webhooks.find_delivery(due.delivery.delivery_id)


def test_an_endpoint_comes_back_as_it_went_in(units: UnitsOfWork) -> None:
    plain = a_webhook()
    full = a_webhook(
        "project web",
        "resource.*",
        "project.updated",
        number=2,
        description="For the \u20ac.\nTwo lines.",
        status=EndpointStatus.DISABLED,
        disabled_reason=DisabledReason.GONE,
        failing_since=NOW - DAY,
        previous_secret="whsec_b2xk",
        previous_secret_until=NOW + DAY,
    )
    keep(units, plain, full)
    with units.view() as work:
        assert work.webhooks.find(plain.webhook_id) == plain
        assert work.webhooks.find(full.webhook_id) == full
        assert work.webhooks.find(WebhookId.new(NOW)) is None
        assert work.webhooks.of(ACME, OLDEST).items == [plain]
        assert work.webhooks.count(ACME) == work.webhooks.count(WEB) == 1
        assert work.webhooks.count(GLOBEX) == 0
    changed = evolve(full, url="https://else.example.org/", status=EndpointStatus.PAUSED)
    with unwitnessed(units) as work:
        work.webhooks.replace(changed)
        wanted = [full.webhook_id, WebhookId.new(NOW), plain.webhook_id]
        assert work.webhooks.held(wanted) == [plain, changed]
        assert work.webhooks.held([], failing=wanted) == [changed], "the one that fails"
        assert work.webhooks.held([plain.webhook_id], failing=wanted) == [plain, changed]
        work.webhooks.remove(plain.webhook_id)
    with units.view() as work:
        assert work.webhooks.find(plain.webhook_id) is None
        assert work.webhooks.find(full.webhook_id) == changed


def test_what_is_not_there_is_neither_replaced_nor_removed(units: UnitsOfWork) -> None:
    with pytest.raises(NotFound), unwitnessed(units) as work:
        work.webhooks.replace(a_webhook())
    with pytest.raises(NotFound), unwitnessed(units) as work:
        work.webhooks.remove(a_webhook().webhook_id)


def test_endpoints_are_listed_by_time(units: UnitsOfWork) -> None:
    made = [a_webhook(number=n, created_at=NOW + n * SECOND) for n in range(5)]
    keep(units, *made)
    with units.view() as work:
        first = work.webhooks.of(ACME, PageRequest(limit=2, include_total=True))
        assert first.items == made[:2:-1]
        assert first.total == 5
        rest = work.webhooks.of(ACME, PageRequest(after=first.next))
        assert rest.items == made[2::-1]
        assert rest.next is None


@pytest.mark.parametrize("at_once", [1, 6])
def test_an_event_is_delivered_to_whoever_hears_it(units: UnitsOfWork, at_once: int) -> None:
    everything = a_webhook()
    of_the_project = a_webhook("project web", "resource.*", "project.updated", number=2)
    of_others = a_webhook("organization globex", number=3)
    of_an_other_kind = a_webhook("organization acme", "group.*", "project.deleted", number=4)
    paused = a_webhook(number=5, status=EndpointStatus.PAUSED)
    disabled = a_webhook(number=6, status=EndpointStatus.DISABLED)
    everybody = (everything, of_the_project, of_others, of_an_other_kind, paused, disabled)
    keep(units, *everybody)
    events = [
        an_event(ACME),
        an_event(ACME, WEB, at=NOW + SECOND),
        an_event(ACME, LAB, kind=EventType.PROJECT_DELETED, at=NOW + 2 * SECOND),
        an_event(WEB, kind=EventType.RESOURCE_CREATED, at=NOW + 3 * SECOND),
        an_event(GLOBEX, kind=EventType("kettle.boiled"), at=NOW + 4 * SECOND),
        an_event(),
    ]
    for start in range(0, len(events), at_once):
        tell(units, *events[start : start + at_once])
    ids = [event.event_id for event in events]
    assert told(units, everything) == told(units, paused) == ids[:3]
    assert told(units, of_the_project) == [ids[1], ids[3]]
    assert told(units, of_others) == [ids[4]]
    assert told(units, of_an_other_kind) == [ids[2]]
    assert told(units, disabled) == []


def test_every_delivery_is_there_of_many_events_and_endpoints(units: UnitsOfWork) -> None:
    endpoints = [a_webhook(number=n) for n in range(7)]
    keep(units, *endpoints)
    events = [an_event(ACME, at=NOW + n * SECOND) for n in range(1100)]
    tell(units, *events)
    with units.view() as work:
        for one in endpoints:
            page = PageRequest(limit=1, include_total=True)
            assert work.webhooks.deliveries_of(one.webhook_id, page, ALL).total == 1100


def test_a_test_is_for_its_endpoint_alone(units: UnitsOfWork) -> None:
    one, other = a_webhook(), a_webhook("organization acme", "webhook.*", number=2)
    keep(units, one, other)
    test = an_event(ACME, kind=EventType.WEBHOOK_TEST, to=one)
    tell(units, test)
    tell(units, test2 := an_event(ACME, kind=EventType.WEBHOOK_TEST, to=one), an_event(GLOBEX))
    assert set(told(units, one)) == {test.event_id, test2.event_id}
    assert told(units, other) == []


def test_what_did_not_happen_is_not_delivered(units: UnitsOfWork) -> None:
    webhook = a_webhook()
    keep(units, webhook)

    def tell_and_fail() -> None:
        with unwitnessed(units) as work:
            work.events.add([an_event(ACME)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tell_and_fail()
    assert told(units, webhook) == []


def test_an_endpoint_hears_of_what_happens_in_the_unit_of_work_that_makes_it(
    units: UnitsOfWork,
) -> None:
    webhook, event = a_webhook(), an_event(ACME)
    with unwitnessed(units) as work:
        work.events.add([event])
        work.webhooks.add(webhook)
    assert told(units, webhook) == [event.event_id]


def test_a_delivery_is_claimed_with_all_that_is_needed_to_send_it(units: UnitsOfWork) -> None:
    webhook, event = a_webhook(), an_event(ACME, WEB)
    keep(units, webhook)
    tell(units, an_event(ACME, at=NOW + HOUR))
    tell(units, event)
    due, later = claim(units, NOW + 2 * HOUR)
    made = WebhookDelivery.made(event, webhook.webhook_id, NOW)
    assert due.webhook == webhook
    assert due.delivery == made.claimed(NOW + 2 * HOUR + MINUTE)
    assert later.delivery.created_at == NOW + HOUR
    with units.view() as work:
        assert due.entry == work.events.find(event.event_id)
        assert work.webhooks.find_delivery(due.delivery.delivery_id) == due.delivery
    assert claim(units, NOW + 2 * HOUR) == []


def test_what_is_claimed_is_nobody_elses_until_the_lease_ends(units: UnitsOfWork) -> None:
    keep(units, a_webhook())
    tell(units, an_event(ACME))
    (first,) = claim(units)
    assert claim(units, NOW + MINUTE - SECOND) == []
    (second,) = claim(units, NOW + MINUTE)
    assert second.delivery.delivery_id == first.delivery.delivery_id
    assert settle(units, answer(first, 200)) == []
    assert delivery(units, first) == second.delivery
    assert settle(units, answer(second, 500)) == [second.delivery.delivery_id]


def test_an_outcome_is_kept_once_with_its_attempt(units: UnitsOfWork) -> None:
    keep(units, a_webhook())
    tell(units, an_event(ACME))
    (due,) = claim(units)
    failed = answer(due, None)
    assert settle(units, failed) == [due.delivery.delivery_id]
    assert settle(units, failed) == []
    assert delivery(units, due) == failed.delivery
    again_at = failed.delivery.next_attempt_at
    assert again_at == NOW + 5 * SECOND
    (again,) = claim(units, again_at)
    assert again.delivery.last == failed.attempt
    delivered = answer(again, 204, again_at)
    settle(units, delivered)
    assert delivery(units, due) == delivered.delivery
    assert delivered.delivery.status is DeliveryStatus.DELIVERED
    with units.view() as work:
        kept = work.webhooks.attempts_of(due.delivery.delivery_id)
        assert kept == [failed.attempt, delivered.attempt]
    assert claim(units, NOW + DAY) == []


def test_many_outcomes_are_settled_at_once(units: UnitsOfWork) -> None:
    keep(units, a_webhook())
    tell(units, *(an_event(ACME, at=NOW + n * SECOND) for n in range(50)))
    due = claim(units, NOW + HOUR, each=100)
    assert len(due) == 50
    assert len(settle(units, *(answer(one, 200) for one in reversed(due)))) == 50
    assert claim(units, NOW + DAY) == []


def test_claims_are_fair_and_bounded(units: UnitsOfWork) -> None:
    many, few = a_webhook("organization acme", "*"), a_webhook("organization globex", number=2)
    keep(units, many, few)
    tell(units, *(an_event(ACME, at=NOW + n * SECOND) for n in range(30)))
    tell(units, *(an_event(GLOBEX, at=NOW + HOUR + n * SECOND) for n in range(3)))
    late = NOW + 2 * HOUR
    first = claim(units, late, each=10, limit=4)
    assert [one.webhook.webhook_id for one in first] == [
        *(many.webhook_id, few.webhook_id, many.webhook_id, few.webhook_id),
    ]
    assert [one.delivery.created_at for one in first] == [
        *(NOW, NOW + HOUR, NOW + SECOND, NOW + HOUR + SECOND),
    ]
    busy = {many.webhook_id: 2, few.webhook_id: 2, WebhookId.new(NOW): 5}
    then = claim(units, late, each=5, limit=100, busy=busy)
    assert [one.webhook.webhook_id for one in then].count(many.webhook_id) == 3
    assert len(then) == 4
    assert claim(units, late, each=5, busy={many.webhook_id: 7, few.webhook_id: 5}) == []


def test_who_has_the_fewest_under_way_is_first(units: UnitsOfWork) -> None:
    slow, quick = a_webhook("organization acme", "*"), a_webhook("organization globex", number=2)
    keep(units, slow, quick)
    tell(units, *(an_event(ACME, at=NOW + n * SECOND) for n in range(10)))
    tell(units, *(an_event(GLOBEX, at=NOW + HOUR + n * SECOND) for n in range(10)))
    due = claim(units, NOW + DAY, each=16, limit=6, busy={slow.webhook_id: 3})
    chosen = [one.webhook.webhook_id for one in due]
    assert chosen[:3] == [quick.webhook_id] * 3
    assert sorted(chosen[3:]) == sorted([slow.webhook_id, quick.webhook_id, slow.webhook_id])


def test_only_what_is_enabled_is_sent_to(units: UnitsOfWork) -> None:
    webhook = a_webhook(status=EndpointStatus.PAUSED)
    keep(units, webhook)
    tell(units, an_event(ACME))
    assert claim(units) == []
    with unwitnessed(units) as work:
        work.webhooks.replace(webhook.becoming(EndpointStatus.ENABLED, NOW))
    assert len(claim(units)) == 1


def test_what_is_pending_is_cancelled_when_its_endpoint_is_disabled(units: UnitsOfWork) -> None:
    webhook = a_webhook()
    keep(units, webhook)
    tell(units, *(an_event(ACME, at=NOW + n * SECOND) for n in range(3)))
    arrived, lost, waiting = claim(units, NOW + HOUR)
    disabled = webhook.becoming(EndpointStatus.DISABLED, NOW + HOUR, DisabledReason.GONE)
    with unwitnessed(units) as work:
        work.webhooks.replace(disabled)
    assert delivery(units, waiting) == waiting.delivery.cancelled(NOW + HOUR)
    settle(units, answer(arrived, 200, NOW + HOUR), answer(lost, 500, NOW + HOUR))
    found = delivery(units, arrived)
    assert found is not None
    assert found.status is DeliveryStatus.DELIVERED
    found = delivery(units, lost)
    assert found is not None
    assert (found.status, found.attempts) == (DeliveryStatus.CANCELLED, 1)
    assert (found.next_attempt_at, found.completed_at) == (None, NOW + HOUR)
    with unwitnessed(units) as work:
        work.webhooks.replace(disabled.becoming(EndpointStatus.ENABLED, NOW + HOUR))
    assert claim(units, NOW + DAY) == []


def test_nothing_is_delivered_to_an_endpoint_that_is_gone(units: UnitsOfWork) -> None:
    webhook = a_webhook()
    keep(units, webhook)
    tell(units, *(an_event(ACME, at=NOW + n * SECOND) for n in range(2)))
    (due,) = claim(units, each=1)
    with unwitnessed(units) as work:
        work.webhooks.remove(webhook.webhook_id)
    assert claim(units, NOW + DAY) == []
    assert delivery(units, due) is None
    assert settle(units, answer(due, 200)) == []


def test_what_was_not_sent_is_given_back(units: UnitsOfWork) -> None:
    keep(units, a_webhook())
    tell(units, an_event(ACME))
    (due,) = claim(units)
    with unwitnessed(units) as work:
        work.webhooks.release([due.delivery], NOW + SECOND)
    assert claim(units) == []
    (again,) = claim(units, NOW + SECOND)
    with unwitnessed(units) as work:  # whose lease was lost gives nothing back
        work.webhooks.release([due.delivery], NOW + SECOND)
    assert delivery(units, again) == again.delivery
    settle(units, answer(again, 200))
    with unwitnessed(units) as work:
        work.webhooks.release([again.delivery], NOW + SECOND)
    assert claim(units, NOW + DAY) == []


def test_what_is_over_can_be_asked_for_again(units: UnitsOfWork) -> None:
    keep(units, a_webhook())
    tell(units, an_event(ACME))
    (due,) = claim(units)
    name = due.delivery.delivery_id
    with unwitnessed(units) as work:  # it is being sent
        work.webhooks.ask_again(name, NOW + SECOND)
    assert delivery(units, due) == due.delivery
    delivered = answer(due, 200)
    settle(units, delivered)
    with unwitnessed(units) as work:
        work.webhooks.ask_again(name, NOW + HOUR)
    assert delivery(units, due) == delivered.delivery.asked_again(NOW + HOUR)
    (again,) = claim(units, NOW + HOUR)
    assert (again.delivery.attempts, again.delivery.earlier_attempts) == (1, 1)
    settle(units, answer(again, 500, NOW + HOUR))
    with unwitnessed(units) as work:  # it waits for its next attempt
        work.webhooks.ask_again(name, NOW + HOUR)
    assert len(claim(units, NOW + HOUR)) == 1
    with units.view() as work:
        assert [one.number for one in work.webhooks.attempts_of(name)] == [1, 2]


def test_what_was_missed_is_recovered_the_oldest_first(units: UnitsOfWork) -> None:
    webhook = a_webhook("organization acme", "project.*")
    keep(units, webhook, a_webhook(number=2))
    events = [an_event(ACME, WEB, at=NOW + n * SECOND) for n in range(4)]
    tell(units, *events)
    others = {one.webhook.webhook_id: one for one in claim(units, NOW + HOUR, each=1)}
    settle(units, answer(others[webhook.webhook_id], 200))
    gone = webhook.becoming(EndpointStatus.DISABLED, NOW + HOUR, DisabledReason.GONE)
    with unwitnessed(units) as work:
        work.webhooks.replace(gone)
    late = [
        an_event(ACME, at=NOW + 2 * HOUR),
        an_event(ACME, kind=EventType.GROUP_CREATED, at=NOW + 2 * HOUR),
        an_event(GLOBEX, at=NOW + 2 * HOUR),
        an_event(ACME, kind=EventType.WEBHOOK_TEST, to=webhook, at=NOW + 2 * HOUR),
        an_event(ACME, at=NOW + 3 * HOUR),
    ]
    tell(units, *late)
    back = gone.becoming(EndpointStatus.ENABLED, NOW + 3 * HOUR)
    at = NOW + 4 * HOUR
    with unwitnessed(units) as work:
        work.webhooks.replace(back)
        assert work.webhooks.recover(back, NOW + 2 * SECOND, at, 3) == 3
    with unwitnessed(units) as work:
        assert work.webhooks.recover(back, NOW + 2 * SECOND, at, 3) == 1
        assert work.webhooks.recover(back, NOW + 2 * SECOND, at, 3) == 0
        assert work.webhooks.recover(back, NOW, at, 1) == 1  # events[1]; events[0] arrived
    wanted = [*(one.event_id for one in events[1:]), late[0].event_id, late[4].event_id]
    due = [one for one in claim(units, at, each=20) if one.webhook == back]
    assert sorted(one.delivery.event_id for one in due) == sorted(wanted)


def test_a_project_recovers_what_happened_in_it(units: UnitsOfWork) -> None:
    events = [an_event(ACME, WEB), an_event(WEB, at=NOW + SECOND), an_event(ACME, LAB)]
    tell(units, *events)
    webhook = a_webhook("project web")
    keep(units, webhook)
    with unwitnessed(units) as work:
        assert work.webhooks.recover(webhook, NOW, NOW + HOUR, 10) == 2
    assert told(units, webhook) == [events[0].event_id, events[1].event_id]


def test_deliveries_are_found_by_what_became_of_them(units: UnitsOfWork) -> None:
    webhook = a_webhook()
    keep(units, webhook)
    kinds = [EventType.PROJECT_UPDATED, EventType.GROUP_CREATED, EventType.GROUP_DELETED]
    events = [an_event(ACME, kind=kind, at=NOW + n * HOUR) for n, kind in enumerate(kinds)]
    tell(units, *events)
    settle(units, answer(claim(units)[0], 200))
    ids = [event.event_id for event in events]
    assert told(units, webhook, DeliveryFilter(status=DeliveryStatus.DELIVERED)) == ids[:1]
    assert told(units, webhook, DeliveryFilter(status=DeliveryStatus.PENDING)) == ids[1:]
    assert told(units, webhook, DeliveryFilter(types=["group.*"])) == ids[1:]
    assert told(units, webhook, DeliveryFilter(types=["group.deleted", "a.b"])) == ids[2:]
    assert told(units, webhook, DeliveryFilter(types=["*"])) == ids
    assert told(units, webhook, DeliveryFilter(since=NOW + HOUR)) == ids[1:]
    assert told(units, webhook, DeliveryFilter(until=NOW + HOUR)) == ids[:1]
    with units.view() as work:
        page = PageRequest(limit=2, include_total=True)
        first = work.webhooks.deliveries_of(webhook.webhook_id, page, ALL)
        assert ([one.event_id for one in first.items], first.total) == (ids[:0:-1], 3)
        rest = work.webhooks.deliveries_of(webhook.webhook_id, PageRequest(after=first.next), ALL)
        assert [one.event_id for one in rest.items] == ids[:1]


def test_what_has_had_its_time_is_forgotten(units: UnitsOfWork) -> None:
    enabled, paused = a_webhook(), a_webhook(number=2, status=EndpointStatus.PAUSED)
    removed = a_webhook(number=3)
    keep(units, an_organization("acme"), enabled, paused, removed)
    events = [an_event(ACME, at=NOW + n * HOUR) for n in range(3)]
    tell(units, *events)
    mine = next(one for one in claim(units) if one.webhook == enabled)
    settle(units, answer(mine, 200))
    with unwitnessed(units) as work:
        work.webhooks.remove(removed.webhook_id)
    before, gone = NOW + 2 * HOUR, 0
    while True:
        with unwitnessed(units) as work:
            some = work.webhooks.forget(before, 2)
        assert some <= 2
        if some == 0:
            break
        gone += some
    assert gone == 3 + 1 + 2
    ids = [event.event_id for event in events]
    assert told(units, enabled) == ids[1:]
    assert told(units, paused) == ids[2:]
    with units.view() as work:
        assert work.webhooks.attempts_of(mine.delivery.delivery_id) == []


def test_an_endpoint_ends_with_its_scope_once_all_is_sent(units: UnitsOfWork) -> None:
    acme, web, lab = a_webhook(), a_webhook("project web", number=2), a_webhook("project lab")
    lab = evolve(lab, webhook_id=WebhookId("whk_3"))
    keep(units, an_organization("acme"), a_project("web"), a_project("lab"), acme, web, lab)
    with unwitnessed(units) as work:
        for project_id in ("web", "lab"):
            project = work.projects.get(ProjectId(project_id))
            for status in ("Deleting", "Deleted"):
                project = project.moved_to(type(project.status)(status), NOW)
                work.projects.replace(project)
        work.events.add([an_event(ACME, WEB, kind=EventType.PROJECT_DELETED)])
    with unwitnessed(units) as work:
        assert work.webhooks.forget(NOW, 10) == 1
        assert [work.webhooks.find(one.webhook_id) for one in (acme, web, lab)] == [
            acme,
            web,
            None,
        ]
    settle(units, *(answer(one, 200) for one in claim(units)))
    with unwitnessed(units) as work:
        assert work.webhooks.forget(NOW, 10) == 1
        assert work.webhooks.find(web.webhook_id) is None
        work.organizations.replace(an_organization("acme").deleted(NOW))
        work.projects.replace(a_project("lab"))  # as if it had not ended yet
        assert work.webhooks.forget(NOW, 10) == 1  # what was delivered to the project's
        assert work.webhooks.find(acme.webhook_id) == acme
        work.projects.replace(project)
        assert work.webhooks.forget(NOW, 10) == 1
        assert work.webhooks.find(acme.webhook_id) is None


def test_nothing_is_delivered_of_what_was_pruned(units: UnitsOfWork) -> None:
    webhook = a_webhook()
    keep(units, webhook)
    events = [an_event(ACME, at=NOW + n * HOUR) for n in range(3)]
    tell(units, *events)
    (mine,) = claim(units)
    settle(units, answer(mine, 200))
    with unwitnessed(units) as work:
        entry = work.events.find(events[1].event_id)
        assert entry is not None
        assert work.events.prune(ACME, Head(sequence=entry.sequence, hash=entry.hash)) == 2
    assert told(units, webhook) == [events[2].event_id]
    assert delivery(units, mine) is None
    with units.view() as work:
        assert work.webhooks.attempts_of(mine.delivery.delivery_id) == []
