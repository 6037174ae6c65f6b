"""What the workers leave for whoever watches over them, and what wakes them."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event
from typing import Protocol

from attrs import frozen


class Bell(Protocol):
    @abstractmethod
    def listen(self, ring: Callable[[], object], stop: Event) -> None:
        """Calls ``ring`` when a report has come in and whenever one may have been missed;
        returns soon after ``stop``. It may miss what it cannot hear: who is woken looks now
        and then all the same."""


@frozen(kw_only=True)
class JobRun:
    """How a job went last, in whichever worker. ``failures`` are those in a row."""

    job: str
    last_run_at: datetime
    last_success_at: datetime | None
    failures: int


class JobRuns(Protocol):
    @abstractmethod
    def record(self, job: str, at: datetime, failures: int) -> None: ...

    @abstractmethod
    def all(self) -> Sequence[JobRun]:
        """By name."""
