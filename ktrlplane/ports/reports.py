"""What became of resources, and what reconcilers have said of them and nobody has heeded yet."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
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
class Addressee:
    """Whom reports wait about. ``tenant`` is the organization that it is in, or the project
    where there is none; None where there is no such resource."""

    resource_id: str
    tenant: Scope | None


REST: Final = "*"
"""Stands for the resource and the health in a count of what is not told apart any more."""


@frozen(kw_only=True)
class Refused:
    """A report that could not be heeded, and how often the like came; the message is that of
    the last one, None for the rest of them."""

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
    def waiting(self, after: str, limit: int) -> Sequence[Addressee]:
        """Whom there are reports about, by ``resource_id``, the next ones after ``after``. What
        it costs grows with ``limit`` and with nothing else."""

    @abstractmethod
    def take(self, about: Sequence[str], *, each: int, limit: int) -> Sequence[Waiting]:
        """The oldest about some resources, at most ``each`` about one of them, which are no
        longer there; in the order of ``about``, and of those about one resource the oldest
        first. Who does something about them holds the tenants first, so that nobody else takes
        the next ones."""

    @abstractmethod
    def refuse(self, reports: Sequence[tuple[Waiting, str]], at: datetime) -> None:
        """Keeps and counts some that were taken, each with a code that says why."""

    @abstractmethod
    def refuse_unknown(self, about: Sequence[str], code: str, at: datetime, limit: int) -> int:
        """Takes what waits about those that are no resources, and keeps and counts it; how much
        it was. What somebody else is taking is passed over."""

    @abstractmethod
    def sum_up_refused(self, kinds: int) -> int:
        """Tells only the latest ``kinds`` apart, and counts the others under ``REST``, those of
        one code together; how many kinds went."""

    @abstractmethod
    def refused(self, limit: int) -> Sequence[Refused]:
        """The latest first."""

    @abstractmethod
    def count(self) -> InboxCount: ...

    @abstractmethod
    def forget_refused(self, before: datetime) -> int:
        """Drops those that have not come again since then; how many."""
