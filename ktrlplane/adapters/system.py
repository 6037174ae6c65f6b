"""What the machine itself provides."""

from datetime import UTC, datetime

from ktrlplane.ports.clock import Clock


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)
