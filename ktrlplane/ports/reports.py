"""What became of resources, and what reconcilers have said of them and nobody has heeded yet."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.transitions import Transition


class Transitions(Protocol):
    @abstractmethod
    def add(self, transitions: Sequence[Transition]) -> None:
        """In one round trip."""

    @abstractmethod
    def of(self, resource_id: ResourceId, page: PageRequest) -> Page[Transition]:
        """Sorted by time, whichever sort is asked for."""


@frozen(kw_only=True)
class Waiting:
    """A report as it came in: nobody has looked at it yet, and nothing of it need be right.

    ``generation`` is the one that was wanted when it came, None where there was no such
    resource; ``was_deleting`` whether the resource was on its way out then.
    """

    report_id: int
    resource_id: str
    health: str
    observed_generation: int | None
    message: str | None
    access_url: str | None
    generation: int | None
    was_deleting: bool


@frozen(kw_only=True)
class Refused:
    """A report that could not be heeded, and how often the like came; the message is that of
    the last one."""

    resource_id: str
    health: str
    code: str
    message: str | None
    times: int
    first_at: datetime
    last_at: datetime


@frozen(kw_only=True)
class InboxCount:
    """``refused`` counts each that could not be heeded, for as long as the like is kept."""

    waiting: int
    refused: int


class Inbox(Protocol):
    """Reports that wait, in the order in which they came."""

    @abstractmethod
    def put(
        self,
        resource_id: str,
        health: str,
        *,
        observed_generation: int | None = None,
        message: str | None = None,
        access_url: str | None = None,
    ) -> None:
        """Takes anything, as ``ktrlplane.report_status`` in SQL does."""

    @abstractmethod
    def waiting(self, limit: int) -> Sequence[str]:
        """Whom there are reports about, those who wait longest first."""

    @abstractmethod
    def take(self, resource_id: str, limit: int) -> Sequence[Waiting]:
        """The oldest about one resource, which are no longer there. Who does something about
        them holds the resource's tenant first, so that nobody else takes the next ones."""

    @abstractmethod
    def refuse(self, report: Waiting, code: str, at: datetime) -> None:
        """Keeps and counts one that was taken."""

    @abstractmethod
    def refused(self, limit: int) -> Sequence[Refused]:
        """The latest first."""

    @abstractmethod
    def count(self) -> InboxCount: ...

    @abstractmethod
    def forget_refused(self, before: datetime) -> int:
        """Drops those that have not come again since then; how many."""
