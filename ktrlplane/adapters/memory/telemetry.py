"""Backends that answer as they are told."""

from collections.abc import Callable, Collection
from concurrent.futures import Future

from attrs import define, field

from ktrlplane.domain.errors import DomainError, UpstreamError
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.ports.telemetry import Answer, Outgoing, Telemetry

NOTHING = Answer(
    status=200,
    media_type="application/json",
    beginning=b'{"status":"success","data":[]}',
)


@define
class MemoryTelemetry(Telemetry):
    """``asked`` are the queries so far, ``answer`` says what comes back (or raises it)."""

    backends: Collection[Backend] = tuple(Backend)
    answer: Callable[[Outgoing], Answer] = lambda _: NOTHING
    asked: list[Outgoing] = field(factory=list)
    _is_closed: bool = False

    def has(self, backend: Backend) -> bool:
        return backend in self.backends

    def ask(self, outgoing: Outgoing) -> Future[Answer]:
        future: Future[Answer] = Future()
        self.asked.append(outgoing)
        if self._is_closed or not self.has(outgoing.query.backend):
            future.set_exception(UpstreamError("There is no such backend here."))
            return future
        try:
            future.set_result(self.answer(outgoing))
        except DomainError as refusal:
            future.set_exception(refusal)
        return future

    def close(self) -> None:
        self._is_closed = True
