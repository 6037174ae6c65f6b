"""Resources: managed instances of products, and the life they lead."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import Fault, InvalidTransition, ValidationFailed
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import (
    ASKED,
    ENDED,
    GRACE_ENDED,
    REPORTED,
    STALLED,
    Hold,
    Request,
    Status,
)
from ktrlplane.domain.naming import is_a_name
from ktrlplane.domain.reports import STALLED_CONDITION, Condition, Report


@frozen(kw_only=True)
class Resource:
    """``generation`` counts what was wanted of it: sku and settings, being suspended or not,
    each new try. ``observed_generation`` is the newest that the reconciler has spoken of, 0
    while it has not spoken. ``holds`` are sorted."""

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
    holds: tuple[Hold, ...] = ()
    conditions: tuple[Condition, ...] = ()
    access_url: str | None = None
    error_message: str | None = None
    stripe_price_id: str | None = None
    came_unpriced: bool = False
    """From before there was billing, and nobody has looked yet what it costs."""
    created_at: datetime
    updated_at: datetime

    @property
    def path(self) -> tuple[Scope, ...]:
        """From the organization down to the resource."""
        above = () if self.org_id is None else (Scope.of(self.org_id),)
        return (*above, Scope.of(self.project_id), Scope.of(self.resource_id))

    def require_alive(self) -> None:
        """Raises: InvalidTransition."""
        if self.status in ENDED:
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
        asked = self._asked(Request.CHANGE, now)
        return evolve(asked, name=name, sku=sku, settings_json=settings)

    def renamed(self, name: str) -> Self:
        """Raises: InvalidTransition."""
        self.require_alive()
        return evolve(self, name=name)

    def suspended(self, hold: Hold, now: datetime) -> Self:
        """Out of service until ``hold`` is taken away. Raises: InvalidTransition."""
        self.require_alive()
        if hold in self.holds:
            return self
        suspended = self if self.holds else self._asked(Request.SUSPEND, now)
        holds = tuple(sorted((*self.holds, hold)))
        return evolve(suspended, holds=holds, status_reason=_HELD[holds[0]])

    def resumed(self, hold: Hold, now: datetime) -> Self:
        """Without ``hold``, and on its way back into service if nothing else holds it.
        Raises: InvalidTransition for what is not Suspended, or not by ``hold``."""
        left = tuple(one for one in self.holds if one is not hold)
        if not left:
            return evolve(self._asked(Request.RESUME, now), holds=())
        if left == self.holds:
            raise InvalidTransition(f"Resource {self.resource_id}: {_HELD[left[0]]}")
        return evolve(self, holds=left, status_reason=_HELD[left[0]])

    def retried(self, now: datetime) -> Self:
        """Asked for once more as it is. Raises: InvalidTransition for what has not failed."""
        return self._asked(Request.RETRY, now)

    def deleting(self, now: datetime) -> Self:
        """On its way out; the reconciler must see it. What is so already stays as it is."""
        if self.status in ENDED:
            return self
        return evolve(self._asked(Request.DELETE, now), generation=self.generation, holds=())

    def ended(self) -> Self:
        """Deleted, without anybody's word. Raises: InvalidTransition for what is not Deleting."""
        if self.status not in GRACE_ENDED:
            raise InvalidTransition(f"Resource {self.resource_id} is {self.status}, not Deleting.")
        return evolve(self, status=GRACE_ENDED[self.status], status_reason=None)

    def _asked(self, request: Request, now: datetime) -> Self:
        """What is wanted of it is new, so it is a new generation."""
        if self.status not in ASKED[request]:
            raise InvalidTransition(
                f"Resource {self.resource_id} is {self.status}; {_ADVICE[request]}."
            )
        status = ASKED[request][self.status]
        return evolve(
            self,
            status=status,
            status_reason=self.status_reason if status is self.status else None,
            error_message=self.error_message if status is self.status else None,
            generation=self.generation + 1,
            updated_at=max(now, self.updated_at + _A_MOMENT),
        )

    def reported(self, report: Report) -> Self:
        """As a reconciler says it is: ``updated_at`` stays, or a report would trigger the next
        (R4.4). What is late or told already changes nothing (R4.2).

        Raises: ValidationFailed for a generation that there has not been.
        """
        if report.observed_generation > self.generation:
            detail = f"The newest generation of {self.resource_id} is {self.generation}."
            raise ValidationFailed([Fault("/observed_generation", "unknown_generation", detail)])
        if self.status in ENDED:
            return self._reported_gone(report)
        if report.observed_generation < self.observed_generation:
            return self
        seen = evolve(
            self,
            observed_generation=report.observed_generation,
            access_url=report.access_url or self.access_url,
            conditions=self._observed(report),
        )
        if report.observed_generation < self.generation or self.holds:
            return seen
        return seen._arrived(report)  # noqa: SLF001

    def _observed(self, report: Report) -> tuple[Condition, ...]:
        """Who says nothing of having given up has not."""
        if report.conditions is None:
            return tuple(one for one in self.conditions if one.type != STALLED_CONDITION)
        return report.conditions

    def _reported_gone(self, report: Report) -> Self:
        """What was told of an older generation may have been told before it was to go."""
        if report.observed_generation < self.generation:
            return self
        status = REPORTED[report.health].get(self.status, self.status)
        return self if status is self.status else evolve(self, status=status, status_reason=None)

    def _arrived(self, report: Report) -> Self:
        table = STALLED if report.gives_up else REPORTED[report.health]
        status = table.get(self.status, self.status)
        is_bad = status in {Status.DEGRADED, Status.FAILED}
        reason = report.reason or (self.status_reason if status is self.status else None)
        return evolve(
            self,
            status=status,
            status_reason=reason,
            error_message=reason if is_bad else None,
        )


_A_MOMENT: Final = timedelta(microseconds=1)
"""Clocks of servers differ, and a reconciler that looks for what is newer must find it."""

_HELD: Final[Mapping[Hold, str]] = {
    Hold.PAYMENT: "It is suspended until it is paid for again; who manages its billing sees why.",
    Hold.REQUEST: "It is suspended until somebody resumes it.",
}

_ADVICE: Final[Mapping[Request, str]] = {
    Request.CHANGE: "it cannot change any more",
    Request.SUSPEND: "it cannot be suspended any more",
    Request.RESUME: "only what is Suspended can be resumed",
    Request.RETRY: "only what is Failed or Degraded can be tried again",
}
