from datetime import UTC, datetime, timedelta
from typing import Final

from ktrlplane.ports.clock import Clock

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock(Clock):
    """Stands still until it is told otherwise, and may be set back."""

    def __init__(self, now: datetime = START) -> None:
        self.set(now)

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Raises: ValueError, for a time without a zone."""
        if now.tzinfo is None:
            raise ValueError("A clock is set to an aware time.")
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._now += by
