from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Final

from attrs import field, frozen

from ktrlplane.domain.addresses import Reach
from ktrlplane.domain.errors import ValidationFailed
from ktrlplane.domain.webhook_urls import target_of
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.delivery import Answered, Closed, Delivery, Failure, Outgoing

_CAPACITY: Final = 1000


@frozen
class Reply:
    """What a receiver answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)


Receiver = Callable[[Outgoing], Reply]
"""TimeoutError and ConnectionError stand for a receiver that does not answer; any other
exception is answered with 500, as a web server would."""


class MemoryDelivery(Delivery):
    """Hands requests to receivers in this process, in the sender's thread. The rest of the
    world has no address here."""

    capacity = _CAPACITY

    def __init__(self, clock: Clock, reach: Reach | None = None) -> None:
        self._clock, self._reach = clock, reach or Reach()
        self._lock = Lock()
        self._receivers: dict[str, Receiver] = {}
        self._closed = False

    def receive(self, url: str, receiver: Receiver) -> None:
        """From now on ``receiver`` has what is sent to exactly this URL."""
        with self._lock:
            self._receivers[url] = receiver

    def send(self, outgoing: Outgoing) -> Future[Answered]:
        with self._lock:
            if self._closed:
                raise Closed
            receiver = self._receivers.get(outgoing.url)
        future: Future[Answered] = Future()
        future.set_running_or_notify_cancel()
        future.set_result(self._answer(outgoing, receiver))
        return future

    def _answer(self, outgoing: Outgoing, receiver: Receiver | None) -> Answered:
        try:
            target_of(outgoing.url, self._reach)
        except ValidationFailed:
            return Answered(failure=Failure.REFUSED_ADDRESS)
        if receiver is None:
            return Answered(failure=Failure.UNRESOLVABLE)
        begun = self._clock.now()
        try:
            reply = _ask(receiver, outgoing)
        except TimeoutError:
            return Answered(failure=Failure.TIMEOUT)
        except ConnectionError:
            return Answered(failure=Failure.CONNECTION_FAILED)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        now = self._clock.now()
        duration_ms = max(0, round((now - begun).total_seconds() * 1000))
        retry = headers.get("retry-after")
        return Answered.read(reply.status, reply.body, retry, now=now, duration_ms=duration_ms)

    def close(self) -> None:
        with self._lock:
            self._closed = True


def _ask(receiver: Receiver, outgoing: Outgoing) -> Reply:
    """Raises: TimeoutError, ConnectionError."""
    try:
        return receiver(outgoing)
    except (TimeoutError, ConnectionError):
        raise
    except Exception as exc:  # noqa: BLE001
        return Reply(500, repr(exc).encode())
