r"""Regular expressions as the backends have them: those of Go's ``regexp/syntax``, with flags of
Perl (https://pkg.go.dev/regexp/syntax). Only their grammar is looked at, and not by matching.

What is rare is refused: scripts of Unicode by name (``\p{Greek}``), and repetitions that grow.
"""

import re
from typing import Final, NamedTuple

from attrs import define, field

from ktrlplane.domain.observability.regex_characters import BadRegex, Characters

MAX_NESTING: Final = 100
MAX_REPEAT: Final = 1000
"""Of one part, in all the repetitions that it is in."""


class Regex(NamedTuple):
    """``takes_nothing`` tells whether all of the empty text matches; ``groups`` are the names of
    those that capture, or None, in order; ``size`` counts what it has once each part is written
    as often as it may be repeated, and large classes of characters for more than one."""

    takes_nothing: bool
    groups: tuple[str | None, ...]
    size: int


class _Part(NamedTuple):
    """``repeats`` is how often the innermost of what is in it may come, at most."""

    takes_nothing: bool
    size: int = 1
    repeats: int = 1


class _Count(NamedTuple):
    """``times`` is 1 where no number says how often."""

    least: int
    times: int


_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_NAMED: Final = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_COUNT: Final = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_COUNTED: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")

_EMPTY: Final = _Part(takes_nothing=True, size=0)


@define
class _Reader(Characters):
    depth: int = 0
    groups: list[str | None] = field(factory=list)

    def alternatives(self) -> _Part:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise BadRegex("The expression is nested too deeply.")
        nothing, size, repeats = self.sequence()
        while self.peek("|"):
            self.at += 1
            other = self.sequence()
            nothing = nothing or other.takes_nothing
            size, repeats = size + 1 + other.size, max(repeats, other.repeats)
        self.depth -= 1
        return _Part(nothing, size, repeats)

    def sequence(self) -> _Part:
        nothing, size, repeats = _EMPTY
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self.repeated()
            nothing = nothing and part.takes_nothing
            size, repeats = size + part.size, max(repeats, part.repeats)
        return _Part(nothing, size, repeats)

    def repeated(self) -> _Part:
        begin = self.at
        part = self.atom()
        if self.text[begin : self.at].endswith(")") and _FLAGS.fullmatch(
            self.text[begin : self.at]
        ):
            return part  # flags alone, which cannot be repeated
        count = self.repetition()
        if count is None:
            return part
        repeats = part.repeats * count.times if count.times else 1
        if repeats > MAX_REPEAT:
            raise BadRegex(
                f"Nothing is repeated more than {MAX_REPEAT} times, in all that it is in."
            )
        if self.repetition() is not None:
            raise BadRegex("A repetition is repeated; put parentheses around it.")
        nothing = part.takes_nothing or count.least == 0
        return _Part(nothing, part.size * max(1, count.times) + 1, repeats)

    def repetition(self) -> _Count | None:
        sign = self.text[self.at : self.at + 1]
        if sign in ("*", "?", "+") and sign:
            self.at += 1
            count = _Count(int(sign == "+"), 1)
        elif found := _COUNT.match(self.text, self.at):
            least, most = int(found[1]), int(found[3] or found[1])
            if least > MAX_REPEAT or most > MAX_REPEAT or most < least:
                raise BadRegex(f"{found[0]} cannot be how often something is repeated.")
            self.at = found.end()
            has_no_end = found[2] is not None and found[3] is None
            count = _Count(least, max(1, least) if has_no_end else most)
        elif found := _COUNTED.match(self.text, self.at):
            raise BadRegex(f"Nothing is repeated more than {MAX_REPEAT} times.")
        else:
            return None
        if self.peek("?"):
            self.at += 1
        return count

    def atom(self) -> _Part:
        sign = self.text[self.at]
        if sign == "(":
            return self.group()
        if sign == "[":
            self.bracketed()
            return _Part(takes_nothing=False)
        if sign == "\\":
            return _Part(self.escaped())
        if sign in "*+?" or _COUNTED.match(self.text, self.at):
            raise BadRegex(f"There is nothing in front of {sign} that it could repeat.")
        self.at += 1
        return _Part(sign in "^$")

    def group(self) -> _Part:
        if flags := _FLAGS.match(self.text, self.at):
            self.at = flags.end()
            if flags[3] == ")":
                if not flags[1] and not flags[2]:
                    raise BadRegex("(?) says nothing.")
                return _EMPTY
        elif named := _NAMED.match(self.text, self.at):
            self.groups.append(named[1])
            self.at = named.end()
        elif self.peek("(?"):
            raise BadRegex("(? begins nothing that is known; there is no looking ahead or back.")
        else:
            self.groups.append(None)
            self.at += 1
        inner = self.alternatives()
        if not self.peek(")"):
            raise BadRegex("A parenthesis is not closed.")
        self.at += 1
        return inner._replace(size=inner.size + 1)

    def escaped(self) -> bool:
        """Whether it takes nothing."""
        sign = self.text[self.at + 1 : self.at + 2]
        if sign in ("A", "z", "B"):
            self.at += 2
            return True
        if sign == "b":
            self.at += 2
            return False
        self.character()
        return False


def read_regex(text: str) -> Regex:
    """Raises: BadRegex."""
    reader = _Reader(text)
    whole = reader.alternatives()
    if reader.at < len(text):
        raise BadRegex("A parenthesis is closed that was not opened.")
    return Regex(whole.takes_nothing, tuple(reader.groups), whole.size + reader.more)
