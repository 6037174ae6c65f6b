"""Invitations go out by mail: once, unless it must be tried again."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from attrs import define, field

from ktrlplane import ControlPlane
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.mail import MemoryMail
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.entrypoints.jobs import LEASE, LETTERS, Outside, jobs_of
from ktrlplane.entrypoints.session import Session
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.mail import Mail, MailRefused, Message
from tests.builders import NOW

NEVER = threading.Event()
ORIGIN = "https://control.example.com"
TTL = timedelta(days=7)
ACME = OrganizationId("acme")


@define
class MoodyMail(Mail):
    """Does what its ``mood`` does first, and keeps what it took."""

    mood: Callable[[], None] = lambda: None
    inner: MemoryMail = field(factory=MemoryMail)

    def send(self, message: Message) -> None:
        self.mood()
        self.inner.send(message)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def control(clock: ManualClock) -> ControlPlane:
    return ControlPlane.in_memory(clock=clock, invitation_ttl=TTL)


@pytest.fixture
def ada(control: ControlPlane) -> Session:
    ada = control.sign_in("ada", email="ada@example.com", name="Ada")
    ada.create_organization(id="acme", name="Acme")
    return ada


@pytest.fixture
def mail() -> MoodyMail:
    return MoodyMail()


def invited(ada: Session, email: str = "grace@example.com") -> Invitation:
    view = ada.grant("Viewer", email=email, on=ACME)
    assert isinstance(view, InvitationView)
    return view.invitation


def present(ada: Session) -> Invitation:
    (view,) = ada.invitations(ACME).items
    return view.invitation


def send(control: ControlPlane, mail: Mail, stop: threading.Event = NEVER) -> bool:
    jobs = jobs_of(
        control.transact,
        control.platform,
        Outside(mail, control.container.delivery(), control.container.payments, ORIGIN),
    )
    (job,) = [job for job in jobs if job.name == "send_invitations"]
    return job.run(stop)


def refusing() -> None:
    raise MailRefused("No.")


def failing() -> None:
    raise UpstreamError("Later.")


def test_an_invitation_goes_out_once(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    made = invited(ada)
    assert made.sent_at is None
    for _ in range(3):
        assert not send(control, mail)
    (message,) = mail.inner.sent
    assert message.to == "grace@example.com"
    assert message.subject == "An invitation to Acme"
    said = 'Ada (ada@example.com) invites you to the organization "Acme", as Viewer.'
    assert said in message.text
    assert f"{ORIGIN}/invitations/{made.invitation_id}\n" in message.text
    assert "ends on 2026-01-08 at 00:00 UTC" in message.text
    assert present(ada).sent_at == clock.now()


def test_a_letter_says_how_long_the_role_lasts_and_no_address_that_is_not_proven(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    eve = control.sign_in("eve", email="ada@example.com", email_verified=False, name="Ada")
    control.grant("Owner", to="eve", on=ACME)
    until = clock.now() + timedelta(days=30)
    eve.grant("Viewer", email="grace@example.com", on=ACME, expires_at=until)
    send(control, mail)
    (message,) = mail.inner.sent
    said = 'Ada invites you to the organization "Acme", as Viewer, until 2026-01-31 at 00:00 UTC.'
    assert message.text.startswith(said)


def test_sent_again_it_is_another_mail(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    made = invited(ada)
    send(control, mail)
    clock.advance(timedelta(hours=1))
    again = ada.resend(made.invitation_id, on=ACME).invitation
    assert (again.sent_at, again.expires_at) == (None, clock.now() + TTL)
    send(control, mail)
    first, second = mail.inner.sent
    assert first.key != second.key


def test_what_no_server_takes_is_not_tried_again(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    invited(ada)
    mail.mood = refusing
    send(control, mail)
    mail.mood = lambda: None
    clock.advance(timedelta(days=1))
    send(control, mail)
    assert mail.inner.sent == ()
    assert (present(ada).sent_at, present(ada).mail_due_at) == (None, None)


def test_a_server_that_is_away_is_asked_again_at_growing_intervals(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    invited(ada)
    mail.mood = failing
    waits = []
    for _ in range(8):
        send(control, mail)
        due = present(ada).mail_due_at
        assert due is not None
        waits.append((due - clock.now()).total_seconds() / 60)
        clock.advance(due - clock.now())
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    mail.mood = lambda: None
    send(control, mail)
    assert len(mail.inner.sent) == 1


def test_who_dies_while_sending_has_it_sent_when_the_lease_ends(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    invited(ada)

    def dying() -> None:
        raise KeyboardInterrupt

    mail.mood = dying
    with pytest.raises(KeyboardInterrupt):
        send(control, mail)
    mail.mood = lambda: None
    clock.advance(LEASE - timedelta(seconds=1))
    send(control, mail)
    assert mail.inner.sent == ()
    clock.advance(timedelta(seconds=1))
    send(control, mail)
    assert len(mail.inner.sent) == 1


def test_one_that_is_revoked_expired_or_accepted_meanwhile_is_not_sent(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    revoked = invited(ada, "one@example.com")
    ada.revoke_invitation(revoked.invitation_id, on=ACME)
    invited(ada, "two@example.com")
    control.sign_in("two", email="two@example.com")
    invited(ada, "three@example.com")
    clock.advance(TTL)
    send(control, mail)
    assert mail.inner.sent == ()


def test_one_that_is_sent_anew_while_it_goes_out_goes_out_again(
    control: ControlPlane, ada: Session, mail: MoodyMail, clock: ManualClock
) -> None:
    made = invited(ada)

    def resending() -> None:
        mail.mood = lambda: None
        clock.advance(timedelta(seconds=5))
        ada.resend(made.invitation_id, on=ACME)

    mail.mood = resending
    send(control, mail)
    assert present(ada).mail_due_at == clock.now()
    send(control, mail)
    assert len({message.key for message in mail.inner.sent}) == 2


def test_a_stop_is_heard_between_two_of_them(
    control: ControlPlane, ada: Session, mail: MoodyMail
) -> None:
    for number in range(3):
        invited(ada, f"user-{number}@example.com")
    stop = threading.Event()
    mail.mood = stop.set
    send(control, mail, stop)
    assert len(mail.inner.sent) == 1
    send(control, mail)  # what was taken and not sent is there for the next at once
    assert len({message.to for message in mail.inner.sent}) == len(mail.inner.sent) == 3


def test_a_run_takes_a_handful_and_says_whether_there_are_more(
    control: ControlPlane, ada: Session, mail: MoodyMail
) -> None:
    for number in range(LETTERS + 1):
        invited(ada, f"user-{number}@example.com")
    assert send(control, mail)
    assert not send(control, mail)
    assert len({message.to for message in mail.inner.sent}) == LETTERS + 1


def test_names_that_people_chose_stay_within_their_lines(
    control: ControlPlane, ada: Session, mail: MoodyMail
) -> None:
    ada.update_organization("acme", name="{link} {0} %s Bcc: x@example.com")
    invited(ada)
    send(control, mail)
    (message,) = mail.inner.sent
    assert message.subject == "An invitation to {link} {0} %s Bcc: x@example.com"
    assert '"{link} {0} %s Bcc: x@example.com"' in message.text
