"""What the worker does with what is due: what becomes of endpoints by it, and what is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import DeliveryId
from ktrlplane.domain.services.sending import (
    Sent,
    claim_deliveries,
    forget_deliveries,
    release_deliveries,
    settle_deliveries,
)
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import LASTING, EndpointStatus, Webhook
from ktrlplane.ports.events import EventFilter
from ktrlplane.ports.webhooks import DeliveryFilter, Due
from tests.builders import DAY, HOUR, NOW, a_webhook, on
from tests.platforms import Acting
from tests.unit.acme import ORG, PAGE, PROJECT, furnished

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _acme(do: Acting) -> None:
    furnished(do)


def happen(do: Acting, count: int = 1, scope: str = ORG) -> None:
    path = [on(ORG)] if scope == ORG else [on(ORG), on(scope)]
    for _ in range(count):
        at = do.platform.now()
        event = Event.about(path, EventType.GROUP_CREATED, actor=OPERATOR, at=at, data={})
        with do.arranging() as work:
            work.events.add([event])


def claim(do: Acting) -> Sequence[Due]:
    with do.arranging() as work:
        return claim_deliveries(
            work, each=100, limit=100, busy={}, lease=MINUTE, platform=do.platform
        )


def sent(due: Due, status: int | None, at: datetime | None = None) -> Sent:
    attempt = WebhookAttempt(
        number=due.delivery.attempts + 1,
        attempted_at=at or NOW,
        response_status=status,
        failure="timeout" if status is None else None,
    )
    return Sent(due=due, attempt=attempt)


def settle(do: Acting, *outcomes: Sent) -> Sequence[DeliveryId]:
    settled: Sequence[DeliveryId] = do.alone(settle_deliveries, outcomes)
    return settled


def present(do: Acting, webhook: Webhook) -> Webhook:
    with do.units.view() as work:
        found = work.webhooks.find(webhook.webhook_id)
    assert found is not None
    return found


def deliveries(do: Acting, webhook: Webhook) -> list[WebhookDelivery]:
    with do.units.view() as work:
        found = work.webhooks.deliveries_of(webhook.webhook_id, PAGE, DeliveryFilter())
    return list(found.items)


def told(do: Acting, scope: str = ORG) -> list[Entry]:
    with do.units.view() as work:
        return list(work.events.of(on(scope), PAGE, EventFilter(types=["webhook.*"])).items)


def advance(do: Acting, by: timedelta) -> datetime:
    clock = do.platform.clock
    assert isinstance(clock, ManualClock)
    clock.advance(by)
    return clock.now()


def test_what_is_claimed_is_leased_from_now_on(do: Acting) -> None:
    do.keep(a_webhook())
    happen(do)
    (due,) = claim(do)
    assert due.delivery.leased_until == NOW + MINUTE
    assert claim(do) == []
    with do.arranging() as work:
        release_deliveries(work, [due], platform=do.platform)
    assert len(claim(do)) == 1


def test_a_success_changes_nothing_of_its_endpoint_and_is_not_told(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do, 2)
    due = claim(do)
    assert settle(do, *(sent(one, 200) for one in due)) == [
        one.delivery.delivery_id for one in due
    ]
    assert present(do, webhook) == webhook
    assert {one.status for one in deliveries(do, webhook)} == {DeliveryStatus.DELIVERED}
    assert told(do) == []


def test_a_failure_is_remembered_and_a_success_forgets_it(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    (due,) = claim(do)
    settle(do, sent(due, 500))
    assert present(do, webhook) == evolve(webhook, failing_since=NOW)
    at = advance(do, MINUTE)
    (due,) = claim(do)
    settle(do, sent(due, 200, at))
    assert present(do, webhook) == webhook


def test_a_receiver_that_asks_for_time_gets_it(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    (due,) = claim(do)
    settle(do, evolve(sent(due, 429), retry_after=HOUR, jitter=1.0))
    (failed,) = deliveries(do, webhook)
    assert failed.next_attempt_at == NOW + HOUR


def test_who_is_gone_is_disabled_at_once_which_is_told_and_cancels_the_rest(do: Acting) -> None:
    webhook = a_webhook(scope=PROJECT)
    do.keep(webhook)
    happen(do, 3, PROJECT)
    gone, other, _ = claim(do)
    settle(do, sent(gone, 410), sent(other, 500))
    assert present(do, webhook).status is EndpointStatus.DISABLED
    assert sorted(one.status for one in deliveries(do, webhook)) == [
        *(DeliveryStatus.CANCELLED, DeliveryStatus.CANCELLED, DeliveryStatus.FAILED),
    ]
    (entry,) = told(do, PROJECT)
    assert entry.event.type is EventType.WEBHOOK_DISABLED
    assert entry.event.actor.type == "platform"
    assert entry.event.data.value == {
        "before": {"status": "enabled", "disabled_reason": None},
        "after": {"status": "disabled", "disabled_reason": "gone"},
        "subject": {
            "webhook_id": webhook.webhook_id.value,
            "url": "https://hooks.example.org",
            "scope_type": "project",
            "scope_id": "web",
        },
    }
    assert webhook.secret not in entry.text


def test_five_days_of_failures_disable_an_endpoint(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    while advance(do, HOUR) < NOW + LASTING + 2 * HOUR:
        for due in claim(do):
            settle(do, sent(due, None, do.platform.now()))
        if do.platform.now() == NOW + LASTING:
            assert present(do, webhook).status is EndpointStatus.ENABLED
            happen(do)
    disabled = present(do, webhook)
    assert disabled.status is EndpointStatus.DISABLED
    assert disabled.failing_since == NOW + HOUR
    assert [one.event.type for one in told(do)] == [EventType.WEBHOOK_DISABLED]


def test_who_settles_too_late_says_nothing_of_the_endpoint_either(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    (late,) = claim(do)
    advance(do, 2 * MINUTE)
    (due,) = claim(do)
    assert settle(do, sent(late, 410)) == []
    assert present(do, webhook) == webhook
    assert settle(do, sent(due, 200)) == [due.delivery.delivery_id]


def test_an_endpoint_that_was_deleted_meanwhile_is_no_trouble(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    (due,) = claim(do)
    with do.arranging() as work:
        work.webhooks.remove(webhook.webhook_id)
    assert settle(do, sent(due, 410)) == []


def test_what_somebody_changed_meanwhile_stays_changed(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    (due,) = claim(do)
    paused = webhook.becoming(EndpointStatus.PAUSED, NOW)
    with do.arranging() as work:
        work.webhooks.replace(paused)
    settle(do, sent(due, 500))
    assert present(do, webhook) == evolve(paused, failing_since=NOW)


def test_deliveries_are_kept_for_thirty_days(do: Acting) -> None:
    webhook = a_webhook()
    do.keep(webhook)
    happen(do)
    settle(do, *(sent(one, 200) for one in claim(do)))
    advance(do, 30 * DAY)
    with do.arranging() as work:
        assert forget_deliveries(work, limit=10, platform=do.platform) == 0
    assert len(deliveries(do, webhook)) == 1
    advance(do, timedelta(microseconds=1))
    with do.arranging() as work:
        assert forget_deliveries(work, limit=10, platform=do.platform) == 1
    assert deliveries(do, webhook) == []
