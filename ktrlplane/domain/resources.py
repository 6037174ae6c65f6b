"""Resources: managed instances of products, and the life they lead."""

import enum
from datetime import datetime
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import InvalidTransition
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.naming import is_a_name


class Status(enum.StrEnum):
    CREATING = "Creating"
    RUNNING = "Running"
    UPDATING = "Updating"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    DELETING = "Deleting"
    DELETED = "Deleted"


_ALIVE: Final = {
    Status.RUNNING,
    Status.UPDATING,
    Status.DEGRADED,
    Status.FAILED,
    Status.SUSPENDED,
    Status.DELETING,
}

MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.CREATING: frozenset(_ALIVE - {Status.UPDATING}),
    Status.RUNNING: frozenset(_ALIVE - {Status.RUNNING}),
    Status.UPDATING: frozenset(_ALIVE - {Status.UPDATING}),
    Status.DEGRADED: frozenset(_ALIVE - {Status.DEGRADED}),
    Status.FAILED: frozenset(_ALIVE - {Status.FAILED} | {Status.CREATING}),
    Status.SUSPENDED: frozenset(_ALIVE - {Status.SUSPENDED}),
    Status.DELETING: frozenset({Status.DELETED}),
    Status.DELETED: frozenset(),
}
"""Which status may follow which (product.md R4.1). Nothing leaves Deleted."""


class Health(enum.StrEnum):
    """A reconciler's words, those of Argo CD."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


@frozen(kw_only=True)
class Condition:
    """One observation of a reconciler about a resource, as Kubernetes writes them."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_at: datetime | None = None


@frozen(kw_only=True)
class Resource:
    """``generation`` counts the changes of sku and settings; ``observed_generation`` is the
    newest that the reconciler has spoken of, 0 while it has not spoken."""

    resource_id: ResourceId
    project_id: ProjectId
    org_id: OrganizationId | None
    name: str = field(validator=is_a_name)
    type: str
    sku: str
    settings_json: Document
    status: Status = Status.CREATING
    status_reason: str | None = None
    generation: int = 1
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    access_url: str | None = None
    error_message: str | None = None
    stripe_price_id: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def path(self) -> tuple[Scope, ...]:
        """From the organization down to the resource."""
        above = () if self.org_id is None else (Scope.of(self.org_id),)
        return (*above, Scope.of(self.project_id), Scope.of(self.resource_id))

    def require_alive(self) -> None:
        """Raises: InvalidTransition."""
        if self.status in (Status.DELETING, Status.DELETED):
            raise InvalidTransition(
                f"Resource {self.resource_id} is {self.status}; it cannot change any more."
            )

    def changed(self, *, name: str, sku: str, settings: Document, now: datetime) -> Self:
        """With these wishes. A new sku or new settings begin a new generation (R4.2).

        A new name alone does not move ``updated_at``: no reconciler need see it (R4.4).

        Raises: InvalidTransition.
        """
        self.require_alive()
        if sku == self.sku and settings == self.settings_json:
            return self.renamed(name)
        settled = self.status in (Status.CREATING, Status.SUSPENDED, Status.UPDATING)
        return evolve(
            self,
            name=name,
            sku=sku,
            settings_json=settings,
            generation=self.generation + 1,
            status=self.status if settled else Status.UPDATING,
            updated_at=now,
        )

    def renamed(self, name: str) -> Self:
        """Raises: InvalidTransition."""
        self.require_alive()
        return evolve(self, name=name)

    def deleting(self, now: datetime) -> Self:
        """On its way out; the reconciler must see it. Raises: InvalidTransition."""
        return evolve(self.moved_to(Status.DELETING), updated_at=now)

    def moved_to(self, status: Status, *, reason: str | None = None) -> Self:
        """As observed: ``updated_at`` stays, or a report would trigger the next (R4.4).

        Raises: InvalidTransition.
        """
        if status not in MOVES[self.status]:
            raise InvalidTransition(f"A resource cannot go from {self.status} to {status}.")
        return evolve(self, status=status, status_reason=reason)
