import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrlplane.adapters.mail import LogMail, SmtpMail
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.mail import MemoryMail
from ktrlplane.ports.mail import Mail, MailRefused, Message, Sender, is_mailable
from tests.mail_servers import Arrived, mail_server

INVITED = Message(
    to="grace@example.com",
    subject="Join Acme",
    text="Ada invites you to Acme.\n\nhttps://kp.example.com/invitations/i1?token=a_b\n",
    key="inv_1/1",
)


@frozen
class Seen:
    """A message as its reader has it. ``identity`` is None where there is none to see."""

    to: str
    subject: str
    text: str
    identity: str | None


@frozen
class Post:
    """The port, and the adapter's own way to see what it did with a message."""

    mail: Mail
    seen: Callable[[], Sequence[Seen]]


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def in_memory() -> Iterator[Post]:
    mail = MemoryMail()
    yield Post(mail, lambda: [Seen(m.to, m.subject, m.text, m.key) for m in mail.sent])


def to_the_log() -> Iterator[Post]:
    logger, kept = logging.getLogger("ktrlplane.adapters.mail.log"), _Records()
    logger.addHandler(kept)
    yield Post(
        LogMail(),
        lambda: [Seen(r.to, r.subject, r.text, None) for r in kept.records],  # type: ignore[attr-defined]
    )
    logger.removeHandler(kept)


def by_smtp() -> Iterator[Post]:
    with mail_server() as box:
        sender = Sender("no-reply@kp.example.com", "KtrlPlane")
        mail = SmtpMail(f"smtp://127.0.0.1:{box.port}", ManualClock(), sender=sender)
        yield Post(mail, lambda: [_seen(arrived) for arrived in box.mails])


@cache
def _seen(mail: Arrived) -> Seen:
    message = mail.message
    return Seen(message["To"], message["Subject"], mail.text, message["Message-ID"])


@pytest.fixture(params=[in_memory, to_the_log, by_smtp], ids=["memory", "log", "smtp"])
def post(request: pytest.FixtureRequest) -> Iterator[Post]:
    yield from request.param()


def test_a_message_arrives_as_it_was_written(post: Post) -> None:
    post.mail.send(INVITED)
    (seen,) = post.seen()
    assert (seen.to, seen.subject, seen.text) == (INVITED.to, INVITED.subject, INVITED.text)


def test_messages_arrive_in_the_order_in_which_they_are_sent(post: Post) -> None:
    subjects = [f"Join {name}" for name in ("Acme", "Bolt", "Coil")]
    for subject in subjects:
        post.mail.send(evolve(INVITED, subject=subject, key=subject))
    assert [seen.subject for seen in post.seen()] == subjects


def test_what_is_sent_again_can_be_told_from_what_is_new(post: Post) -> None:
    for key in ("inv_1/1", "inv_1/1", "inv_1/2"):
        post.mail.send(evolve(INVITED, key=key))
    first, again, new = [seen.identity for seen in post.seen()]
    assert first == again
    assert first is None or first != new


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?Acme=0D=0ABcc:_mallory@example.com?=",
        "Join =?utf-8?b?QWNtZQ==?= now",
        "é =?utf-8?q?Acme=0D=0ABcc:_mallory@example.com?=",
        "Grüße aus 東京 👩‍👩‍👧",
        "Join " + "very " * 60 + "long",
        "x" * 1200,
        "ü" * 300,
        ' "quoted", <angled> (and so on); ',
        "\u202eevil\u2066",
        "a\x85b\u2028c\u2029d",
        "From: mallory@example.com",
    ],
)
def test_a_subject_is_only_ever_the_subject(post: Post, subject: str) -> None:
    post.mail.send(evolve(INVITED, subject=subject))
    (seen,) = post.seen()
    assert (seen.to, seen.subject, seen.text) == (INVITED.to, subject, INVITED.text)


@pytest.mark.parametrize(
    "text",
    [
        ".\n",
        "..\n.\n.x\n",
        "\n.\n\nQUIT\n",
        "From here on\n>From\n",
        "x" * 5000 + "\n",
        "a link: https://kp.example.com/" + "long/" * 400 + "\n",
        "Grüße, 東京, 👩‍👩‍👧\n",
        "spaces at the end   \nand tabs\t\n",
        "a=3D=\nb\n",
        "\n\n",
        "\x00\x07\x1b[31m\x7f\n",
        "a\x0bb\x0cc\x1cd\x85e\u2028f\n",
        "Subject: x\n\nMIME-Version: 2\n--boundary\n",
    ],
)
def test_a_text_arrives_sign_by_sign(post: Post, text: str) -> None:
    post.mail.send(evolve(INVITED, text=text))
    (seen,) = post.seen()
    assert seen.text == text


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    subject=st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\x7f")),
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r")),
)
def test_no_message_arrives_as_another(post: Post, subject: str, text: str) -> None:
    message = evolve(INVITED, subject=f"Join {subject}", text=f"{text}\n")
    post.mail.send(message)
    seen = post.seen()[-1]
    assert (seen.to, seen.subject, seen.text) == (message.to, message.subject, message.text)


UNMAILABLE = [
    "grace",
    "@example.com",
    "grace@",
    "a@example.com,b@example.com",
    "grace@example.com,mallory@evil.example",
    "grace@evil.example@example.com",
    '"grace hopper"@example.com',
    "grace(note)@example.com",
    "<grace@example.com>",
    "grace@example.com>",
    "grace@[127.0.0.1]",
    "grace@127.0.0.1",
    "grace @example.com",
    "grace\u00a0@example.com",
    ".grace@example.com",
    "gra..ce@example.com",
    "grace@-example.com",
    "grace@example..com",
    "grace@example.com.",
    "grace:x@example.com",
    "a;b@example.com",
    "gra\u202ece@example.com",
    f"{'g' * 65}@example.com",
    f"grace@{'e' * 64}.com",
    f"grace@{'e.' * 130}com",
]


@pytest.mark.parametrize("address", UNMAILABLE)
def test_what_is_no_single_address_is_refused_for_good(post: Post, address: str) -> None:
    assert not is_mailable(address)
    with pytest.raises(MailRefused, match="correct it"):
        post.mail.send(evolve(INVITED, to=address))
    assert post.seen() == []


@pytest.mark.parametrize(
    "address",
    [
        "Grace.Hopper+kp@mail.Example.com",
        "o'neill@example.com",
        "a!#$%&*/=?^_`{|}~-z@example.com",
        "root@localhost",
        "1@2.example",
        f"{'g' * 64}@{'e' * 63}.com",
    ],
)
def test_an_address_is_told_as_it_is(post: Post, address: str) -> None:
    assert is_mailable(address)
    post.mail.send(evolve(INVITED, to=address))
    assert [seen.to for seen in post.seen()] == [address]


@pytest.mark.parametrize("name", ["to", "subject", "key"])
@pytest.mark.parametrize("value", ["", " ", "a\r\nBcc: b@c.de", "a\nb", "a\rb", "a\0b", "\ud800"])
def test_what_is_a_line_has_no_breaks(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        evolve(INVITED, **{name: value})


def test_a_text_has_an_encoding() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        evolve(INVITED, text="\ud800")


def test_a_message_that_is_shown_keeps_its_text_to_itself() -> None:
    assert "token" not in repr(INVITED)


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("no-reply@example.com", Sender("no-reply@example.com")),
        ("Acme, Inc. <kp@example.com>", Sender("kp@example.com", "Acme, Inc.")),
        ("Ünïted <kp@example.com>", Sender("kp@example.com", "Ünïted")),
    ],
)
def test_a_sender_is_read_as_it_is_written(text: str, sender: Sender) -> None:
    assert Sender.read(text) == sender
    assert str(sender) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Acme",
        "Acme <kp>",
        "<kp@example.com>",
        "kö@example.com",
        "kp@exämple.com",
        "A <a@b.example> <kp@example.com>",
        'A "B" <kp@example.com>',
        "Acme\r\nBcc: b@c.example <kp@example.com>",
        "kp@example.com\r\nBcc: b@c.example",
    ],
)
def test_what_is_no_sender_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Mail comes from|one line"):
        Sender.read(text)
