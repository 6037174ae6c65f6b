"""What the limits of tiers come to in one place (product.md R3.3)."""

from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.catalog import Enforcement
from ktrlplane.domain.ids import OverrideId, PrincipalId

RESOURCES: Final = "resources"
"""The limit on how many resources of a tier there may be; each other has its meter's name."""

MAX_MAXIMUM: Final = 2**53 - 1
"""The greatest whole number that every reader of JSON takes as it is (RFC 8259 section 6)."""


@frozen(kw_only=True)
class LimitOverride:
    """What the platform's operator says in place of a tier. ``maximum`` None is no limit.

    ``limit`` is ``resources``, or a meter. A meter's holds for each resource of the tier in
    ``scope``; that of resources for all of them together. ``created_by`` None is the command
    line. It holds until ``expires_at``, or until it is lifted or another takes its place at
    ``ended_at``; then it is kept, to tell what was once allowed.
    """

    override_id: OverrideId
    scope: Scope
    type: str
    sku: str
    limit: str
    maximum: int | None
    reason: str
    created_by: PrincipalId | None
    created_at: datetime
    expires_at: datetime | None = None
    ended_by: PrincipalId | None = None
    ended_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        is_over = self.expires_at is not None and self.expires_at <= moment
        return self.ended_at is None and not is_over

    def ended(self, *, by: PrincipalId | None, at: datetime) -> "LimitOverride":
        """What has ended already stays as it is."""
        return self if self.ended_at else evolve(self, ended_by=by, ended_at=at)


@frozen(kw_only=True)
class HeldLimit:
    """One limit as it holds now. ``usage`` None is not known: nothing was ever reported."""

    limit: str
    display_name: str
    unit: str
    scope: Scope
    maximum: int | None
    window: str
    enforcement: Enforcement
    usage: int | None = None
    is_overridden: bool = False

    @property
    def remaining(self) -> int | None:
        """None where there is no maximum; never less than nothing."""
        return None if self.maximum is None else max(0, self.maximum - (self.usage or 0))

    def allows(self, quantity: int) -> bool:
        """Whether ``quantity`` more may be used; a soft limit only warns."""
        if self.enforcement is Enforcement.SOFT or self.maximum is None:
            return True
        return (self.usage or 0) + quantity <= self.maximum
