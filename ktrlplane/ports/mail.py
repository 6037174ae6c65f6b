"""Mail to people."""

import re
from abc import abstractmethod
from typing import Final, Protocol, Self

from attrs import field, frozen

from ktrlplane.domain.naming import MAX_EMAIL_LENGTH

MAX_LOCAL_BYTES: Final = 64
MAX_LABEL_LENGTH: Final = 63

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+")
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9\x80-\U0010ffff-]+(?<!-)")


def is_mailable(address: str) -> bool:
    """Whether mail can go there: one address without a name, a comment or quotes, in any
    script. Whether somebody reads it, only a message tells."""
    local, at, host = address.rpartition("@")
    labels = host.split(".")
    return bool(
        at
        and len(address) <= MAX_EMAIL_LENGTH
        and address.isprintable()
        and len(local.encode()) <= MAX_LOCAL_BYTES
        and all(map(_ATOM.fullmatch, local.split(".")))
        and all(map(_LABEL.fullmatch, labels))
        and not labels[-1].isdecimal()
        and max(map(len, labels)) <= MAX_LABEL_LENGTH
    )


def _is_a_line(_: object, __: object, value: str) -> None:
    if _CONTROL.search(value) or not value.strip():
        raise ValueError("An address, a subject and a key are one line, and not blank.")


def _has_an_encoding(_: object, __: object, value: str) -> None:
    value.encode()


@frozen(kw_only=True)
class Message:
    """The same ``key`` says that it is the same message, sent again. ``text`` is what people
    read; its lines end in a line feed. ``html`` is the same for programs that show it, where
    there is any. Raises ValueError, with the rule, for what cannot be."""

    to: str = field(validator=_is_a_line)
    subject: str = field(validator=_is_a_line)
    text: str = field(validator=_has_an_encoding, repr=False)
    html: str = field(default="", validator=_has_an_encoding, repr=False)
    key: str = field(validator=_is_a_line)


_SENDER: Final = re.compile(r"(?P<name>[^<>\"]+) <(?P<address>[^<>]+)>")


@frozen
class Sender:
    """``address`` is in ASCII, so that every server takes it. Raises ValueError."""

    address: str = field()
    name: str = field(default="")

    @classmethod
    def read(cls, text: str) -> Self:
        """``address`` or ``name <address>``, as ``str()`` writes it. Raises: ValueError."""
        named = _SENDER.fullmatch(text)
        return cls(named["address"], named["name"].strip()) if named else cls(text)

    @address.validator
    def _is_mailable(self, _: object, value: str) -> None:
        if not (value.isascii() and is_mailable(value)):
            raise ValueError("Mail comes from an address in ASCII, such as no-reply@example.com.")

    @name.validator
    def _has_no_breaks(self, _: object, value: str) -> None:
        if _CONTROL.search(value):
            raise ValueError("A sender's name is one line.")

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class MailRefused(Exception):
    """This message will not be taken however often it is sent.

    ``str()`` is a sentence for a person. It repeats nothing of what a server said.
    """


def refuse_unmailable(address: str) -> None:
    """Raises: MailRefused."""
    if not is_mailable(address):
        raise MailRefused("No mail can be sent to this address; correct it.")


class Mail(Protocol):
    @abstractmethod
    def send(self, message: Message) -> None:
        """Returns once somebody else has taken the message on.

        It may arrive more than once: where the word that it was taken is lost, this raises,
        and it is sent again. What arrives of the same key can be told to be the same. To be
        called outside of units of work, since it may last as long as a server is slow.

        Raises: MailRefused, where sending it again would not help; UpstreamError, where it
        may, later.
        """
