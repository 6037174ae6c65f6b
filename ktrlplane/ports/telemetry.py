"""The backends that have the logs and metrics of all tenants (product.md R8)."""

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from attrs import field, frozen

from ktrlplane.domain.observability.backend_queries import Backend, BackendQuery


@frozen(kw_only=True)
class Outgoing:
    """A query on its way. ``compressed`` is whether the answer may be in gzip, ``categorized``
    whether one of logs tells the labels of lines apart from those of streams; ``trace`` names
    the request that it is part of (a ``traceparent`` of W3C Trace Context)."""

    query: BackendQuery
    compressed: bool = False
    categorized: bool = False
    trace: str = field(default="", repr=False)


class Body(Protocol):
    """What is left of an answer."""

    @abstractmethod
    def read(self, is_wanted: Callable[[], bool]) -> bytes:
        """The next part, at most about 128 KiB; empty at the end. ``is_wanted`` is asked now and
        then while it does not come. Raises: UpstreamError, also where nobody wants it any more;
        OutcomeUnknown."""

    @abstractmethod
    def close(self) -> None:
        """Ends the request at the backend. May be called again."""


@frozen(kw_only=True)
class Answer:
    """``beginning`` is all of it where ``rest`` is None. With ``compressed`` it is in gzip."""

    status: int
    media_type: str
    beginning: bytes = field(repr=False)
    rest: Body | None = None
    compressed: bool = False


class Telemetry(Protocol):
    @abstractmethod
    def has(self, backend: Backend) -> bool:
        """Whether the operator has set it up."""

    @abstractmethod
    def ask(self, outgoing: Outgoing) -> Future[Answer]:
        """At once: this does not wait. The future has an answer, whatever its status is, once
        all of it is here or a good part; or UpstreamError or OutcomeUnknown. Who cancels it ends
        the request at the backend."""

    @abstractmethod
    def close(self) -> None:
        """Ends what is under way. May be called again."""
