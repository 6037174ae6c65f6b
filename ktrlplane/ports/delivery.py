"""Requests to the receivers of webhooks, who may be anybody."""

import enum
import re
from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from attrs import field, frozen

from ktrlplane.domain.webhook_answers import retry_after, shown

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_OF_THE_CONNECTION: Final = frozenset(
    (
        *("accept-encoding", "connection", "content-length", "expect", "host", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    )
)


class Failure(enum.StrEnum):
    """Why there is no answer. The words are kept and shown, and never change."""

    TIMEOUT = "timeout"
    REFUSED_ADDRESS = "refused_address"
    UNRESOLVABLE = "unresolvable"
    CONNECTION_FAILED = "connection_failed"
    TLS_FAILED = "tls_failed"
    INVALID_RESPONSE = "invalid_response"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Final = {
    Failure.TIMEOUT: "The receiver did not answer completely in time.",
    Failure.REFUSED_ADDRESS: (
        "The URL leads to an address where webhooks may not go; take one that is public."
    ),
    Failure.UNRESOLVABLE: "The name in the URL leads to no address; see that it is right.",
    Failure.CONNECTION_FAILED: (
        "The receiver took no connection, or ended it before it had answered."
    ),
    Failure.TLS_FAILED: (
        "The receiver does not prove by a certificate that it is the host of the URL; see that "
        "the certificate is valid, names the host, and comes with those in between."
    ),
    Failure.INVALID_RESPONSE: "What the receiver sent is no HTTP response, or not all of one.",
}


def _origin(url: str) -> str:
    """Without the rest, which may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "'...'"
    return repr(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/...")


@frozen(kw_only=True)
class Outgoing:
    """A POST. ``headers`` are without those that belong to the connection. Raises ValueError
    for ones that cannot be."""

    url: str = field(repr=_origin)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @headers.validator
    def _are_headers(self, _: object, value: Mapping[str, str]) -> None:
        for name, text in value.items():
            if _HEADER.fullmatch(name) is None or name.lower() in _OF_THE_CONNECTION:
                raise ValueError("A header has another name, or belongs to the connection.")
            if _VALUE.fullmatch(text) is None:
                raise ValueError("The value of a header is one line of ASCII.")


@frozen(kw_only=True)
class Answered:
    """What became of a request: a receiver's answer with its ``status``, or a ``failure``.

    3xx is an answer like others: nobody follows it. ``body`` is the beginning of the
    answer's, harmless to show. ``retry_after`` is what the receiver asks for, within bounds.
    """

    status: int | None = field(default=None)
    failure: Failure | None = None
    body: str = field(default="", repr=False)
    retry_after: timedelta | None = None
    duration_ms: int = 0

    @status.validator
    def _is_one_of_two(self, _: object, value: int | None) -> None:
        if (value is None) == (self.failure is None):
            raise ValueError("There is an answer, or there is none and a reason.")

    @classmethod
    def read(
        cls, status: int, body: bytes, retry: str | None, *, now: datetime, duration_ms: int
    ) -> Self:
        """From what a receiver sent; ``retry`` is its Retry-After."""
        return cls(
            status=status,
            body=shown(body),
            retry_after=retry_after(retry, now),
            duration_ms=duration_ms,
        )

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


class Unsent(Exception):
    """Nothing was sent, since others had all the room there is. It says nothing of the receiver:
    send it again."""


class Closed(Exception):
    """It is over. Of what was under way nobody knows whether it arrived."""


class Delivery(Protocol):
    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many requests are made at once; more wait their turn. A request's time begins
        with its turn, so whoever gives it no more than this has nobody wait."""

    @abstractmethod
    def send(self, outgoing: Outgoing) -> Future[Answered]:
        """Once, and at once: this does not wait for the answer, and no receiver can make
        another wait. Where a connection that was kept open turns out to be closed it is made
        again, so it may arrive twice.

        The future cannot be cancelled. Its callbacks hold up the others' answers while they
        run, so they hand over and return. It fails with Unsent and Closed alone.

        Raises: Closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends what is under way. May be called again."""
