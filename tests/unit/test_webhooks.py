"""Endpoints and deliveries, by themselves."""

import base64
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.access import GLOBAL, Scope
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import DeliveryId, EventId, OrganizationId, ProjectId, WebhookId
from ktrlplane.domain.webhook_deliveries import (
    MAX_JITTER,
    SCHEDULE,
    DeliveryStatus,
    WebhookAttempt,
    WebhookDelivery,
)
from ktrlplane.domain.webhooks import (
    LASTING,
    MOVES,
    OVERLAP,
    DisabledReason,
    EndpointStatus,
    new_secret,
)
from tests.builders import DAY, HOUR, NOW, a_webhook

ACME, WEB = Scope.of(OrganizationId("acme")), Scope.of(ProjectId("web"))
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
STATUSES: Final = [None, 100, 199, 300, 302, 400, 404, 410, 429, 500, 503]


def an_event(*path: Scope, kind: str = "project.updated", to: WebhookId | None = None) -> Event:
    data = {} if to is None else {"subject": {"webhook_id": to.value}}
    return Event.about(path, EventType(kind), actor=OPERATOR, at=NOW, data=data)


def an_attempt(status: int | None, number: int = 1, at: timedelta = timedelta()) -> WebhookAttempt:
    return WebhookAttempt(
        number=number,
        attempted_at=NOW + at,
        response_status=status,
        failure="timeout" if status is None else None,
    )


def a_delivery() -> WebhookDelivery:
    return WebhookDelivery.made(an_event(ACME), a_webhook().webhook_id, NOW)


def test_a_secret_is_as_standard_webhooks_writes_it_and_never_the_same() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


def test_a_delivery_has_an_id_by_what_it_is_of() -> None:
    first, then = EventId.new(NOW), EventId.new(NOW + SECOND)
    one, other = WebhookId.new(NOW), WebhookId.new(NOW)
    made = [DeliveryId.of(event, hook) for event in (first, then) for hook in (one, other)]
    assert len(set(made)) == 4
    assert DeliveryId.of(first, one) == made[0]
    assert max(made[:2]) < min(made[2:])


@pytest.mark.parametrize("known", [(), ("",), ("resource",), ("*.created",), ("*",) * 51])
def test_an_endpoint_names_types_of_events(known: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="1 to 50 types"):
        a_webhook(event_types=known)


def test_nothing_secret_is_shown() -> None:
    webhook = a_webhook(previous_secret="whsec_cHJldmlvdXM=", previous_secret_until=NOW + DAY)
    for secret in (webhook.secret, "whsec_cHJldmlvdXM=", "hidden-key"):
        assert secret not in repr(webhook)
        assert secret not in webhook.origin
    assert webhook.origin == "https://hooks.example.org"


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        (an_event(ACME), True),
        (an_event(ACME, WEB), True),
        (an_event(WEB), False),
        (an_event(), False),
        (an_event(GLOBAL), False),
        (an_event(ACME, kind="project.deleted"), True),
        (an_event(ACME, kind="group.created"), True),
        (an_event(ACME, kind="group.deleted"), False),
        (an_event(ACME, kind="kettle.boiled"), False),
        (an_event(ACME, kind="webhook.test"), False),
    ],
)
def test_an_endpoint_wants_what_it_names_of_what_is_in_its_scope(
    event: Event,
    heard: bool,  # noqa: FBT001
) -> None:
    webhook = a_webhook("organization acme", "project.*", "group.created", "webhook.updated")
    if event.type is not EventType.WEBHOOK_TEST:
        assert webhook.hears(event) is heard
    assert webhook.wants(event) is heard


def test_a_test_is_heard_by_whom_it_is_for_alone() -> None:
    one, other = a_webhook("organization acme", "group.*"), a_webhook(number=2)
    test = an_event(ACME, kind="webhook.test", to=one.webhook_id)
    assert one.hears(test)
    assert not other.hears(test)
    assert not one.wants(test)


def test_who_is_disabled_hears_nothing_and_who_is_paused_does() -> None:
    assert a_webhook(status=EndpointStatus.PAUSED).hears(an_event(ACME))
    assert not a_webhook(status=EndpointStatus.DISABLED).hears(an_event(ACME))


def test_the_table_of_moves_is_total() -> None:
    assert set(MOVES) == set(EndpointStatus)
    for status in EndpointStatus:
        for wanted in EndpointStatus:
            there = a_webhook(status=status)
            assert there.becoming(wanted, NOW).status is wanted
            assert (wanted in MOVES[status]) == (wanted is not status)


def test_what_the_table_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrlplane.domain.webhooks.MOVES", dict.fromkeys(EndpointStatus, ()))
    with pytest.raises(InvalidTransition):
        a_webhook().becoming(EndpointStatus.PAUSED, NOW)


def test_who_is_enabled_anew_has_not_failed_yet() -> None:
    failing = a_webhook(failing_since=NOW - DAY)
    gone = failing.becoming(EndpointStatus.DISABLED, NOW, DisabledReason.GONE)
    assert (gone.disabled_reason, gone.failing_since) == (DisabledReason.GONE, NOW - DAY)
    again = gone.becoming(EndpointStatus.ENABLED, NOW + HOUR)
    assert (again.disabled_reason, again.failing_since) == (None, None)
    assert again.updated_at == NOW + HOUR
    paused = failing.becoming(EndpointStatus.PAUSED, NOW)
    assert paused.failing_since == NOW - DAY


def test_the_secret_before_signs_for_another_day() -> None:
    first = a_webhook()
    assert first.signing(NOW) == (first.secret,)
    second = first.rotated("whsec_Mg==", NOW)
    assert second.signing(NOW) == ("whsec_Mg==", first.secret)
    assert second.signing(NOW + OVERLAP - SECOND) == ("whsec_Mg==", first.secret)
    assert second.signing(NOW + OVERLAP) == ("whsec_Mg==",)
    third = second.rotated("whsec_Mw==", NOW + HOUR)
    assert third.signing(NOW + HOUR) == ("whsec_Mw==", "whsec_Mg==")


@pytest.mark.parametrize("status", [200, 204, 299])
def test_a_success_completes_a_delivery(status: int) -> None:
    attempt = an_attempt(status)
    done = a_delivery().claimed(NOW + MINUTE).after(attempt, now=NOW + SECOND, jitter=1)
    assert (done.status, done.last, done.attempts) == (DeliveryStatus.DELIVERED, attempt, 1)
    assert (done.next_attempt_at, done.leased_until) == (None, None)
    assert done.completed_at == NOW + SECOND


@given(
    st.lists(st.sampled_from([one for one in STATUSES if one != 410]), min_size=10, max_size=10)
)
def test_ten_failures_are_the_end(statuses: list[int | None]) -> None:
    delivery, now = a_delivery(), NOW
    for number, status in enumerate(statuses, 1):
        assert delivery.status is DeliveryStatus.PENDING
        delivery = delivery.claimed(now + MINUTE).after(
            an_attempt(status, number), now=now, jitter=0
        )
        if number < 10:
            assert delivery.next_attempt_at == now + SCHEDULE[number - 1]
            now = delivery.next_attempt_at
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, 10)
    assert (delivery.next_attempt_at, delivery.completed_at) == (None, now)


def test_a_receiver_that_is_gone_gets_no_second_attempt() -> None:
    done = a_delivery().after(an_attempt(410), now=NOW, jitter=0)
    assert done.status is DeliveryStatus.FAILED


@given(st.floats(-1, 1))
def test_a_pause_is_a_little_longer_or_shorter(jitter: float) -> None:
    again = a_delivery().after(an_attempt(500), now=NOW, jitter=jitter).next_attempt_at
    assert again is not None
    wanted = SCHEDULE[0] * (1 + MAX_JITTER * jitter)
    assert again - NOW == wanted
    assert SCHEDULE[0] * 0.9 <= wanted <= SCHEDULE[0] * 1.1


def test_a_receiver_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() -> None:
    for asked, given_ in ((SECOND, 5 * SECOND), (HOUR, HOUR), (timedelta(), 5 * SECOND)):
        failed = a_delivery().after(an_attempt(503), retry_after=asked, now=NOW, jitter=0)
        assert failed.next_attempt_at == NOW + given_


def test_what_is_asked_for_again_has_all_its_attempts_again() -> None:
    failed = a_delivery().claimed(NOW).after(an_attempt(410), now=NOW, jitter=0)
    again = failed.asked_again(NOW + DAY)
    assert (again.status, again.next_attempt_at) == (DeliveryStatus.PENDING, NOW + DAY)
    assert again.claims == failed.claims + 1
    assert again.completed_at is None
    for number in range(2, 11):
        again = again.after(an_attempt(500, number), now=NOW, jitter=0)
        assert again.status is DeliveryStatus.PENDING
    assert again.after(an_attempt(500, 11), now=NOW, jitter=0).status is DeliveryStatus.FAILED


def test_what_is_being_sent_is_not_asked_for_again() -> None:
    claimed = a_delivery().claimed(NOW + MINUTE)
    assert claimed.asked_again(NOW + SECOND) == claimed
    late = claimed.asked_again(NOW + MINUTE)
    assert (late.claims, late.leased_until) == (2, None)


def test_an_endpoint_is_disabled_by_five_days_without_a_success() -> None:
    webhook = a_webhook().after(an_attempt(500), NOW)
    assert (webhook.failing_since, webhook.status) == (NOW, EndpointStatus.ENABLED)
    almost = webhook.after(an_attempt(None, at=LASTING - SECOND), NOW + LASTING - SECOND)
    assert almost == webhook
    at = NOW + LASTING
    ended = webhook.after(an_attempt(None, at=LASTING), at)
    assert (ended.status, ended.disabled_reason) == (
        *(EndpointStatus.DISABLED, DisabledReason.FAILING),
    )
    assert ended.updated_at == at
    assert ended.after(an_attempt(200, at=LASTING), at) == ended


def test_one_success_is_enough_to_go_on() -> None:
    webhook = a_webhook().after(an_attempt(500), NOW).after(an_attempt(200, at=DAY), NOW + DAY)
    assert webhook == a_webhook()
    webhook = webhook.after(an_attempt(500, at=LASTING), NOW + LASTING)
    assert (webhook.failing_since, webhook.status) == (NOW + LASTING, EndpointStatus.ENABLED)


def test_an_endpoint_that_says_that_it_is_gone_is_disabled_at_once() -> None:
    for status in (EndpointStatus.ENABLED, EndpointStatus.PAUSED):
        gone = a_webhook(status=status).after(an_attempt(410), NOW + HOUR)
        assert (gone.status, gone.disabled_reason) == (
            *(EndpointStatus.DISABLED, DisabledReason.GONE),
        )
        assert gone.failing_since == NOW
