"""Endpoints, and which events are on their way to which of them, as every store tells."""

import pytest
from attrs import evolve

from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId, WebhookId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.webhooks import DisabledReason, Webhook, WebhookStatus
from ktrlplane.ports.unit_of_work import UnitsOfWork
from ktrlplane.ports.webhooks import DeliveryFilter
from tests.builders import DAY, HOUR, NOW, a_webhook

ACME, GLOBEX = Scope.of(OrganizationId("acme")), Scope.of(OrganizationId("globex"))
PLANT, LAB = Scope.of(ProjectId("plant")), Scope.of(ProjectId("lab"))
KETTLE = Scope.of(ResourceId("kettle"))
EVERYTHING = DeliveryFilter()
PAUSED, DISABLED = WebhookStatus.PAUSED, WebhookStatus.DISABLED


def an_event(*path: Scope, kind: EventType = EventType.RESOURCE_CREATED) -> Event:
    data = {"before": None, "after": None}
    return Event.about(path, kind, actor=OPERATOR, at=NOW, data=data)


def add(units: UnitsOfWork, *webhooks: Webhook) -> None:
    with units.begin() as work:
        for webhook in webhooks:
            work.webhooks.add(webhook)


def tell(units: UnitsOfWork, *events: Event) -> None:
    with units.begin() as work:
        work.events.add(events)


def told(units: UnitsOfWork, webhook: Webhook) -> set[str]:
    with units.view() as work:
        page = work.deliveries.of(webhook.webhook_id, PageRequest(limit=200), EVERYTHING)
    return {one.event_id.value for one in page.items}


def ids(*events: Event) -> set[str]:
    return {event.event_id.value for event in events}


def test_an_endpoint_comes_back_as_it_went_in(units: UnitsOfWork) -> None:
    plain = a_webhook(1)
    full = a_webhook(
        2,
        scope=PLANT,
        url="https://\u00fc.example/?'\"",
        event_types=("resource.*", "project.deleted"),
        description="of \u20ac and \U0001f600",
        status=DISABLED,
        disabled_reason=DisabledReason.FAILING,
        failing_since=NOW,
        former_secret="whsec_old",
        former_secret_until=NOW + DAY,
        updated_at=NOW + HOUR,
    )
    add(units, plain, full)
    with units.view() as work:
        assert work.webhooks.get(plain.webhook_id) == plain
        assert work.webhooks.get(full.webhook_id) == full
        with pytest.raises(NotFound):
            work.webhooks.get(WebhookId("whk_unknown"))


def test_a_changed_endpoint_is_the_changed_one(units: UnitsOfWork) -> None:
    add(units, a_webhook())
    changed = evolve(
        a_webhook().rotated(NOW + HOUR), url="https://new.example", event_types=("a.b",)
    )
    with units.begin() as work:
        assert work.webhooks.hold(changed.webhook_id) == a_webhook()
        work.webhooks.replace(changed)
        assert work.webhooks.get(changed.webhook_id) == changed
        with pytest.raises(NotFound):
            work.webhooks.replace(a_webhook(2))


def test_those_of_a_scope_are_listed_by_time(units: UnitsOfWork) -> None:
    made = [a_webhook(n, created_at=NOW + n * HOUR) for n in range(1, 6)]
    add(units, *made, a_webhook(6, scope=PLANT), a_webhook(7, scope=GLOBEX))
    with units.view() as work:
        first = work.webhooks.of(ACME, PageRequest(limit=3))
        second = work.webhooks.of(ACME, PageRequest(limit=3, after=first.next))
        assert [*first.items, *second.items] == made[::-1]
        assert second.next is None
        assert work.webhooks.count(ACME) == 5
        assert work.webhooks.count(LAB) == 0


def test_a_removed_endpoint_is_not_there_any_more(units: UnitsOfWork) -> None:
    webhook = a_webhook()
    add(units, webhook)
    with units.begin() as work:
        work.webhooks.remove(webhook.webhook_id)
        work.events.add([an_event(ACME)])
    with units.begin() as work:
        for act in work.webhooks.get, work.webhooks.hold, work.webhooks.remove:
            with pytest.raises(NotFound):
                act(webhook.webhook_id)
        with pytest.raises(NotFound):
            work.webhooks.replace(webhook)
        assert work.webhooks.count(ACME) == 0
        assert list(work.webhooks.of(ACME, PageRequest()).items) == []
    assert told(units, webhook) == set()


def test_what_happens_goes_to_the_endpoints_of_its_organization_and_project(
    units: UnitsOfWork,
) -> None:
    acme, globex, plant, lab = (
        a_webhook(number, scope=scope) for number, scope in enumerate((ACME, GLOBEX, PLANT, LAB))
    )
    add(units, acme, globex, plant, lab)
    at_acme, at_plant, at_kettle, alone = (
        an_event(ACME),
        an_event(ACME, PLANT),
        an_event(ACME, PLANT, KETTLE),
        an_event(LAB),
    )
    tell(units, at_acme)
    tell(units, at_plant, at_kettle, alone, an_event(GLOBAL), an_event())
    assert told(units, acme) == ids(at_acme, at_plant, at_kettle)
    assert told(units, globex) == set()
    assert told(units, plant) == ids(at_plant, at_kettle)
    assert told(units, lab) == ids(alone)


@pytest.mark.parametrize("alone", [True, False])
def test_an_endpoint_is_told_of_what_it_wants(units: UnitsOfWork, *, alone: bool) -> None:
    wanted = {
        1: ("*",),
        2: ("resource.*",),
        3: ("resource.created", "project.*"),
        4: ("organization.updated",),
        5: ("nobody.knows", "audit.*"),
    }
    add(units, *(a_webhook(number, event_types=types) for number, types in wanted.items()))
    created = an_event(ACME, PLANT, KETTLE)
    deleted = an_event(ACME, PLANT, KETTLE, kind=EventType.RESOURCE_DELETED)
    project = an_event(ACME, PLANT, kind=EventType.PROJECT_UPDATED)
    renamed = an_event(ACME, kind=EventType.ORGANIZATION_UPDATED)
    events = [created, deleted, project, renamed]
    for portion in [[one] for one in events] if alone else [events]:
        tell(units, *portion)
    assert told(units, a_webhook(1)) == ids(*events)
    assert told(units, a_webhook(2)) == ids(created, deleted)
    assert told(units, a_webhook(3)) == ids(created, project)
    assert told(units, a_webhook(4)) == ids(renamed)
    assert told(units, a_webhook(5)) == set()


@pytest.mark.parametrize("alone", [True, False])
def test_a_test_goes_to_nobody_by_itself(units: UnitsOfWork, *, alone: bool) -> None:
    add(units, a_webhook())
    tested = [an_event(ACME, kind=EventType.WEBHOOK_TEST) for _ in range(1 if alone else 2)]
    tell(units, *tested)
    assert told(units, a_webhook()) == set()


def test_a_paused_endpoint_is_told_later_and_a_disabled_one_never(units: UnitsOfWork) -> None:
    paused, disabled = a_webhook(1, status=PAUSED), a_webhook(2, status=DISABLED)
    add(units, paused, disabled)
    event = an_event(ACME)
    tell(units, event)
    assert told(units, paused) == ids(event)
    assert told(units, disabled) == set()


def test_what_is_told_by_who_adds_an_endpoint_goes_there(units: UnitsOfWork) -> None:
    event = an_event(ACME, kind=EventType.WEBHOOK_CREATED)
    with units.begin() as work:
        work.webhooks.add(a_webhook())
        work.events.add([event])
    assert told(units, a_webhook()) == ids(event)


@pytest.mark.parametrize("told_first", [True, False])
def test_the_last_that_an_endpoint_is_told_is_that_its_scope_ends(
    units: UnitsOfWork, *, told_first: bool
) -> None:
    here, elsewhere = a_webhook(1, scope=PLANT), a_webhook(2, scope=ACME)
    add(units, here, elsewhere)
    last = an_event(ACME, PLANT, kind=EventType.PROJECT_DELETED)
    with units.begin() as work:
        if told_first:
            work.events.add([last])
        work.webhooks.end(PLANT)
        if not told_first:
            work.events.add([last])
    later = an_event(ACME, PLANT)
    tell(units, later)
    assert told(units, here) == ids(last)
    assert told(units, elsewhere) == ids(last, later)
    with units.view() as work:
        assert work.webhooks.count(PLANT) == 0
        with pytest.raises(NotFound):
            work.webhooks.get(here.webhook_id)
        claimed = work_claims(units)
    assert {one.webhook_id for one in claimed} == {here.webhook_id, elsewhere.webhook_id}


def work_claims(units: UnitsOfWork) -> list[Webhook]:
    with units.begin() as work:
        due = work.deliveries.claim(NOW + HOUR, NOW + 2 * HOUR, limit=10, each=5)
        return [one.webhook for one in due]


def test_failures_begin_with_the_first_after_what_arrived(units: UnitsOfWork) -> None:
    first, second, third = a_webhook(1), a_webhook(2), a_webhook(3)
    add(units, first, second, third)
    both = {first.webhook_id, second.webhook_id}
    with units.begin() as work:
        failing = work.webhooks.observe([], both, NOW)
        assert list(failing) == [evolve(one, failing_since=NOW) for one in (first, second)]
    with units.begin() as work:
        failing = work.webhooks.observe({first.webhook_id}, {second.webhook_id}, NOW + HOUR)
        assert list(failing) == [evolve(second, failing_since=NOW)]
    with units.begin() as work:
        assert work.webhooks.get(first.webhook_id) == first
        assert list(work.webhooks.observe({third.webhook_id}, [], NOW + DAY)) == []
        assert work.webhooks.get(third.webhook_id) == third
        work.webhooks.remove(second.webhook_id)
        assert list(work.webhooks.observe([], both, NOW + DAY)) == [
            evolve(first, failing_since=NOW + DAY)
        ]
