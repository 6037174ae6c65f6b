"""The log of what happened: one chain for each tenant."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry, Head
from ktrlplane.domain.events import Event
from ktrlplane.domain.ids import EventId, PrincipalId
from ktrlplane.domain.paging import Page, PageRequest


@frozen(kw_only=True)
class EventFilter:
    """``types`` are patterns (see ``is_a_pattern``), of which one must match; None matches all.
    ``actor`` is the actor's id. ``since`` is included, ``until`` is not."""

    types: Sequence[str] | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@frozen(kw_only=True)
class Chain:
    """What is known of a tenant's chain beside its entries: where it ends, and which entry was
    the last one to be pruned, if any (``pruned`` is the beginning otherwise)."""

    tenant: Scope
    head: Head
    pruned: Head


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
