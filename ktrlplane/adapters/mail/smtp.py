"""Mail by way of a mail server (RFC 5321)."""

import logging
import re
import smtplib
import ssl
from collections.abc import Sequence
from typing import Final

import idna

from ktrlplane.adapters.mail.composing import composed
from ktrlplane.adapters.mail.connections import NotEncrypted, NoWayToSignIn, connected
from ktrlplane.adapters.mail.servers import MailServer
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.mail import Mail, MailRefused, Message, Sender, refuse_unmailable

_FAILURES: Final = (smtplib.SMTPException, OSError, UnicodeError, NotEncrypted, NoWayToSignIn)
_SENTENCES: Final[Sequence[tuple[type[Exception], str]]] = (
    (ssl.SSLCertVerificationError, "The mail server does not prove by a certificate who it is."),
    (NotEncrypted, "The mail server offers no encryption, which there has to be."),
    (NoWayToSignIn, "The mail server offers no way to sign in that is known here."),
    (smtplib.SMTPAuthenticationError, "The mail server does not take the user and password."),
    (smtplib.SMTPSenderRefused, "The mail server does not take mail from the sender's address."),
    (smtplib.SMTPResponseException, "The mail server does not take mail at the moment."),
    (smtplib.SMTPRecipientsRefused, "The mail server does not take mail at the moment."),
    (Exception, "The mail server cannot be reached, or does not answer."),
)

_FOR_GOOD: Final = range(500, 600)
_SIGN_IN_FIRST: Final = 530
_POLICY: Final = re.compile(rb"5\.7\.\d")

_log = logging.getLogger(__name__)


class SmtpMail(Mail):
    """A connection for each message: there are few."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        sender: Sender,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Without ``tls`` the server is verified as the machine verifies servers.

        Raises: ValueError, for an address that is none; it repeats no secret.
        """
        self._server, self._clock, self._sender = MailServer.at(url), clock, sender
        self._tls = tls or ssl.create_default_context()

    def send(self, message: Message) -> None:
        to = _deliverable(message.to)
        content = composed(message, sender=self._sender, to=to, at=self._clock.now())
        try:
            with connected(self._server, self._tls) as connection:
                options = () if to.isascii() else _international(connection)
                connection.sendmail(self._sender.address, [to], content, options)
        except _FAILURES as failure:
            _tell(message, failure)
            # Without what was raised: it repeats what the server said.
            raise _refusal(failure) from None


def _deliverable(address: str) -> str:
    """The domain in ASCII, so that only who has other signs before the @ needs a server that
    knows them. By IDNA 2008: the codec of the standard library makes ``strasse`` of
    ``straße``, which may be somebody else's.

    Raises: MailRefused.
    """
    refuse_unmailable(address)
    local, _, host = address.rpartition("@")
    if host.isascii():
        return address
    try:
        host = idna.encode(host, uts46=True, std3_rules=True).decode()
    except UnicodeError:
        host = ""
    refuse_unmailable(f"{local}@{host}")
    return f"{local}@{host}"


def _international(connection: smtplib.SMTP) -> Sequence[str]:
    """RFC 6531. Raises: MailRefused."""
    if connection.has_extn("smtputf8"):
        return ("SMTPUTF8", "BODY=8BITMIME")
    raise MailRefused("The mail server takes only addresses with ASCII signs before the @.")


def _refusal(failure: Exception) -> MailRefused | UpstreamError:
    code, words = _answer(failure)
    if _is_for_good(code, words):
        if isinstance(failure, smtplib.SMTPRecipientsRefused):
            return MailRefused("The mail server refuses this address; see that it is right.")
        if isinstance(failure, smtplib.SMTPDataError):
            return MailRefused("The mail server refuses the message.")
    sentence = next(said for kind, said in _SENTENCES if isinstance(failure, kind))
    return UpstreamError(f"{sentence} The message can be sent again later.")


def _answer(failure: Exception) -> tuple[int, bytes]:
    """The server's, or 0 where it gave none."""
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        return next(iter(failure.recipients.values()))
    if isinstance(failure, smtplib.SMTPResponseException):
        words = failure.smtp_error
        return failure.smtp_code, words.encode() if isinstance(words, str) else words
    return 0, b""


def _is_for_good(code: int, words: bytes) -> bool:
    """Not where the server has something against us and not against this message: 530 and
    5.7.x (RFC 3463) are about passwords, encryption and policy, which somebody can set right."""
    ours = code == _SIGN_IN_FIRST or _POLICY.match(words) is not None
    return code in _FOR_GOOD and not ours


def _tell(message: Message, failure: Exception) -> None:
    code, words = _answer(failure)
    told: dict[str, str | int] = {"key": message.key, "failure": type(failure).__name__}
    if code:
        told |= {"code": code, "answer": words.decode(errors="replace")[:500]}
    _log.warning("mail_not_taken", extra=told)
