"""What reconcilers say of resources."""

from datetime import datetime
from typing import Final

from attrs import frozen

from ktrlplane.domain.lifecycle import Health

MAX_MESSAGE: Final = 4096
"""Characters; of a longer one the rest is not kept."""
STALLED_CONDITION: Final = "Stalled"


@frozen(kw_only=True)
class Condition:
    """One observation of a reconciler about a resource, as Kubernetes writes them."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_at: datetime | None = None


@frozen(kw_only=True)
class Report:
    """``observed_generation`` is the generation of the resource that the reconciler has seen
    and speaks of. Without ``conditions`` and ``access_url`` those known stay."""

    observed_generation: int
    health: Health
    message: str | None = None
    access_url: str | None = None
    conditions: tuple[Condition, ...] | None = None

    @property
    def gives_up(self) -> bool:
        """Whether the reconciler says that it will not get any further by itself."""
        return self._stalled is not None

    @property
    def reason(self) -> str | None:
        """Why it is so, as far as the reconciler says."""
        stalled = self._stalled
        return self.message or (None if stalled is None else stalled.message)

    @property
    def _stalled(self) -> Condition | None:
        for one in self.conditions or ():
            if one.type == STALLED_CONDITION and one.status == "True":
                return one
        return None
