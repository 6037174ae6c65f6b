"""A message as it goes over the wire (RFC 5322, RFC 2045, RFC 2047).

The headers are written here and not by email.message: that reads encoded words in what one
sets, so that a thing named ``=?utf-8?q?=0D=0ABcc:...?=`` adds a header of its own choice.
"""

import hashlib
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from ktrlplane.ports.mail import Message, Sender

_WORD_BYTES: Final = 39
"""Of text in an encoded word: a line with one has at most 76 characters, "Subject: " too."""

_PLAIN_LENGTH: Final = 60


def composed(message: Message, *, sender: Sender, to: str, at: datetime) -> bytes:
    """``to`` is the address as the server is told it. Nothing but that has other than ASCII
    signs, and no line has more than 998."""
    headers = (
        ("From", _mailbox(sender)),
        ("To", to),
        ("Subject", _unstructured(message.subject)),
        ("Date", format_datetime(at)),
        ("Message-ID", message_id(message.key, sender)),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    )
    head = "".join(f"{field}: {value}\r\n" for field, value in headers)
    return head.encode() + _content(message)


def _content(message: Message) -> bytes:
    plain = _part("text/plain", message.text)
    if not message.html:
        return plain
    # The one that is to be shown comes last (RFC 2046 section 5.1.4). No line of a part is
    # the boundary: "=_" is in no quoted-printable text (RFC 2045 section 6.7).
    boundary = f"=_{hashlib.sha256(message.key.encode()).hexdigest()[:40]}"
    kind = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
    mark = f"--{boundary}"
    parts = (plain, _part("text/html", message.html))
    whole = b"".join(mark.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return kind.encode() + whole + mark.encode() + b"--\r\n"


def _part(kind: str, text: str) -> bytes:
    head = f"Content-Type: {kind}; charset=utf-8\r\n"
    return head.encode() + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + _body(text)


def message_id(key: str, sender: Sender) -> str:
    """The same for the same key, whatever signs it has."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:40]
    return f"<{digest}@{sender.address.rpartition('@')[2]}>"


def _body(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    return b2a_qp("".join(f"{line}\r\n" for line in lines).encode(), istext=True)


def _unstructured(text: str) -> str:
    return text if _is_plain(text) else _encoded(text)


def _mailbox(sender: Sender) -> str:
    if not sender.name:
        return sender.address
    name = sender.name
    if _is_plain(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{sender.address}>'
    return f"{_encoded(name)}\r\n <{sender.address}>"


def _is_plain(text: str) -> bool:
    """Whether it stands for itself: what looks encoded already would be read as something
    else, and spaces at an end would be lost."""
    visible = text.isascii() and text.isprintable() and text.strip() == text
    return visible and "=?" not in text and len(text) <= _PLAIN_LENGTH


def _encoded(text: str) -> str:
    words = (b64encode(part).decode() for part in _parts(text))
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _parts(text: str) -> Iterator[bytes]:
    """No character is cut in two: each encoded word is decoded by itself."""
    part = b""
    for sign in text:
        encoded = sign.encode()
        if len(part) + len(encoded) > _WORD_BYTES:
            yield part
            part = b""
        part += encoded
    yield part
