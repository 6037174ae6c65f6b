"""What the workers leave for whoever watches over them, and what wakes them."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event
from typing import Protocol

from ktrlplane.domain.jobs import JobRun


class Bell(Protocol):
    @abstractmethod
    def listen(self, ring: Callable[[], object], stop: Event) -> None:
        """Calls ``ring`` when a report has come in and whenever one may have been missed;
        returns soon after ``stop``. It may miss what it cannot hear: who is woken looks now
        and then all the same."""


class JobRuns(Protocol):
    @abstractmethod
    def record(self, job: str, at: datetime, failures: int) -> None:
        """``failures`` are those in a row of one worker: 0 is a success. The last to record is
        believed, also where its clock is behind: it may have been set right."""

    @abstractmethod
    def all(self) -> Sequence[JobRun]:
        """By name."""
