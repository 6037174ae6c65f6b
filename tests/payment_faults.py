"""A payment provider that fails at whatever call, before or after it has done what it was asked,
and a process that dies there."""

import enum
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from attrs import define, field

from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.domain.errors import OutcomeUnknown, UpstreamError
from ktrlplane.ports.payments import Payments

T = TypeVar("T")


class Fault(enum.Enum):
    NONE = "none"
    REFUSED = "refused"
    """It fails, and has done nothing."""
    LOST = "lost"
    """It has done it, and its answer is lost."""
    TIMED_OUT = "timed out"
    """It has done nothing, and there is no answer."""
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    """Whoever asks dies: nothing of what they would have done next is done."""


class Killed(BaseException):
    """No ``Exception``: nothing in the program can hold it up."""


READS: Final = frozenset(
    {
        *("customer", "payment_methods", "subscription", "subscriptions", "invoices", "preview"),
        *("prices", "known_prices", "products", "meters"),
    }
)


@define(slots=False)
class FaultyPayments:
    """``reads_coming`` and ``writes_coming`` are the faults of the next calls, one each; ``met``
    counts those that there have been, by call."""

    there: MemoryPayments
    reads_coming: deque[Fault] = field(factory=deque)
    writes_coming: deque[Fault] = field(factory=deque)
    met: Counter[tuple[str, Fault]] = field(factory=Counter)
    calls: int = 0

    def __getattr__(self, name: str) -> Any:
        act = getattr(self.there, name)
        if name not in READS and not hasattr(Payments, name):
            return act

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._with_fault(name, lambda: act(*args, **kwargs))

        return call

    def _with_fault(self, name: str, act: Callable[[], T]) -> T:
        self.calls += 1
        coming = self.reads_coming if name in READS else self.writes_coming
        fault = coming.popleft() if coming else Fault.NONE
        if fault is not Fault.NONE:
            self.met[name, fault] += 1
        if fault is Fault.REFUSED:
            raise UpstreamError("The payment provider failed.")
        if fault is Fault.DIES_BEFORE:
            raise Killed
        if fault is Fault.TIMED_OUT:
            raise OutcomeUnknown("The payment provider did not answer.")
        answer = act()
        if fault is Fault.DIES_AFTER:
            raise Killed
        if fault is Fault.LOST:
            raise OutcomeUnknown("The payment provider did not answer.")
        return answer
