"""Whatever people do with webhooks, whatever receivers answer and whichever workers die: who is
to be told is told, nobody else is, and each delivery tells the truth.

The oracle reads the log, and knows who was there when, whom it concerned, and what receivers
answered.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from itertools import count
from typing import Any, Final

from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ktrlplane import ControlPlane
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.delivery import MemoryDelivery, Reply
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import Conflict
from ktrlplane.domain.events import Event
from ktrlplane.domain.ids import OrganizationId, ProjectId, WebhookId
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.webhook_deliveries import DeliveryStatus, WebhookDelivery
from ktrlplane.domain.webhooks import LASTING, EndpointStatus
from ktrlplane.entrypoints.sending import LEASE, SendWebhooks
from ktrlplane.ports.delivery import Answered, Delivery, Outgoing
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.platforms import a_platform
from tests.stateful.conftest import Runner

ACME: Final = OrganizationId("acme")
PROJECTS: Final = (ProjectId("web"), ProjectId("app"))
WANTED: Final = ({"*"}, {"project.*"}, {"organization.updated", "webhook.*"})
MOODS: Final = (200, 204, 302, 410, 500, TimeoutError, ConnectionError)
PENDING, DELIVERED, FAILED, CANCELLED = DeliveryStatus
ENABLED, PAUSED, DISABLED = EndpointStatus
NEVER: Final = threading.Event()
PAGE: Final = PageRequest(limit=200)


class Deaf(Delivery):
    """Takes everything, and nobody ever answers: whoever sends by it dies with all of it."""

    capacity = 20

    def send(self, outgoing: Outgoing) -> Future[Answered]:
        return Future()

    def close(self) -> None:
        pass


@define
class Endpoint:
    scope: OrganizationId | ProjectId
    types: set[str]
    status: EndpointStatus = ENABLED
    mood: Any = 200
    due: set[str] = field(factory=set)
    """Events that it is to be told of, or has been."""
    missed: set[str] = field(factory=set)
    """Of what it wants, what happened while it was disabled, or before it was there."""
    tests: set[str] = field(factory=set)
    seen: set[str] = field(factory=set)
    taken: set[str] = field(factory=set)
    """What arrived, and to what of it the answer was 2xx."""
    was_recovered: bool = False

    def wants(self, event: Event) -> bool:
        noun, _, _ = event.type.partition(".")
        concerns = self.scope in (event.org_id, event.project_id)
        named = self.types & {"*", f"{noun}.*", str(event.type)}
        return concerns and bool(named) and event.type != "webhook.test"


class Webhooks(RuleBasedStateMachine):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.network = MemoryDelivery(self.clock)
        platform = a_platform()
        self.control = ControlPlane(
            units=units,
            clock=self.clock,
            delivery=self.network,
            catalog=platform.catalog,
            validator=platform.validator,
        )
        self.ada = self.control.sign_in("ada", email="ada@example.com")
        self.ada.create_organization(name="Acme", id=ACME)
        for project_id in PROJECTS:
            self.ada.create_project(name="P", id=project_id, org_id=ACME)
        self.began, self.numbers, self.read = self.clock.now(), count(), 0
        self.there: dict[WebhookId, Endpoint] = {}
        self.log: list[Event] = []
        self.strays: list[str] = []
        self.absorb()
        self.workers = [self.a_worker(self.network) for _ in range(2)]

    def a_worker(self, network: Delivery) -> SendWebhooks:
        transact, platform = self.control.transact, self.control.platform
        return SendWebhooks(transact, platform, network, jitter=lambda: 0.0)

    def absorb(self) -> None:
        """What happened since it was last looked at."""
        with self.control.transact.units.view() as work:
            entries = work.events.entries(Scope.of(ACME), self.read, 1000)
        for entry in entries:
            self.read = entry.sequence
            self.log.append(entry.event)
            for one in self.there.values():
                if one.wants(entry.event):
                    into = one.missed if one.status is DISABLED else one.due
                    into.add(entry.event.event_id.value)

    def receiver(self, one: Endpoint) -> Callable[[Outgoing], Reply]:
        def receive(request: Outgoing) -> Reply:
            event_id = request.headers["Webhook-Id"]
            one.seen.add(event_id)
            if one.status is not ENABLED:
                self.strays.append(event_id)
            if not isinstance(one.mood, int):
                raise one.mood
            if 200 <= one.mood < 300:
                one.taken.add(event_id)
            return Reply(one.mood)

        return receive

    def deliveries(self, webhook_id: WebhookId) -> Sequence[WebhookDelivery]:
        return self.ada.deliveries(webhook_id, PAGE).items

    # -- what happens --------------------------------------------------------------------------

    @precondition(lambda self: len(self.there) < 4)
    @rule(scope=st.sampled_from((ACME, *PROJECTS)), types=st.sampled_from(WANTED))
    def make(self, scope: OrganizationId | ProjectId, types: set[str]) -> None:
        url = f"https://receiver.example.org/{next(self.numbers)}"
        made = self.ada.create_webhook(scope, url=url, event_types=sorted(types))
        one = self.there[made.webhook_id] = Endpoint(scope, types)
        one.missed |= {event.event_id.value for event in self.log if one.wants(event)}
        self.network.receive(url, self.receiver(one))
        self.absorb()

    @rule(where=st.sampled_from((ACME, *PROJECTS)))
    def happen(self, where: OrganizationId | ProjectId) -> None:
        name = f"Name {next(self.numbers)}"
        if isinstance(where, ProjectId):
            self.ada.update_project(where, name=name)
        else:
            self.ada.update_organization(where, name=name)
        self.absorb()

    @precondition(lambda self: self.there)
    @rule(data=st.data(), mood=st.sampled_from(MOODS))
    def feel(self, data: st.DataObject, mood: Any) -> None:
        self.any(data)[1].mood = mood

    @rule(
        by=st.sampled_from(
            [timedelta(seconds=6), timedelta(minutes=6), timedelta(hours=1), timedelta(hours=9)]
        )
    )
    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)

    @rule(which=st.integers(0, 1))
    def work(self, which: int) -> None:
        while self.workers[which](NEVER):
            pass
        for webhook_id, one in self.there.items():
            if self.ada.webhook(webhook_id).status is DISABLED and one.status is not DISABLED:
                lasted = self.clock.now() - self.began >= LASTING
                assert one.mood == 410 or lasted, "for nothing else"
                one.status = DISABLED
        self.absorb()

    @rule(which=st.integers(0, 1))
    def die_at_work(self, which: int) -> None:
        self.a_worker(Deaf())(NEVER)
        self.workers[which] = self.a_worker(self.network)

    # -- what people do ------------------------------------------------------------------------

    def any(self, data: st.DataObject) -> tuple[WebhookId, Endpoint]:
        webhook_id = data.draw(st.sampled_from(sorted(self.there)))
        return webhook_id, self.there[webhook_id]

    @precondition(lambda self: self.there)
    @rule(data=st.data(), status=st.sampled_from((ENABLED, PAUSED)))
    def set_status(self, data: st.DataObject, status: EndpointStatus) -> None:
        webhook_id, one = self.any(data)
        self.ada.update_webhook(webhook_id, status=status.value)
        one.status = status
        self.absorb()

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        webhook_id, one = self.any(data)
        self.ada.delete_webhook(webhook_id)
        del self.there[webhook_id]
        one.status = DISABLED  # nothing may arrive there any more
        self.absorb()

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def rotate(self, data: st.DataObject) -> None:
        self.ada.rotate_webhook_secret(self.any(data)[0])
        self.absorb()

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def test(self, data: st.DataObject) -> None:
        webhook_id, one = self.any(data)
        try:
            made = self.ada.test_webhook(webhook_id)
        except Conflict:
            assert one.status is DISABLED
        else:
            one.tests.add(made.event_id.value)
        self.absorb()

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def redeliver(self, data: st.DataObject) -> None:
        webhook_id, one = self.any(data)
        known = self.deliveries(webhook_id)
        if known and one.status is not DISABLED:
            chosen = data.draw(st.sampled_from(known))
            again = self.ada.redeliver(webhook_id, chosen.delivery_id)
            assert again.status is PENDING

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def recover(self, data: st.DataObject) -> None:
        webhook_id, one = self.any(data)
        if one.status is not DISABLED:
            one.was_recovered = True
            self.ada.recover_deliveries(webhook_id, since=self.began)

    # -- what holds ----------------------------------------------------------------------------

    @invariant()
    def nobody_else_is_told(self) -> None:
        assert self.strays == []
        for one in self.there.values():
            allowed = one.due | one.tests | (one.missed if one.was_recovered else set())
            assert one.seen <= allowed

    @invariant()
    def deliveries_tell_the_truth(self) -> None:
        for webhook_id, one in self.there.items():
            for row in self.deliveries(webhook_id):
                event_id = row.event_id.value
                if row.status is DELIVERED:
                    assert event_id in one.taken
                if row.last is not None:
                    assert event_id in one.seen
                    assert row.attempts >= row.last.number
                assert event_id in one.due | one.tests | one.missed
                assert (row.next_attempt_at is None) == (row.status is not PENDING)

    def teardown(self) -> None:
        for webhook_id, one in self.there.items():
            one.mood, one.was_recovered = 200, True
            self.ada.update_webhook(webhook_id, status="enabled")
            one.status = ENABLED
            self.ada.recover_deliveries(webhook_id, since=self.began)
        self.absorb()
        self.clock.advance(LEASE)
        for _ in range(3):
            self.clock.advance(timedelta(days=2))
            self.work(0)
        for webhook_id, one in self.there.items():
            assert one.due | one.missed <= one.taken
            assert {row.status for row in self.deliveries(webhook_id)} <= {DELIVERED}


def test_who_is_to_be_told_is_told_and_nobody_else(run: Runner) -> None:
    run(Webhooks, share=2)
