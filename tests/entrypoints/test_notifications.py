"""Who is told of what, in the application and by mail, and how often."""

import re
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.delivery import Reply
from ktrlplane.adapters.memory.mail import MemoryMail
from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.errors import AlreadyExists, NotFound, UpstreamError, ValidationFailed
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.notifications import (
    GROUPED_FOR,
    KEPT_FOR,
    MAX_LETTERS,
    Mailing,
    Preference,
    next_digest,
)
from ktrlplane.domain.services.transitions import keep
from ktrlplane.entrypoints.jobs import Outside, jobs_of
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.mailing import LEASE
from ktrlplane.entrypoints.session import Session
from ktrlplane.ports.mail import MailRefused, Message
from tests.platforms import a_platform

ACME, PLANT = OrganizationId("acme"), ProjectId("plant")
IMMEDIATE, DAILY, OFF = Mailing
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)
ORIGIN = "https://kp.example.com"
NEVER = threading.Event()
PEOPLE = ("ada", "bob", "cleo", "dan")


class MoodyMail(MemoryMail):
    failure: Exception | None = None

    def send(self, message: Message) -> None:
        if self.failure is not None:
            raise self.failure
        super().send(message)


class World:
    """Ada's organization with a project and three resources; the others are known."""

    def __init__(self) -> None:
        self.clock, self.mail = ManualClock(), MoodyMail()
        platform = a_platform(clock=self.clock)
        self.control = ControlPlane.in_memory(
            clock=self.clock,
            catalog=platform.catalog,
            validator=platform.validator,
            mail=self.mail,
        )
        self.people = {name: self._person(name) for name in PEOPLE}
        ada = self.people["ada"]
        ada.create_organization(name="Acme", id=ACME)
        ada.create_project(name="Plant", id=PLANT, org_id=ACME)
        for number in range(3):
            made = ada.create_resource(
                PLANT,
                name=f"Kettle {number}",
                id=f"kettle-{number}",
                type="Acme.Kettle",
                sku="free",
            )
            assert made.resource_id == ResourceId(f"kettle-{number}")
        self.control.grant("service-account-reconciler", to="robot@clients", on="global")
        self.robot = self.control.sign_in("robot@clients")

    def _person(self, name: str) -> Session:
        return self.control.sign_in(name, email=f"{name}@example.com", name=name.title())

    def run(self, *names: str) -> None:
        control = self.control
        delivery = control.container.delivery()
        outside = Outside(self.mail, delivery, control.container.payments, ORIGIN)
        jobs = jobs_of(control.transact, control.platform, outside)
        for job in jobs:
            if job.name in names:
                while job.run(NEVER):
                    pass

    def mailed(self) -> Sequence[Message]:
        """From now on the letters that are due by now have gone out."""
        before = len(self.mail.sent)
        self.run("notify", "send_notifications")
        return list(self.mail.sent[before:])

    def fails(self, number: int = 0) -> None:
        for health in ("Healthy", "Missing"):
            self.robot.report_status(f"kettle-{number}", health, observed_generation=1)

    def titles(self, name: str, *, unread: bool = False) -> list[str]:
        self.run("notify")
        return [one.title for one in self.people[name].notifications(unread=unread).items]


@pytest.fixture
def world() -> World:
    return World()


FAILED = ['The resource "Kettle 0" has failed']


def test_who_may_write_is_told_that_a_resource_has_failed(world: World) -> None:
    ada = world.people["ada"]
    ada.grant("Editor", to="bob", on=ResourceId("kettle-0"))
    ada.grant("Viewer", to="cleo", on=ACME)
    ada.grant("Editor", to="dan", on=ResourceId("kettle-1"))
    world.run("notify")
    for session in world.people.values():
        session.read_notifications()
    world.fails(0)
    told = {name: world.titles(name, unread=True) for name in PEOPLE}
    assert told == {"ada": FAILED, "bob": FAILED, "cleo": [], "dan": []}


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PEOPLE[1:]),
            st.sampled_from(["Owner", "Editor", "Viewer", "Billing Manager"]),
            st.sampled_from([ACME, PLANT, ResourceId("kettle-0"), ResourceId("kettle-1")]),
            st.booleans(),
            st.sampled_from([None, -1, 1]),
        ),
        max_size=8,
    )
)
def test_exactly_those_are_told_who_may_write_by_then(
    grants: list[tuple[str, str, OrganizationId | ProjectId | ResourceId, bool, int | None]],
) -> None:
    world = World()
    ada, start = world.people["ada"], world.clock.now()
    group = ada.create_group(ACME, name="Crew")
    for name, role, where, by_group, hours in grants:
        expires_at = None if hours is None else start + (hours + 2) * HOUR
        holder = {"group": group.group_id} if by_group else {"to": name}
        if by_group:
            ada.add_member(group.group_id, name)
        try:
            ada.grant(role, on=where, expires_at=expires_at, **holder)  # type: ignore[arg-type]
        except AlreadyExists:
            continue
    world.clock.advance(2 * HOUR)
    world.run("notify")
    for session in world.people.values():
        session.read_notifications()
    world.fails(0)
    told = {name for name in PEOPLE if world.titles(name, unread=True)}
    asked = [(PrincipalId(name), Scope.of(ResourceId("kettle-0"))) for name in PEOPLE]
    found = world.control.transact.read(
        lambda work: work.access.standings(asked, world.clock.now())
    )
    may = {
        name
        for name, standing in zip(PEOPLE, found, strict=True)
        if standing is not None and standing.may(Action.WRITE)
    }
    assert told == may


def test_whoever_is_given_something_is_told_and_nobody_of_what_they_did(world: World) -> None:
    ada = world.people["ada"]
    ada.grant("Owner", to="bob", on=ACME)
    group = ada.create_group(ACME, name="Crew <b>")
    ada.add_member(group.group_id, "cleo")
    ada.grant("Viewer", group=group.group_id, on=PLANT)
    world.run("notify")
    world.people["bob"].add_member(group.group_id, "bob")
    assert world.titles("ada") == []
    assert world.titles("bob") == ['You have the role Owner on the organization "Acme"']
    assert world.titles("cleo") == ['You have the role Viewer on the project "Plant"']
    ada.grant("Viewer", to="cleo", on=ACME)
    assert world.titles("cleo") == [
        'You have the role Viewer on the organization "Acme"',
        'You have the role Viewer on the project "Plant"',
        'You are in the group "Crew <b>"',
    ]


def test_who_manages_access_is_told_of_a_disabled_webhook(world: World) -> None:
    ada, url = world.people["ada"], "https://hooks.example.org/in?key=s3cr3t"
    ada.grant("Editor", to="bob", on=ACME)
    world.control.container.delivery().receive(url, lambda _: Reply(410))  # type: ignore[attr-defined]
    ada.create_webhook(ACME, url=url, event_types=["project.*"])
    ada.update_project(PLANT, name="Mill")
    world.clock.advance(timedelta(seconds=1))
    world.run("send_webhooks")
    told = (
        "The webhook to https://hooks.example.org is disabled: its receiver says that it is gone"
    )
    assert world.titles("ada") == [told]
    assert told not in world.titles("bob")


def test_who_manages_billing_is_told_that_something_is_not_paid(world: World) -> None:
    """And mailed at once: what is theirs is suspended next."""
    ada = world.people["ada"]
    ada.grant("Editor", to="bob", on=ACME)
    ada.grant("Billing Manager", to="cleo", on=ACME)
    world.mailed()
    with world.control.transact.units.begin() as work:
        kettle = work.resources.get(ResourceId("kettle-0"))
        keep(
            work,
            [(kettle, evolve(kettle, stripe_price_id="price_1"))],
            actor=None,
            platform=world.control.platform,
        )
    world.run("settle_accounts")
    failed = (
        "A payment of organization acme did not go through. What it pays for runs on for a "
        "while; add a payment method that pays, or pay the open invoice"
    )
    suspended = (
        "What organization acme pays for is suspended, since it is not paid for: its billing says "
        "why"
    )
    for name, is_told in (("ada", True), ("bob", False), ("cleo", True)):
        assert (failed in world.titles(name)) is is_told, name
    world.clock.advance(timedelta(minutes=2))
    told = {message.to for message in world.mailed() if failed in message.text}
    assert told == {"ada@example.com", "cleo@example.com"}
    world.clock.advance(timedelta(days=8))
    world.run("settle_accounts")
    assert suspended in world.titles("cleo")
    assert suspended not in world.titles("bob")


def test_what_one_may_no_longer_read_is_neither_shown_nor_mailed(world: World) -> None:
    ada, bob = world.people["ada"], world.people["bob"]
    view = ada.grant("Editor", to="bob", on=PLANT)
    world.fails(0)
    assert len(world.titles("bob")) == 2
    one = bob.notifications().items[0]
    ada.revoke(view.assignment.assignment_id, on=PLANT)  # type: ignore[union-attr]
    assert world.titles("bob") == []
    with pytest.raises(NotFound):
        bob.read_notification(one.notification_id)
    world.clock.advance(HOUR)
    assert {message.to for message in world.mailed()} == {"ada@example.com"}


def test_what_has_been_read_is_said_once(world: World) -> None:
    ada = world.people["ada"]
    for number in range(3):
        world.fails(number)
        world.run("notify")
        world.clock.advance(HOUR)
    third, second, first = ada.notifications().items
    assert ada.read_notification(second.notification_id).read_at == world.clock.now()
    assert list(ada.notifications(unread=True).items) == [third, first]
    assert ada.read_notifications(until=first.created_at) == 1
    assert list(ada.notifications(unread=True).items) == [third]
    assert ada.read_notifications(until=world.clock.now() + HOUR) == 1
    with pytest.raises(NotFound):
        world.people["bob"].read_notification(first.notification_id)


def test_what_happens_within_a_minute_goes_into_one_mail(world: World) -> None:
    world.fails(0)
    world.run("notify")
    world.clock.advance(GROUPED_FOR - MOMENT)
    world.fails(1)
    assert world.mailed() == []
    world.clock.advance(MOMENT)
    (message,) = world.mailed()
    assert message.to == "ada@example.com"
    assert message.subject == 'The resource "Kettle 0" has failed, and 1 more'
    assert '"Kettle 1" has failed' in message.text
    assert message.html.count("<li>") == 2
    world.clock.advance(HOUR)
    assert world.mailed() == []


def test_a_storm_of_failures_is_some_mails_and_one_digest(world: World) -> None:
    for turn in range(40):
        world.fails(turn % 3)
        world.run("notify")
        world.clock.advance(GROUPED_FOR)
        world.mailed()
    assert len(world.mail.sent) == MAX_LETTERS
    at = next_digest(world.clock.now())
    world.clock.set(at - MOMENT)
    world.mailed()
    assert len(world.mail.sent) == MAX_LETTERS
    world.clock.set(at)
    (digest,) = world.mailed()
    assert digest.text.startswith("What happened today:")
    listed = sum(message.html.count("<li>") for message in world.mail.sent)
    more = re.search(r"And (\d+) more", digest.text)
    assert listed + (int(more[1]) if more else 0) == 40


def test_what_is_taken_back_in_time_costs_nobody_a_mail(world: World) -> None:
    ada, dan = world.people["ada"], world.people["dan"]
    ada.grant("Editor", to="bob", on=ACME)
    dan.create_organization(name="Elsewhere", id="elsewhere")
    elsewhere = OrganizationId("elsewhere")
    world.run("notify")
    for _ in range(MAX_LETTERS + 1):
        view = dan.grant("Viewer", to="bob", on=elsewhere)
        world.run("notify")
        dan.revoke(view.assignment.assignment_id, on=elsewhere)  # type: ignore[union-attr]
        world.clock.advance(GROUPED_FOR)
        world.mailed()
    before = [message for message in world.mail.sent if message.to == "bob@example.com"]
    assert len(before) == 1, "of the role that Ada gave"
    world.fails(0)
    world.run("notify")
    world.clock.advance(GROUPED_FOR)
    told = {message.to: message.subject for message in world.mailed()}
    assert told["bob@example.com"] == 'The resource "Kettle 0" has failed'


def test_people_choose_what_they_are_told_of_and_how(world: World) -> None:
    ada = world.people["ada"]
    ada.grant("Editor", to="bob", on=ACME)
    ada.grant("Editor", to="cleo", on=ACME)
    world.run("notify")
    ada.set_notification_preferences(
        [
            Preference(event_type="*", in_app=False, email=OFF),
            Preference(event_type="resource.*", email=DAILY),
        ]
    )
    world.people["bob"].set_notification_preferences(
        [Preference(event_type="resource.status_changed", in_app=False, email=IMMEDIATE)]
    )
    world.people["cleo"].set_notification_preferences([Preference(event_type="*", in_app=False)])
    world.clock.advance(HOUR)
    world.mailed()
    world.fails(0)
    unread = {name: len(world.titles(name)) for name in PEOPLE}
    assert unread == {"ada": 1, "bob": 1, "cleo": 1, "dan": 0}, "one each, cleo's of the role"
    world.clock.advance(GROUPED_FOR)
    assert [message.to for message in world.mailed()] == ["bob@example.com"]
    world.clock.set(next_digest(world.clock.now()))
    assert [message.to for message in world.mailed()] == ["ada@example.com"]


def test_what_is_read_or_not_wanted_any_more_is_not_mailed(world: World) -> None:
    ada = world.people["ada"]
    for name in ("bob", "cleo"):
        ada.grant("Editor", to=name, on=ACME)
    world.run("notify")
    world.clock.advance(GROUPED_FOR)
    world.mailed()
    world.fails(0)
    world.fails(1)
    world.run("notify")
    world.people["ada"].set_notification_preferences([Preference(event_type="*", email=OFF)])
    world.people["bob"].read_notifications()
    first = world.people["cleo"].notifications().items[0]
    world.people["cleo"].read_notification(first.notification_id)
    world.clock.advance(GROUPED_FOR)
    (message,) = world.mailed()
    assert message.to == "cleo@example.com"
    assert message.html.count("<li>") == 1
    assert first.title not in message.text


@pytest.mark.parametrize(
    ("patterns", "places"),
    [
        (["nonsense"], ["/preferences/0/event_type"]),
        (["*", "resource.*", "*"], ["/preferences/2/event_type"]),
        ([f"a.b{letter}" for letter in "c" * 51], None),
        (
            ["", "x" * 200, "resource.*"],
            ["/preferences/0/event_type", "/preferences/1/event_type"],
        ),
    ],
)
def test_every_fault_in_preferences_is_named(
    world: World, patterns: list[str], places: list[str] | None
) -> None:
    wanted = [Preference(event_type=pattern) for pattern in patterns]
    with pytest.raises(ValidationFailed) as refused:
        world.people["ada"].set_notification_preferences(wanted)
    found = [fault.pointer for fault in refused.value.faults]
    assert found == places if places else "/preferences" in found
    assert world.people["ada"].notification_preferences() == ()


def test_names_are_text_in_mails(world: World) -> None:
    ada = world.people["ada"]
    hostile = '<script>alert(1)</script> & "x" =?utf-8?q?=0D=0ABcc:_e@x.org?='
    ada.create_project(name=hostile, id="other", org_id=ACME)
    ada.grant("Viewer", to="bob", on=ProjectId("other"))
    world.run("notify")
    world.clock.advance(GROUPED_FOR)
    (message,) = world.mailed()
    assert message.subject == "You were given access"
    assert "<script>" in message.text
    assert "<script>" not in message.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;" in message.html


def test_who_has_no_proven_address_gets_no_mail(world: World) -> None:
    eve = world.control.sign_in("eve", email="ada@example.com", email_verified=False)
    world.people["ada"].grant("Viewer", to="eve", on=ACME)
    world.clock.advance(HOUR)
    world.run("notify")
    world.clock.advance(HOUR)
    assert world.mailed() == []
    assert len(eve.notifications().items) == 1


def test_a_mail_that_nobody_takes_is_sent_later_and_is_the_same(world: World) -> None:
    world.fails(0)
    world.run("notify")
    world.clock.advance(GROUPED_FOR)
    world.mail.failure = UpstreamError("Later.")
    assert world.mailed() == []
    world.clock.advance(timedelta(minutes=2) - MOMENT)
    world.mail.failure = None
    assert world.mailed() == []
    world.clock.advance(MOMENT)
    assert len(world.mailed()) == 1
    world.clock.advance(LEASE)
    assert world.mailed() == []
    world.fails(1)
    world.run("notify")
    world.clock.advance(GROUPED_FOR)
    world.mail.failure = MailRefused("No.")
    world.mailed()
    world.mail.failure = None
    world.clock.advance(timedelta(days=2))
    assert world.mailed() == []


def test_a_worker_that_dies_while_it_mails_has_it_sent_once_more(world: World) -> None:
    world.fails(0)
    world.run("notify")
    world.clock.advance(GROUPED_FOR)
    world.mail.failure = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        world.mailed()
    world.mail.failure = None
    world.clock.advance(LEASE - MOMENT)
    assert world.mailed() == []
    world.clock.advance(MOMENT)
    (first,) = world.mailed()
    assert first.key.startswith("ltr_")


def test_what_is_old_is_forgotten(world: World) -> None:
    world.fails(0)
    world.run("notify")
    world.clock.advance(KEPT_FOR)
    world.run("forget_notifications")
    assert len(world.titles("ada")) == 1
    world.clock.advance(MOMENT)
    world.run("forget_notifications")
    assert world.titles("ada") == []
