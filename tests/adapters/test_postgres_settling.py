"""Workers who settle beside each other, and people who change the endpoint meanwhile."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.services.sending import Sent, claim_deliveries, settle_deliveries
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookAttempt
from ktrlplane.domain.webhooks import EndpointStatus
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.events import EventFilter
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from ktrlplane.ports.webhooks import DeliveryFilter, Due
from tests.builders import DAY, NOW, a_webhook, keep
from tests.platforms import a_platform

pytestmark = pytest.mark.postgres

PLATFORM = a_platform(clock=ManualClock())
ACME = Scope.of(OrganizationId("acme"))
HOOK = a_webhook().webhook_id
PAGE = PageRequest(limit=200)


def tell(work: UnitOfWork) -> None:
    kind = EventType.GROUP_CREATED
    work.events.add(
        [Event.about([ACME], kind, actor=OPERATOR, at=NOW, data={}) for _ in range(10)]
    )


def sent(due: Due, status: int) -> Sent:
    number = due.delivery.attempts + 1
    attempt = WebhookAttempt(number=number, attempted_at=NOW, response_status=status)
    return Sent(due=due, attempt=attempt)


def work_off(transact: Transact, seed: int) -> int:
    """How many the receiver took."""
    chance, delivered = random.Random(seed), 0
    while True:
        due = transact(
            lambda work: claim_deliveries(
                work, each=100, limit=7, busy={}, lease=DAY, platform=PLATFORM
            )
        )
        if not due:
            return delivered
        some = [sent(one, chance.choice([200] * 20 + [500] * 20 + [410])) for one in due]
        settled = transact(
            lambda work, some=some: settle_deliveries(work, some, platform=PLATFORM)
        )
        ours = set(settled)  # not what was cancelled and asked for again meanwhile
        delivered += sum(
            one.attempt.is_success and one.due.delivery.delivery_id in ours for one in some
        )


def interfere(transact: Transact, seed: int) -> int:
    """Enables what was disabled, and has things happen and sent again."""
    chance = random.Random(seed)

    def act(work: UnitOfWork) -> None:
        work.access.hold(ACME)
        (webhook,) = work.webhooks.held([HOOK])
        if webhook.status is EndpointStatus.DISABLED:
            webhook = webhook.becoming(EndpointStatus.ENABLED, NOW)
        work.webhooks.replace(evolve(webhook, description=f"{chance.random()}"))
        work.webhooks.recover(webhook, NOW - timedelta(hours=1), NOW, 3)
        tell(work)

    for _ in range(25):
        transact(act)
    return 0


def test_each_row_tells_the_truth_whoever_comes_between(postgres_units: UnitsOfWork) -> None:
    transact = Transact(postgres_units)
    keep(postgres_units, a_webhook())
    for _ in range(5):
        transact(tell)
    with ThreadPoolExecutor(5) as pool:
        running = [
            *(pool.submit(work_off, transact, seed) for seed in range(3)),
            *(pool.submit(interfere, transact, seed) for seed in range(2)),
        ]
        delivered = sum(one.result() for one in running)
    delivered += work_off(transact, 9)
    with postgres_units.view() as work:
        (webhook,) = work.webhooks.of(ACME, PAGE).items
        by_status = {
            status: work.webhooks.deliveries_of(
                HOOK, evolve(PAGE, include_total=True), DeliveryFilter(status=status)
            )
            for status in DeliveryStatus
        }
        told = work.events.of(ACME, PAGE, EventFilter(types=["webhook.disabled"])).items
    assert by_status[DeliveryStatus.DELIVERED].total == delivered
    assert all(
        one.last is not None and one.last.is_success
        for one in by_status[DeliveryStatus.DELIVERED].items
    )
    for status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED, DeliveryStatus.PENDING):
        assert not any(
            one.last is not None and one.last.is_success for one in by_status[status].items
        )
    if webhook.status is EndpointStatus.DISABLED:
        assert told
        assert by_status[DeliveryStatus.PENDING].total == 0
