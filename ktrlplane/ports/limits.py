"""What the platform's operator has said in place of what tiers say."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import OverrideId
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.paging import Page, PageRequest


class LimitOverrides(Protocol):
    """Those that have ended are kept. Of the others there is at most one each scope, type,
    tier and limit, expired or not."""

    @abstractmethod
    def put(self, override: LimitOverride) -> None:
        """Adds it, or replaces the one with its id."""

    @abstractmethod
    def get(self, override_id: OverrideId) -> LimitOverride:
        """Raises: NotFound."""

    @abstractmethod
    def unended(
        self,
        scopes: Sequence[Scope],
        type: str,  # noqa: A002
        sku: str,
    ) -> Sequence[LimitOverride]:
        """On any of ``scopes``, of one tier, expired ones too."""

    @abstractmethod
    def of(
        self, scope: Scope | None, page: PageRequest, at: datetime | None
    ) -> Page[LimitOverride]:
        """On ``scope``, or on every one; only those that hold ``at`` that moment, if it is
        given. Sorted by time, whichever sort is asked for."""
