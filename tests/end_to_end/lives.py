"""What may have become of a resource, told without the code that decides it.

Reports are heeded in the order in which they came, each exactly once, but nobody knows how
long after. So there are several lives that a resource may have led between what people asked
of it, and one of them has to be the one that it has led.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve, field, frozen

# docs/lifecycle.md, by hand.
ASKED: Final = """
           change     suspend    resume    retry
Creating   Creating   Suspended  -         -
Running    Updating   Suspended  -         -
Updating   Updating   Suspended  -         -
Degraded   Updating   Suspended  -         Updating
Failed     Updating   Suspended  -         Updating
Suspended  Suspended  Suspended  Updating  -
Deleting   -          -          -         -
Deleted    -          -          -         -
"""
REPORTED: Final = """
           Healthy  Progressing  Degraded  Suspended  Missing  Unknown
Creating   Running  .            Degraded  Suspended  .        .
Running    .        Updating     Degraded  Suspended  Failed   .
Updating   Running  .            Degraded  Suspended  Failed   .
Degraded   Running  Updating     .         Suspended  Failed   .
Failed     Running  Updating     Degraded  Suspended  .        .
Suspended  Running  Updating     Degraded  .          Failed   .
"""
REFUSED: Final = "refused"
Step = tuple[str | None, str, int]
"""Of a history: from which status, to which, and the generation."""


def _table(text: str) -> dict[tuple[str, str], str]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (word, status): cell
        for status, *cells in rows
        for word, cell in zip(head, cells, strict=True)
    }


_ASKED: Final = _table(ASKED)
_REPORTED: Final = _table(REPORTED)
HEALTHS: Final = tuple(dict.fromkeys(word for word, _ in _REPORTED))


@frozen
class Reported:
    """As it was put into the inbox; the generation is the one wanted at that moment."""

    health: str
    about: int | None
    generation: int
    was_deleting: bool


@frozen
class Asked:
    """What somebody asked, and what they were answered: status, generation and observed
    generation, or ``REFUSED``. None where they asked it of the whole project."""

    what: str
    answer: tuple[str, int, int] | str | None


Event = Reported | Asked


@frozen
class Life:
    """``not_known`` counts the reports refused for what they said of the generation, and
    ``heeded`` all that were looked at."""

    status: str = "Creating"
    generation: int = 1
    observed: int = 0
    is_held: bool = False
    history: tuple[Step, ...] = ((None, "Creating", 1),)
    not_known: int = 0
    heeded: int = 0

    def moved(self, status: str, generation: int) -> "Life":
        if (status, generation) == (self.status, self.generation):
            return self
        step = (self.status, status, generation)
        history = (*self.history, step)
        return evolve(self, status=status, generation=generation, history=history)

    def heeding(self, report: Reported) -> "Life":
        after = self._heeding(report)
        return evolve(after, heeded=self.heeded + 1)

    def _heeding(self, report: Reported) -> "Life":
        about = report.generation if report.about is None else max(0, report.about)
        if report.health not in HEALTHS or (self.status == "Deleting" and not report.was_deleting):
            return self
        if about > self.generation:
            return evolve(self, not_known=self.not_known + 1)
        if self.status in ("Deleting", "Deleted"):
            is_gone = about == self.generation and report.health == "Missing"
            return self.moved("Deleted", self.generation) if is_gone else self
        if about < self.observed:
            return self
        seen = evolve(self, observed=about)
        if about < self.generation or self.is_held:
            return seen
        to = _REPORTED[report.health, self.status]
        return seen if to == "." else seen.moved(to, self.generation)

    def asked(self, what: str) -> "Life | None":
        """None where it is refused."""
        if what == "delete":
            if self.status in ("Deleting", "Deleted"):
                return self
            return evolve(self.moved("Deleting", self.generation), is_held=False)
        if what == "suspend" and self.is_held:
            return self
        to = _ASKED[what, self.status]
        if to == "-":
            return None
        held = {"suspend": True, "resume": False}.get(what, self.is_held)
        return evolve(self.moved(to, self.generation + 1), is_held=held)


@frozen
class Story:
    """What was done to a resource, in order, by one who waited for each answer."""

    resource_id: str
    project_id: str
    events: list[Event] = field(factory=list)

    @property
    def reports(self) -> Sequence[Reported]:
        return [event for event in self.events if isinstance(event, Reported)]


def endings(story: Story) -> set[Life]:
    """Every life that fits, with all reports heeded and nothing left Deleting."""
    reports, came = story.reports, 0
    lives = {Life()}
    for event in story.events:
        if isinstance(event, Reported):
            came += 1
            continue
        lives = set(_answered(_earlier_or_later(lives, reports[:came]), event))
    lives = _earlier_or_later(lives, reports)
    return {one for one in lives if one.heeded == len(reports) and one.status != "Deleting"}


def _earlier_or_later(lives: set[Life], reports: Sequence[Reported]) -> set[Life]:
    """With any number of the reports that have come heeded by now. What is Deleting may have
    ended at any moment, with its grace period."""
    found, todo = set(lives), list(lives)
    while todo:
        for after in _next(todo.pop(), reports):
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def _next(life: Life, reports: Sequence[Reported]) -> Iterator[Life]:
    if life.heeded < len(reports):
        yield life.heeding(reports[life.heeded])
    if life.status == "Deleting":
        yield life.moved("Deleted", life.generation)


def _answered(lives: set[Life], event: Asked) -> Iterator[Life]:
    for life in lives:
        after = life.asked(event.what)
        if after is None:
            if event.answer == REFUSED:
                yield life
        elif event.answer in (None, (after.status, after.generation, after.observed)):
            yield after
