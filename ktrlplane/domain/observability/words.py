"""What queries are made of: words with their places, within limits, to be taken one by one."""

import math
from typing import Final, NamedTuple, NoReturn

from attrs import define

from ktrlplane.domain.errors import UnsafeQuery
from ktrlplane.domain.observability.literals import said_in_days

MAX_BYTES: Final = 8192
MAX_WORDS: Final = 2000
MAX_NESTING: Final = 64
MAX_REGEX_PARTS: Final = 10_000

END: Final = "the end of the query"
NAME: Final = "a name"
NUMBER: Final = "a number"
DURATION: Final = "a duration"
STRING: Final = "a string"


class Word(NamedTuple):
    """``kind`` is that of a name, number or string; of anything else it is the text itself."""

    kind: str
    text: str
    begin: int

    @property
    def end(self) -> int:
        return self.begin + len(self.text)

    @property
    def said(self) -> str:
        if self.kind in (END, STRING):
            return self.kind
        return repr(self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}...")


def refuse(detail: str, position: int) -> NoReturn:
    """Raises: UnsafeQuery."""
    raise UnsafeQuery(detail, position)


def require_short(query: str) -> None:
    """Raises: UnsafeQuery."""
    try:
        length = len(query.encode())
    except UnicodeEncodeError as exc:
        refuse("A query is text in Unicode.", exc.start)
    if "\0" in query:
        refuse("A query has no NUL in it.", query.index("\0"))
    if length > MAX_BYTES:
        refuse(f"A query has at most {MAX_BYTES} bytes; this one has {length}.", MAX_BYTES)


@define
class Room:
    """For the regular expressions of one request: how many parts all that come may have, each
    counted as often as it may be repeated. A backend makes so many instructions of them."""

    parts: int = MAX_REGEX_PARTS


class Words:
    """Of one query, read from the left. ``now`` is the next one. A range in it is ``longest``
    milliseconds long at most; its regular expressions have the ``room`` for them."""

    __slots__ = ("_at", "_depth", "_words", "longest", "now", "room")

    def __init__(
        self, words: list[Word], longest: float = math.inf, room: Room | None = None
    ) -> None:
        self.longest = longest
        self.room = Room() if room is None else room
        self._words = words
        self._at = 0
        self._depth = 0
        self.now = words[0]

    def then(self) -> Word:
        """The one after the next."""
        return self._words[min(self._at + 1, len(self._words) - 1)]

    def take(self) -> Word:
        """Raises: UnsafeQuery at the end."""
        taken = self.now
        if taken.kind == END:
            refuse("The query ends too early.", taken.begin)
        self._at += 1
        self.now = self._words[self._at]
        return taken

    def took(self, kind: str) -> bool:
        """Whether the next one is such a one, which then is taken."""
        if self.now.kind != kind:
            return False
        self.take()
        return True

    def need(self, kind: str) -> Word:
        """Raises: UnsafeQuery."""
        if self.now.kind != kind:
            self.unexpected(kind)
        return self.take()

    def unexpected(self, wanted: str) -> NoReturn:
        """Raises: UnsafeQuery."""
        found = self.now
        # What is in strings stays with who wrote it: refusals are remembered.
        refuse(f"Expected {wanted}, found {found.said}.", found.begin)

    def deeper(self) -> None:
        """Raises: UnsafeQuery where that is too deep."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            refuse(f"A query is nested {MAX_NESTING} levels deep at most.", self.now.begin)

    def require_range(self, milliseconds: float, begin: int) -> None:
        """Raises: UnsafeQuery where one is too long."""
        if milliseconds > self.longest:
            refuse(f"A range is {said_in_days(self.longest)} long at most.", begin)

    def require_room(self, parts: int, begin: int) -> None:
        """Raises: UnsafeQuery where it is not there; else it is taken."""
        self.room.parts -= parts
        if self.room.parts < 0:
            refuse(
                f"The regular expressions of one request have {MAX_REGEX_PARTS:,} parts at most, "
                "each counted as often as it may be repeated.",
                begin,
            )

    def back(self) -> None:
        self._depth -= 1


_SHOWN: Final = 30
