"""The log of what happened: one chain for each tenant."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry, Head, Record
from ktrlplane.domain.events import Event
from ktrlplane.domain.ids import EventId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.paging import Page, PageRequest


@frozen(kw_only=True)
class EventFilter:
    """``types`` are patterns (see ``is_a_pattern``), of which one must match; None matches all.
    ``actor`` is the actor's id. ``since`` is included, ``until`` is not."""

    types: Sequence[str] | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    project_id: ProjectId | None = None
    resource_id: ResourceId | None = None


@frozen(kw_only=True)
class Chain:
    """What is known of a tenant's chain beside its entries: where it ends, and which entry was
    the last one to be pruned, if any (``pruned`` is the beginning otherwise). Entries are kept
    for ``retention_days``, at the least; None is without end."""

    tenant: Scope
    head: Head
    pruned: Head
    retention_days: int | None = None


class Events(Protocol):
    """What is added has its place in the chain of its tenant, without gaps, once the unit of work
    commits; nobody else waits for that tenant's chain but while this one commits."""

    @abstractmethod
    def add(self, events: Sequence[Event]) -> None:
        """In this order. They are not seen before the unit of work has ended."""

    @abstractmethod
    def find(self, event_id: EventId) -> Entry | None: ...

    @abstractmethod
    def of(self, scope: Scope, page: PageRequest, where: EventFilter) -> Page[Entry]:
        """All that happened to an organization, project or resource and to what was in it then;
        of the global scope, what belongs to no tenant. Sorted by time, whichever sort is asked
        for."""

    @abstractmethod
    def denied(self, principal: PrincipalId, since: datetime) -> int:
        """How often a principal was refused something from then on, as far as it is remembered."""

    @abstractmethod
    def chains(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        """The next ones after that of a tenant, in the order of their names as text."""

    @abstractmethod
    def chain(self, tenant: Scope) -> Chain | None:
        """None where nothing has happened yet."""

    @abstractmethod
    def entries(self, tenant: Scope, after: int, limit: int) -> Sequence[Entry]:
        """Of a tenant's chain, by number, the next ones after the one with number ``after``."""

    @abstractmethod
    def records(self, tenant: Scope, after: int, limit: int) -> Sequence[Record]:
        """The same entries as they are kept, whatever somebody has made of them."""

    @abstractmethod
    def last_before(self, tenant: Scope, at: datetime) -> int:
        """The number of the tenant's last entry before then, 0 where there is none."""

    @abstractmethod
    def retain(self, tenant: Scope, days: int | None) -> None:
        """For how long the tenant's entries are to be kept."""

    @abstractmethod
    def retained(self, after: Scope | None, limit: int) -> Sequence[Chain]:
        """As ``chains``, those whose entries are not kept without end."""

    @abstractmethod
    def prune(self, tenant: Scope, through: Head) -> int:
        """Forgets the tenant's entries up to ``through``, which stays known as the last one that
        was pruned. How many there were; another unit of work may have been faster."""
