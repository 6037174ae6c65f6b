"""Mail servers on this machine: one that takes mail, and one that says what it is told to."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from attrs import define, field, frozen


@frozen
class Arrived:
    """A mail as a server got it."""

    sender: str
    recipients: Sequence[str]
    content: bytes
    over_tls: bool
    user: str | None
    greeted_by: str

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def text(self) -> str:
        return self.message.get_content().replace("\r\n", "\n")


@define
class MailBox:
    """What came in, by way of the hooks of aiosmtpd."""

    port: int = 0
    users: Mapping[str, str] = field(factory=dict)
    mails: list[Arrived] = field(factory=list)

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(
            Arrived(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                content=envelope.content,
                over_tls=server.transport.get_extra_info("sslcontext") is not None,
                user=session.auth_data,
                greeted_by=session.host_name or "",
            )
        )
        return "250 taken"

    def authenticate(self, _: Any, session: Any, __: Any, how: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        user, password = given.login.decode(), given.password.decode()
        known = self.users.get(user) == password
        return AuthResult(success=known, handled=False, auth_data=user)


@contextlib.contextmanager
def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    users: Mapping[str, str] | None = None,
    ways: Sequence[str] = ("PLAIN", "LOGIN"),
    utf8: bool = True,
) -> Iterator[MailBox]:
    """On 127.0.0.1. ``ways`` are those to sign in, where there are ``users``."""
    box = MailBox(users=users or {})

    def speak() -> SMTP:
        return SMTP(
            box,
            ident="test",
            hostname="localhost",
            enable_SMTPUTF8=utf8,
            tls_context=starttls,
            authenticator=box.authenticate if users else None,
            auth_require_tls=False,
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(ways),
            loop=loop,
        )

    listener = socket.create_server(("127.0.0.1", 0))
    box.port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(speak, sock=listener, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


SILENCE = b""
USUAL: Mapping[str, bytes] = {
    "greeting": b"220 ready\r\n",
    "EHLO": b"250 at your service\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go on\r\n",
    ".": b"250 taken\r\n",
    "RSET": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}


@define
class Script:
    """What a server was told, line by line."""

    port: int = 0
    lines: list[str] = field(factory=list)

    @property
    def verbs(self) -> Sequence[str]:
        return [line.partition(" ")[0].upper() for line in self.lines]


@contextlib.contextmanager
def scripted_server(**replies: bytes) -> Iterator[Script]:
    """Answers one client as usual, but for ``replies``, by command (``DOT`` for the end of the
    content). After ``SILENCE`` it says no more."""
    told = dict(USUAL) | {"." if name == "DOT" else name: said for name, said in replies.items()}
    script = Script()
    listener = socket.create_server(("127.0.0.1", 0))
    script.port = listener.getsockname()[1]

    def serve() -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client, client.makefile("rb") as lines:
                client.sendall(told["greeting"])
                _answer(client, lines, told, script)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield script
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _answer(client: socket.socket, lines: Any, told: Mapping[str, bytes], script: Script) -> None:
    in_content = False
    for line in lines:
        text = line.decode(errors="replace").rstrip("\r\n")
        script.lines.append(text)
        if in_content and text != ".":
            continue
        verb = text.partition(" ")[0].upper()
        client.sendall(told.get(verb, b"500 what?\r\n"))
        in_content = verb == "DATA" and told["DATA"].startswith(b"354")
