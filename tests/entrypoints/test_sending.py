"""The job that sends webhooks, to receivers in this process."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from attrs import evolve
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.delivery import MemoryDelivery, Reply
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.adapters.system import SystemClock
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.sending import forget_deliveries
from ktrlplane.domain.webhook_deliveries import (
    MAX_JITTER,
    RETENTION,
    SCHEDULE,
    DeliveryStatus,
    WebhookDelivery,
)
from ktrlplane.domain.webhooks import (
    LASTING,
    DisabledReason,
    EndpointStatus,
    Webhook,
    new_secret,
)
from ktrlplane.entrypoints.sending import EACH, LEASE, SendWebhooks
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.delivery import Answered, Closed, Delivery, Outgoing, Unsent
from ktrlplane.ports.events import EventFilter
from ktrlplane.ports.unit_of_work import UnitOfWork
from ktrlplane.ports.webhooks import DeliveryFilter
from tests.builders import a_webhook, an_organization, keep
from tests.contract.test_stores_events import an_event
from tests.platforms import a_platform

ACME = Scope.of(OrganizationId("acme"))


def endpoint(number: int = 1, **but: Any) -> Webhook:
    url = f"https://receiver-{number}.example.org/hooks?key=s3cr3t"
    return a_webhook(number=number, **{"url": url} | but)


URL = endpoint().url
PENDING, DELIVERED, FAILED, CANCELLED = DeliveryStatus
NEVER = threading.Event()


class Stalling(Delivery):
    """Nobody answers before the test says what."""

    capacity = 1000

    def __init__(self, capacity: int = capacity) -> None:
        self.capacity = capacity
        self.sent: list[tuple[Outgoing, Future[Answered]]] = []
        self.is_closed = False

    def send(self, outgoing: Outgoing) -> Future[Answered]:
        if self.is_closed:
            raise Closed
        future: Future[Answered] = Future()
        self.sent.append((outgoing, future))
        return future

    def close(self) -> None:
        self.is_closed = True
        for _, future in self.sent:
            if not future.done():
                future.set_exception(Closed())


class AwayUnits(MemoryUnitsOfWork):
    are_away = False

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        if self.are_away:
            raise UpstreamError("The database does not answer.")
        with super().begin() as work:
            yield work


@pytest.fixture
def units() -> MemoryUnitsOfWork:
    return MemoryUnitsOfWork()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    return a_platform(clock=clock)


@pytest.fixture
def network(clock: ManualClock) -> MemoryDelivery:
    return MemoryDelivery(clock)


def job(units: MemoryUnitsOfWork, platform: Platform, delivery: Delivery) -> SendWebhooks:
    return SendWebhooks(Transact(units), platform, delivery, jitter=lambda: 0.5)


def add(units: MemoryUnitsOfWork, *webhooks: Webhook) -> None:
    with units.begin() as work:
        for webhook in webhooks:
            work.webhooks.add(webhook)


def happen(units: MemoryUnitsOfWork, count: int = 1) -> None:
    for _ in range(count):
        with units.begin() as work:
            work.events.add([an_event(ACME)])


def run(sending: SendWebhooks) -> None:
    while sending(NEVER):
        pass


def deliveries(units: MemoryUnitsOfWork, number: int = 1) -> Sequence[WebhookDelivery]:
    with units.view() as work:
        webhook_id = endpoint(number).webhook_id
        return work.webhooks.deliveries_of(
            webhook_id, PageRequest(limit=200), DeliveryFilter()
        ).items


def test_an_event_arrives_signed(
    units: MemoryUnitsOfWork, platform: Platform, network: MemoryDelivery
) -> None:
    received: list[Outgoing] = []

    def receive(request: Outgoing) -> Reply:
        received.append(request)
        return Reply(204)

    network.receive(URL, receive)
    webhook = endpoint(secret=new_secret())
    add(units, webhook)
    now = evolve(platform, clock=SystemClock())  # the verifier has no other clock
    event = an_event(ACME, after="caf\u00e9")
    with units.begin() as work:
        work.events.add([event])
    run(job(units, now, network))
    (request,) = received
    said = Verifier(webhook.secret).verify(request.body, dict(request.headers))
    assert said["event_id"] == request.headers["Webhook-Id"] == event.event_id.value
    assert said["type"] == event.type
    assert said["timestamp"] == said["occurred_at"]
    assert said["data"] == json.loads(event.data.text)
    assert said["sequence"] == 1
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(request.body, dict(request.headers))
    (delivery,) = deliveries(units)
    assert (delivery.status, delivery.attempts) == (DELIVERED, 1)
    assert webhook.secret not in repr((webhook, delivery, request))


def test_for_a_day_after_a_rotation_both_secrets_verify(
    units: MemoryUnitsOfWork, platform: Platform, network: MemoryDelivery, clock: ManualClock
) -> None:
    received: list[Outgoing] = []

    def receive(request: Outgoing) -> Reply:
        received.append(request)
        return Reply()

    network.receive(URL, receive)
    rotated = endpoint().rotated(new_secret(), clock.now())
    add(units, rotated)
    sending = job(units, platform, network)
    happen(units)
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    run(sending)
    happen(units)
    clock.advance(timedelta(seconds=1))
    run(sending)
    both, one = (request.headers["Webhook-Signature"].split() for request in received)
    assert (len(both), len(one)) == (2, 1)
    for secret, signature in ((rotated.secret, both[0]), (rotated.previous_secret, both[1])):
        assert secret is not None
        at = clock.now() - timedelta(seconds=1)
        body = received[0].body.decode()
        assert Verifier(secret).sign(received[0].headers["Webhook-Id"], at, body) == signature


def test_what_fails_is_tried_again_on_schedule_and_then_given_up(
    units: MemoryUnitsOfWork, platform: Platform, network: MemoryDelivery, clock: ManualClock
) -> None:
    times: list[timedelta] = []
    start = clock.now()

    def receive(_: Outgoing) -> Reply:
        times.append(clock.now() - start)
        return Reply(302, b"elsewhere", {"Location": "https://elsewhere.example.org/"})

    network.receive(URL, receive)
    add(units, endpoint())
    happen(units)
    clock.advance(timedelta(seconds=1))  # events are told a little later than they are made
    start = clock.now()
    sending = job(units, platform, network)
    run(sending)
    for pause in SCHEDULE:
        whole = pause * (1 + MAX_JITTER / 2)
        clock.advance(whole - timedelta(microseconds=1))
        run(sending)
        clock.advance(timedelta(microseconds=1))
        run(sending)
    gone = [
        sum(SCHEDULE[:n], timedelta()) * (1 + MAX_JITTER / 2) for n in range(len(SCHEDULE) + 1)
    ]
    assert times == gone
    (delivery,) = deliveries(units)
    assert (delivery.status, delivery.attempts) == (FAILED, 10)
    assert delivery.last is not None
    assert (delivery.last.response_status, delivery.last.response_body) == (302, "elsewhere")


def test_a_receiver_that_asks_for_time_gets_it(
    units: MemoryUnitsOfWork, platform: Platform, network: MemoryDelivery, clock: ManualClock
) -> None:
    network.receive(URL, lambda _: Reply(503, headers={"Retry-After": "120"}))
    add(units, endpoint())
    happen(units)
    clock.advance(timedelta(seconds=1))
    run(job(units, platform, network))
    (delivery,) = deliveries(units)
    assert delivery.next_attempt_at == clock.now() + timedelta(seconds=120)


def test_who_is_gone_is_disabled_and_that_is_told(
    units: MemoryUnitsOfWork, platform: Platform, network: MemoryDelivery, clock: ManualClock
) -> None:
    network.receive(URL, lambda _: Reply(410))
    add(units, endpoint())
    happen(units, 2)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    happen(units)
    run(sending)
    with units.view() as work:
        webhook = work.webhooks.find(endpoint().webhook_id)
        assert webhook is not None
        where = EventFilter(types=["webhook.*"])
        (told,) = work.events.of(ACME, PageRequest(), where).items
    assert webhook.disabled_reason is DisabledReason.GONE
    assert told.event.type is EventType.WEBHOOK_DISABLED
    assert "s3cr3t" not in told.event.data.text
    assert [one.status for one in deliveries(units)] == [FAILED, FAILED]


def test_five_days_of_nothing_but_failures_disable(
    units: MemoryUnitsOfWork, platform: Platform, network: MemoryDelivery, clock: ManualClock
) -> None:
    network.receive(URL, lambda _: Reply(500))
    add(units, endpoint())
    sending = job(units, platform, network)
    begun = clock.now()

    def status() -> EndpointStatus:
        happen(units)
        clock.advance(timedelta(seconds=1))
        run(sending)
        with units.view() as work:
            webhook = work.webhooks.find(endpoint().webhook_id)
            assert webhook is not None
            return webhook.status

    assert status() is EndpointStatus.ENABLED
    clock.set(begun + LASTING - timedelta(seconds=1))
    network.receive(URL, lambda _: Reply(200))
    assert status() is EndpointStatus.ENABLED
    network.receive(URL, lambda _: Reply(500))
    clock.set(begun + LASTING + timedelta(hours=1))
    assert status() is EndpointStatus.ENABLED
    clock.set(begun + 2 * LASTING)
    assert status() is EndpointStatus.ENABLED
    clock.set(begun + 2 * LASTING + timedelta(hours=2))
    assert status() is EndpointStatus.DISABLED


def test_an_endpoint_that_stalls_has_no_other_wait(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    network = Stalling()
    add(units, endpoint(1), endpoint(2))
    happen(units, 3 * EACH)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    slow, quick = endpoint(1).url, endpoint(2).url
    assert [out.url for out, _ in network.sent].count(slow) == EACH
    for _ in range(3):
        for out, future in network.sent:
            if out.url == quick and not future.done():
                future.set_result(Answered(status=200))
        run(sending)
    urls = [out.url for out, _ in network.sent]
    assert (urls.count(slow), urls.count(quick)) == (EACH, 3 * EACH)
    assert {one.status for one in deliveries(units, 2)} == {DELIVERED}


def test_however_many_stall_the_others_have_their_share(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    network = Stalling(capacity=40)
    add(units, *(endpoint(number) for number in (1, 2, 3, 4)))
    happen(units, 60)
    clock.advance(timedelta(seconds=1))
    sending, quick = job(units, platform, network), endpoint(4).url
    for _ in range(10):
        run(sending)
        for out, future in network.sent:
            if out.url == quick and not future.done():
                future.set_result(Answered(status=200))
    run(sending)
    assert {one.status for one in deliveries(units, 4)} == {DELIVERED}
    assert len([future for _, future in network.sent if not future.done()]) <= network.capacity


def test_what_was_answered_while_the_database_was_away_is_noted_and_not_sent_again(
    platform: Platform, clock: ManualClock
) -> None:
    network, units = Stalling(), AwayUnits()
    add(units, endpoint())
    happen(units, 3)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    for _, future in network.sent:
        future.set_result(Answered(status=200))
    units.are_away = True
    for _ in range(3):
        with pytest.raises(UpstreamError):
            sending(NEVER)
    units.are_away = False
    clock.advance(LEASE)
    run(sending)
    assert len(network.sent) == 3
    assert [(one.status, one.attempts) for one in deliveries(units)] == [(DELIVERED, 1)] * 3


def test_a_worker_that_slept_through_its_leases_goes_on(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    network = Stalling()
    add(units, endpoint())
    happen(units, EACH)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    network.sent[0][1].set_result(Answered(status=200))
    clock.advance(LEASE)
    run(sending)
    run(sending)
    late, again = network.sent[1:EACH], network.sent[EACH:]
    assert len(again) == 1, "there is room for one more"
    for _, future in [*again, *late]:
        future.set_result(Answered(status=500))
    run(sending)
    assert sorted({one.attempts for one in deliveries(units)}) == [1]
    happen(units, EACH)
    clock.advance(LEASE)
    run(sending)
    assert len(network.sent) == EACH + 1 + EACH, "as many as ever"


def test_a_worker_that_stops_waits_for_what_is_under_way(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    network = Stalling()
    add(units, endpoint())
    happen(units, 2)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    (_, first), (_, second) = network.sent
    answering = threading.Timer(0.05, lambda: first.set_result(Answered(status=200)))
    answering.start()
    second.set_result(Answered(status=500))
    sending.close()
    answering.join()
    assert sorted(one.status for one in deliveries(units)) == [DELIVERED, PENDING]


def test_what_was_not_sent_is_given_back(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    network = Stalling()
    add(units, endpoint())
    happen(units, EACH + 1)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    network.close()
    sending(NEVER)
    sending.close()
    assert {one.leased_until for one in deliveries(units)} == {None}
    assert {one.attempts for one in deliveries(units)} == {0}
    other = Stalling()
    run(job(units, platform, other))
    assert len(other.sent) == EACH


def test_what_found_no_room_is_sent_again_and_is_no_failure(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    network = Stalling()
    add(units, endpoint())
    happen(units)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    run(sending)
    network.sent[0][1].set_exception(Unsent())
    run(sending)
    (delivery,) = deliveries(units)
    assert (delivery.status, delivery.attempts, len(network.sent)) == (PENDING, 0, 2)
    with units.view() as work:
        webhook = work.webhooks.find(endpoint().webhook_id)
    assert webhook is not None
    assert webhook.failing_since is None


def test_one_that_cannot_be_sent_keeps_no_other_from_it(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock, network: MemoryDelivery
) -> None:
    network.receive(URL, lambda _: Reply(200))
    add(units, endpoint(), endpoint(0, secret="whsec_"))  # somebody's hand was in the database
    happen(units, 3)
    clock.advance(timedelta(seconds=1))
    sending = job(units, platform, network)
    with pytest.raises(ExceptionGroup) as raised:
        sending(NEVER)
    assert len(raised.value.exceptions) == 3
    run(sending)
    assert {one.status for one in deliveries(units)} == {DELIVERED}


def test_an_endpoint_where_something_arrived_fails_no_more_whoever_saw_it_fail(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock
) -> None:
    one, other = Stalling(), Stalling()
    add(units, endpoint())
    happen(units)
    clock.advance(timedelta(seconds=1))
    first, second = job(units, platform, one), job(units, platform, other)
    run(first)
    happen(units)
    clock.advance(timedelta(seconds=1))
    run(second)
    other.sent[0][1].set_result(Answered(status=500))
    run(second)
    one.sent[0][1].set_result(Answered(status=200))
    run(first)
    with units.view() as work:
        webhook = work.webhooks.find(endpoint().webhook_id)
    assert webhook is not None
    assert webhook.failing_since is None


def test_what_a_dead_worker_had_claimed_is_sent_when_the_lease_ends(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock, network: MemoryDelivery
) -> None:
    add(units, endpoint())
    happen(units)
    clock.advance(timedelta(seconds=1))
    dead = Stalling()
    late = job(units, platform, dead)
    run(late)
    network.receive(URL, lambda _: Reply(200))
    clock.advance(LEASE - timedelta(microseconds=1))
    run(job(units, platform, network))
    assert [one.status for one in deliveries(units)] == [PENDING]
    clock.advance(timedelta(microseconds=1))
    run(job(units, platform, network))
    (settled,) = deliveries(units)
    assert settled.status is DELIVERED
    dead.sent[0][1].set_result(Answered(status=500))
    run(late)
    assert list(deliveries(units)) == [settled]


def test_what_is_long_over_is_forgotten(
    units: MemoryUnitsOfWork, platform: Platform, clock: ManualClock, network: MemoryDelivery
) -> None:
    network.receive(URL, lambda _: Reply(200))
    keep(units, an_organization())
    add(units, endpoint())
    with units.begin() as work:
        work.events.add([evolve(an_event(ACME), occurred_at=clock.now())])
    run(job(units, platform, network))
    forget = partial(forget_deliveries, limit=10, platform=platform)
    clock.advance(RETENTION)
    assert Transact(units)(forget) == 0
    assert len(deliveries(units)) == 1
    clock.advance(timedelta(microseconds=1))
    assert Transact(units)(forget) == 1
    assert len(deliveries(units)) == 0
