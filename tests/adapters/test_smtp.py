import logging
import socket
import ssl
import time
from collections.abc import Callable
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
import trustme
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.adapters.mail import SmtpMail, connections
from ktrlplane.adapters.mail.servers import MailServer
from ktrlplane.adapters.memory.clock import START, ManualClock
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.ports.mail import MailRefused, Message, Sender, is_mailable
from tests.mail_servers import SILENCE, Arrived, mail_server, scripted_server

PASSWORD = "pässwörd:@/%"
ENCODED = "p%C3%A4ssw%C3%B6rd%3A%40%2F%25"
INVITED = Message(
    to="grace@example.com", subject="Join Acme", text="https://kp.example.com/i/1\n", key="inv_1/1"
)
SENDER = Sender("no-reply@kp.example.com", "KtrlPlane")
USERS = {"mailer": PASSWORD}


def mail_by(url: str, *, sender: Sender = SENDER, tls: ssl.SSLContext | None = None) -> SmtpMail:
    return SmtpMail(url, ManualClock(), sender=sender, tls=tls)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def identity(authority: trustme.CA) -> ssl.SSLContext:
    """Of a server at ``localhost``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client has that knows the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STEP_S", 0.05)
    monkeypatch.setattr(connections, "WHOLE_S", 0.3)


def taken(send: Callable[[SmtpMail], None], sender: Sender = SENDER) -> Arrived:
    """The one mail that a server of its own has after that."""
    with mail_server() as box:
        send(mail_by(f"smtp://127.0.0.1:{box.port}", sender=sender))
        (arrived,) = box.mails
        return arrived


# What arrives


def test_the_headers_say_what_a_machine_has_sent() -> None:
    message = taken(lambda mail: mail.send(INVITED)).message
    assert message["From"] == "KtrlPlane <no-reply@kp.example.com>"
    assert message["To"] == "grace@example.com"
    assert message["Date"].datetime == START
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert message.defects == []
    assert len(message.keys()) == len(set(message.keys())) == 9


def test_the_id_of_a_message_is_made_of_its_key_alone() -> None:
    other = evolve(INVITED, to="ada@example.com", subject="x", text="y")
    one, same = (taken(lambda mail, m=m: mail.send(m)).message for m in (INVITED, other))
    assert one["Message-ID"] == same["Message-ID"]
    assert one["Message-ID"].endswith("@kp.example.com>")


@pytest.mark.parametrize("key", ["<a@b>", "a b>\\", "schlüssel", "k" * 5000])
def test_any_key_makes_a_lawful_id(key: str) -> None:
    message = taken(lambda mail: mail.send(evolve(INVITED, key=key))).message
    local, at, host = message["Message-ID"].partition("@")
    assert local.startswith("<")
    assert local[1:].isalnum()
    assert (at, host) == ("@", "kp.example.com>")


def test_the_envelope_has_one_sender_and_one_recipient() -> None:
    arrived = taken(lambda mail: mail.send(INVITED))
    assert arrived.sender == "no-reply@kp.example.com"
    assert arrived.recipients == ("grace@example.com",)


@pytest.mark.parametrize(
    "name",
    [
        "Acme, Inc. (EU)",
        'The "Best" \\ Co',
        "Ünïted 東京",
        "=?utf-8?q?a=0D=0ABcc:_x@example.com?=",
        "N" * 60,
        " . ",
    ],
)
def test_a_sender_may_have_any_name(name: str) -> None:
    message = taken(lambda mail: mail.send(INVITED), evolve(SENDER, name=name)).message
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, SENDER.address)
    assert "Bcc" not in message


def test_a_long_name_is_whole_again_once_it_is_decoded() -> None:
    name = "Wörd " * 30 + "end"
    content = taken(lambda mail: mail.send(INVITED), evolve(SENDER, name=name)).content
    # Not by the newer policies: they put a space between encoded words of a name.
    header = message_from_bytes(content)["From"]
    assert str(make_header(decode_header(header))) == f"{name} <{SENDER.address}>"


def test_a_sender_needs_no_name() -> None:
    message = taken(lambda mail: mail.send(INVITED), evolve(SENDER, name="")).message
    assert message["From"] == "no-reply@kp.example.com"


@pytest.mark.parametrize("text", ["é\r\nb\rc\nd", "é\r\nb\r\nc\r\nd\r\n"])
def test_lines_end_as_lines_end_in_mail(text: str) -> None:
    arrived = taken(lambda mail: mail.send(evolve(INVITED, text=text)))
    assert arrived.text == "é\nb\nc\nd\n"
    assert arrived.content.count(b"\n") == arrived.content.count(b"\r\n")
    assert arrived.content.count(b"\r") == arrived.content.count(b"\r\n")


def test_what_goes_over_the_wire_has_short_lines_of_ascii() -> None:
    message = evolve(INVITED, subject="ü" * 500, text="é" * 5000 + "x" * 5000)
    named = evolve(SENDER, name="Wörd " * 13)
    content = taken(lambda mail: mail.send(message), named).content
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 76


# Addresses


def test_a_domain_of_other_signs_needs_nothing_of_the_server() -> None:
    with mail_server(utf8=False) as box:
        mail = mail_by(f"smtp://127.0.0.1:{box.port}")
        mail.send(evolve(INVITED, to="grace@Straße.example"))
        (arrived,) = box.mails
    assert arrived.recipients == ("grace@xn--strae-oqa.example",)
    assert arrived.message["To"] == "grace@xn--strae-oqa.example"


def test_other_signs_before_the_at_go_to_servers_that_know_them() -> None:
    arrived = taken(lambda mail: mail.send(evolve(INVITED, to="grâce@bücher.example")))
    assert arrived.recipients == ("grâce@xn--bcher-kva.example",)
    assert "To: grâce@xn--bcher-kva.example\r\n".encode() in arrived.content


def test_other_signs_before_the_at_are_refused_where_the_server_does_not_know_them() -> None:
    with mail_server(utf8=False) as box:
        mail = mail_by(f"smtp://127.0.0.1:{box.port}")
        with pytest.raises(MailRefused, match="ASCII"):
            mail.send(evolve(INVITED, to="grâce@example.com"))
        assert box.mails == []


def test_only_what_needs_it_is_sent_as_international() -> None:
    extension = b"250-here\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
    for to, asked in (("grace@bücher.example", False), ("grâce@example.com", True)):
        with scripted_server(EHLO=extension) as script:
            mail_by(f"smtp://127.0.0.1:{script.port}").send(evolve(INVITED, to=to))
        (command,) = (line for line in script.lines if line.startswith("mail"))
        assert ("SMTPUTF8" in command) == asked


@pytest.mark.parametrize(
    "host", ["a\uff20b.example", "x\uff1e.example", "☕.example", "a\u3002\u3002ü", "\u3002"]
)
def test_a_domain_that_cannot_be_is_refused_without_a_server(host: str) -> None:
    with pytest.raises(MailRefused):
        mail_by("smtp://127.0.0.1:1").send(evolve(INVITED, to=f"grace@{host}"))


ADDRESSES = st.builds(
    "{}@{}".format,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
    st.sampled_from(["example.com", "localhost", "bücher.example"]),
).filter(is_mailable)


@given(address=ADDRESSES)
def test_smtplib_takes_an_address_for_what_it_is(address: str) -> None:
    # It looks for a name and a comment in it, and would leave them out.
    assert connections.smtplib.quoteaddr(address) == f"<{address}>"


# Encryption


def test_encryption_begins_with_the_first_byte(
    identity: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with mail_server(tls=identity) as box:
        mail_by(f"smtps://localhost:{box.port}", tls=trusting).send(INVITED)
        assert [mail.over_tls for mail in box.mails] == [True]


@pytest.mark.parametrize("query", ["", "?starttls=required"])
def test_encryption_begins_where_it_is_offered(
    identity: ssl.SSLContext, trusting: ssl.SSLContext, query: str
) -> None:
    with mail_server(starttls=identity) as box:
        mail_by(f"smtp://localhost:{box.port}{query}", tls=trusting).send(INVITED)
        assert [mail.over_tls for mail in box.mails] == [True]


def test_encryption_can_be_declined(identity: ssl.SSLContext) -> None:
    with mail_server(starttls=identity) as box:
        mail_by(f"smtp://localhost:{box.port}?starttls=never").send(INVITED)
        assert [mail.over_tls for mail in box.mails] == [False]


def test_nothing_is_sent_where_required_encryption_is_not_offered() -> None:
    with (
        scripted_server() as script,
        pytest.raises(UpstreamError, match="offers no encryption"),
    ):
        mail_by(f"smtp://127.0.0.1:{script.port}?starttls=required").send(INVITED)
    assert script.verbs == ["EHLO"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize(
    ("host", "knows_the_authority"), [("localhost", False), ("127.0.0.1", True)]
)
def test_a_certificate_that_proves_nothing_ends_it(
    scheme: str,
    host: str,
    knows_the_authority: bool,  # noqa: FBT001
    identity: ssl.SSLContext,
    trusting: ssl.SSLContext,
) -> None:
    which = {"tls": identity} if scheme == "smtps" else {"starttls": identity}
    with mail_server(**which, users=USERS) as box:
        url = f"{scheme}://mailer:{ENCODED}@{host}:{box.port}"
        mail = mail_by(url, tls=trusting if knows_the_authority else None)
        with pytest.raises(UpstreamError, match="prove by a certificate"):
            mail.send(INVITED)
        assert box.mails == []


def test_a_server_that_offers_encryption_and_refuses_it_gets_nothing(
    identity: ssl.SSLContext,
) -> None:
    with (
        scripted_server(EHLO=b"250-here\r\n250 STARTTLS\r\n", STARTTLS=b"454 later\r\n") as script,
        pytest.raises(UpstreamError),
    ):
        mail_by(f"smtp://127.0.0.1:{script.port}").send(INVITED)
    assert "MAIL" not in script.verbs


# Signing in


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
def test_a_user_signs_in_with_a_password_of_any_signs(way: str) -> None:
    with mail_server(users=USERS, ways=[way]) as box:
        mail_by(f"smtp://mailer:{ENCODED}@127.0.0.1:{box.port}").send(INVITED)
        assert [mail.user for mail in box.mails] == ["mailer"]


def test_a_user_signs_in_after_encryption(
    identity: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    with mail_server(users=USERS, starttls=identity) as box:
        mail_by(f"smtp://mailer:{ENCODED}@localhost:{box.port}", tls=trusting).send(INVITED)
        assert [(mail.user, mail.over_tls) for mail in box.mails] == [("mailer", True)]


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_told_and_not_repeated(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server(users=USERS, ways=[way]) as box:
        mail = mail_by(f"smtp://mailer:s3cret@127.0.0.1:{box.port}")
        with pytest.raises(UpstreamError, match="user and password") as refused:
            mail.send(INVITED)
        assert box.mails == []
    assert refused.value.__suppress_context__
    assert refused.value.__cause__ is None
    told = f"{refused.value!r}{caplog.text}{[vars(record) for record in caplog.records]}{mail!r}"
    assert "s3cret" not in told
    assert "mailer" not in told


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ehlo = b"250-here\r\n250 AUTH PLAIN\r\n"
    with (
        scripted_server(EHLO=ehlo, AUTH=b"535 no s3cret AG1haWxlcgBzM2NyZXQ=\r\n") as script,
        pytest.raises(UpstreamError, match="user and password"),
    ):
        mail_by(f"smtp://mailer:s3cret@127.0.0.1:{script.port}").send(INVITED)
    told = str([vars(record) for record in caplog.records])
    assert "535" in told
    assert "s3cret" not in told
    assert "AG1haWxlcgBzM2NyZXQ" not in told


@pytest.mark.parametrize("ways", [b"250 here\r\n", b"250-here\r\n250 AUTH XOAUTH2 GSSAPI\r\n"])
def test_a_server_without_a_known_way_to_sign_in_gets_nothing(ways: bytes) -> None:
    with (
        scripted_server(EHLO=ways) as script,
        pytest.raises(UpstreamError, match="no way to sign in"),
    ):
        mail_by(f"smtp://mailer:s3cret@127.0.0.1:{script.port}").send(INVITED)
    assert script.verbs == ["EHLO"]


def test_a_password_for_another_machine_waits_for_encryption() -> None:
    assert MailServer.at("smtp://u:p@mail.example.com").needs_tls
    assert not MailServer.at("smtp://u:p@localhost").needs_tls
    assert not MailServer.at("smtp://mail.example.com").needs_tls
    with pytest.raises(ValueError, match="this machine alone"):
        MailServer.at("smtp://u:p@mail.example.com?starttls=never")


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("smtp://mail.example.com", 25),
        ("smtp://u:p@mail.example.com", 587),
        ("smtps://mail.example.com", 465),
        ("smtps://[::1]:2465", 2465),
    ],
)
def test_a_server_is_at_its_usual_port(url: str, port: int) -> None:
    assert MailServer.at(url).port == port


@pytest.mark.parametrize(
    "url",
    ["http://h", "smtp://", "smtp://u@h", "smtp://:p@h", "smtps://u:@h", "smtp://u:s3cret%FF@h"],
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        MailServer.at(url)
    assert "s3cret" not in str(refused.value)


def test_a_server_that_is_shown_keeps_its_password_to_itself() -> None:
    shown = repr(MailServer.at("smtp://mailer:s3cret@mail.example.com"))
    assert "s3cret" not in shown
    assert "mailer" not in shown


# What goes wrong


LATER = [b"421 4.3.2 closing\r\n", b"450 4.2.0 greylisted\r\n", b"452 full\r\n"]
OURS = [b"530 sign in\r\n", b"550 5.7.1 relaying denied\r\n", b"nonsense\r\n"]
FOR_GOOD = [b"550 5.1.1 no such user\r\n", b"553 what?\r\n", b"552 5.2.2 full for ever\r\n"]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("reply", LATER + OURS)
def test_what_may_pass_is_for_later(stage: str, reply: bytes) -> None:
    replies = {stage: reply} | ({"HELO": reply} if stage == "EHLO" else {})
    with (
        scripted_server(**replies) as script,
        pytest.raises(UpstreamError, match=r"again later\.$") as refused,
    ):
        mail_by(f"smtp://127.0.0.1:{script.port}").send(INVITED)
    assert reply.decode().strip() not in str(refused.value)


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL"])
@pytest.mark.parametrize("reply", FOR_GOOD)
def test_what_a_server_has_against_us_is_for_later(stage: str, reply: bytes) -> None:
    replies = {stage: reply} | ({"HELO": reply} if stage == "EHLO" else {})
    with (
        scripted_server(**replies) as script,
        pytest.raises(UpstreamError, match=r"again later\.$"),
    ):
        mail_by(f"smtp://127.0.0.1:{script.port}").send(INVITED)


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("reply", FOR_GOOD)
def test_what_a_server_has_against_the_message_is_for_good(
    stage: str, reply: bytes, quiet: pytest.LogCaptureFixture
) -> None:
    with (
        scripted_server(**{stage: reply}) as script,
        pytest.raises(MailRefused) as refused,
    ):
        mail_by(f"smtp://127.0.0.1:{script.port}").send(INVITED)
    words = reply.decode().strip().partition(" ")[2]
    assert words not in str(refused.value)
    (record,) = (r for r in quiet.records if r.name.startswith("ktrlplane"))
    assert (vars(record)["key"], vars(record)["answer"]) == (INVITED.key, words)


@pytest.mark.parametrize(
    "reply", [b"500 what?\r\n", b"421 no time\r\n", b"", b"\xff\xfe\r\n", b"x" * 9999]
)
@pytest.mark.usefixtures("impatient")
def test_what_was_taken_stays_taken_however_the_server_says_goodbye(reply: bytes) -> None:
    with scripted_server(QUIT=reply) as script:
        mail_by(f"smtp://127.0.0.1:{script.port}").send(INVITED)
    assert "." in script.lines


@pytest.mark.parametrize(
    "stage", ["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT"]
)
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(SILENCE, id="silence"),
        pytest.param(b"250-" + b"x" * 600 + b"\r\n" + b"250-more\r\n" * 20_000, id="no-end"),
        pytest.param(b"2" * 100_000, id="one-line"),
        pytest.param(b"\x16\x03\x01\x00\xff\r\n", id="junk"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_no_server_holds_us(stage: str, reply: bytes) -> None:
    offers = b"250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
    query = "" if stage == "STARTTLS" else "?starttls=never"
    replies = {"EHLO": offers, "AUTH": b"235 welcome\r\n", stage: reply}
    with (
        scripted_server(**replies) as script,
        pytest.raises(UpstreamError, match=r"again later\.$"),
    ):
        mail_by(f"smtp://u:p@127.0.0.1:{script.port}{query}").send(INVITED)


def test_a_server_that_says_a_byte_now_and_then_does_not_hold_us() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        replies = connections._Replies(ours, time.monotonic() + 0.05)
        theirs.sendall(b"2")
        assert replies.readinto(bytearray(64)) == 1
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            replies.readinto(bytearray(64))
        assert time.monotonic() - began < connections.STEP_S / 2
        theirs.sendall(b"2")
        with pytest.raises(TimeoutError):
            replies.readinto(bytearray(64))


def test_a_server_that_says_too_much_is_not_heard_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MAX_REPLIES_BYTES", 4)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"250-250-250-")
        replies = connections._Replies(ours, time.monotonic() + 60)
        assert replies.readinto(bytearray(4)) == 4
        with pytest.raises(TimeoutError):
            replies.readinto(bytearray(4))


@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_encrypts_does_not_hold_us() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(UpstreamError):
        mail_by(f"smtps://127.0.0.1:{listener.getsockname()[1]}").send(INVITED)


def test_a_server_that_is_not_there_is_for_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UpstreamError, match="cannot be reached"):
        mail_by(f"smtp://127.0.0.1:{port}").send(INVITED)


def test_a_host_that_cannot_be_is_for_later() -> None:
    with pytest.raises(UpstreamError, match="cannot be reached"):
        mail_by(f"smtp://{'x' * 64}.example:25").send(INVITED)


def test_after_a_failure_the_next_message_goes_out() -> None:
    with mail_server() as box:
        mail = mail_by(f"smtp://127.0.0.1:{box.port}")
        with pytest.raises(MailRefused):
            mail.send(evolve(INVITED, to="nobody"))
        mail.send(INVITED)
        assert len(box.mails) == 1


def test_a_machine_without_a_full_name_says_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections.socket, "gethostname", lambda: "box")
    assert taken(lambda mail: mail.send(INVITED)).greeted_by == "[127.0.0.1]"
    monkeypatch.setattr(connections.socket, "gethostname", lambda: "box.example.com")
    assert taken(lambda mail: mail.send(INVITED)).greeted_by == "box.example.com"
