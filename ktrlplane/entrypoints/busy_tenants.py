"""Waiting for tenants that others change again and again, without keeping anybody else waiting.

Who only tries whether a tenant is free may never meet the moment: those who wait for it are
served in turn, and one is always there. So a job passes over what is busy, and in between it
waits for one tenant alone, the one for which it has been waiting longest.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve, field, frozen

from ktrlplane.domain.access import Scope

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=1)
FIRST_PATIENCE_S: Final = 0.5
LONGEST_PATIENCE_S: Final = 2.0


@frozen
class _Wait:
    due: datetime
    failures: int = 0


@define
class Patience:
    """Which tenants were busy, and which of them it is time to wait for. A tenant is waited for
    after a second; each time in vain, longer, and after a pause that is twice as long."""

    first_s: float = FIRST_PATIENCE_S
    longest_s: float = LONGEST_PATIENCE_S
    _waits: dict[Scope, _Wait] = field(factory=dict)

    def passed_over(self, tenants: Collection[Scope], now: datetime) -> None:
        for tenant in tenants:
            self._waits.setdefault(tenant, _Wait(now + FIRST_PAUSE))

    def is_over(self, tenants: Collection[Scope]) -> None:
        """Their turn has come, or nothing is to be done for them any more."""
        for tenant in tenants:
            self._waits.pop(tenant, None)

    def keep_only(self, tenants: Collection[Scope]) -> None:
        self.is_over(self._waits.keys() - set(tenants))

    def next(self, tenants: Collection[Scope], now: datetime) -> tuple[Scope, float] | None:
        """Whom to wait for among these, and for how many seconds."""
        due = [one for one in tenants if one in self._waits and self._waits[one].due <= now]
        if not due:
            return None
        tenant = min(due, key=lambda one: self._waits[one].due)
        failures = self._waits[tenant].failures
        return tenant, min(self.longest_s, self.first_s * 2.0**failures)

    def in_vain(self, tenant: Scope, now: datetime) -> None:
        failures = min(self._waits[tenant].failures + 1, 10)
        due = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2**failures)
        self._waits[tenant] = evolve(self._waits[tenant], due=due, failures=failures)
