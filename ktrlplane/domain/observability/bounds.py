"""What a request for logs or metrics may ask for, and all that is wrong with one at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from attrs import define, field, frozen

from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.observability.backend_queries import Given
from ktrlplane.domain.observability.literals import said_in_days
from ktrlplane.domain.observability.times import (
    MILLISECOND,
    SECOND,
    Unit,
    in_seconds,
    moment,
    span,
)

MAX_LINES: Final = 5000
MAX_NAMES: Final = 100_000
MAX_POINTS: Final = 11_000
"""As Prometheus has it."""
MAX_SELECTORS: Final = 16
USUAL_SPAN: Final = 3600 * SECOND
LONGEST_TIMEOUT: Final = 60 * SECOND
_LONGEST_NUMBER: Final = 18

T = TypeVar("T")


@frozen
class Span:
    """In nanoseconds."""

    start: int
    end: int


@define
class Reader:
    """Reads parameters, and collects what is wrong with them."""

    given: Given
    now: int
    unit: Unit
    longest: timedelta
    made: str | None = None
    """A query of our own making, in place of the one that is given."""
    faults: list[Fault] = field(factory=list)

    def read(self, name: str, reader: Callable[[str], T], default: T) -> T:
        text: str | None = getattr(self.given, name)
        if text is None:
            return default
        try:
            return reader(text)
        except ValueError as exc:
            self.faults.append(Fault(f"/{name}", "format", str(exc)))
            return default

    def moment(self, name: str, default: int) -> int:
        return self.read(name, lambda text: moment(text, self.unit), default)

    def span(self) -> Span:
        """The last hour, where nothing else is said."""
        end = self.moment("end", self.now)
        longest = int(self.longest.total_seconds()) * SECOND
        length = self.read("since", span, min(USUAL_SPAN, longest))
        start = self.moment("start", max(0, end - length))
        if self.given.since is not None and self.given.start is not None:
            self.faults.append(Fault("/since", "one_of", "Send start or since, not both."))
        if start > end:
            self.faults.append(
                Fault(
                    "/start", "range", "start is after end: take an earlier start, or a later end."
                )
            )
        if end - start > longest:
            most = said_in_days(longest // MILLISECOND)
            detail = f"Ask for {most} at most: start and end are further apart."
            self.faults.append(Fault("/start", "range", detail))
        return Span(start, end)

    def step(self, over: Span) -> int | None:
        step = self.read("step", span, None)
        if step is not None and (over.end - over.start) // step > MAX_POINTS:
            detail = f"This makes more than {MAX_POINTS:,} points; take a longer step."
            self.faults.append(Fault("/step", "range", detail))
        return step

    def count(self, most: int, *, least: int = 1) -> int | None:
        """The limit."""

        def read(text: str) -> int:
            lawful = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
            if not lawful or not least <= int(text) <= most:
                raise ValueError(f"Ask for {least} to {most}.")
            return int(text)

        return self.read("limit", read, None)

    def seconds(self, name: str, most: int) -> str | None:
        """A duration, of nanoseconds at most; what is longer is cut."""
        found = self.read(name, span, None)
        return None if found is None else in_seconds(min(found, most))

    def one_of(self, name: str, words: tuple[str, ...]) -> str | None:
        def read(text: str) -> str:
            if text.lower() not in words:
                raise ValueError(f"This is one of {', '.join(words)}.")
            return text.lower()

        return self.read(name, read, None)

    def require(self, name: str) -> None:
        if not getattr(self.given, name):
            self.faults.append(Fault(f"/{name}", "required", f"The parameter {name} is required."))

    def finish(self) -> None:
        """Raises: ValidationFailed."""
        if self.faults:
            raise ValidationFailed(self.faults)
