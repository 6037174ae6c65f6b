r"""Regular expressions as the backends have them: those of Go's ``regexp/syntax``, with flags of
Perl (https://pkg.go.dev/regexp/syntax). Only their grammar is looked at, and not by matching.

What is rare is refused: scripts of Unicode by name (``\p{Greek}``), and repetitions that grow.
"""

import re
from typing import Final, NamedTuple

from attrs import define, field

MAX_NESTING: Final = 100
MAX_REPEAT: Final = 1000


class BadRegex(ValueError):
    """``args[0]`` is a sentence."""


class Regex(NamedTuple):
    """``takes_nothing`` tells whether all of the empty text matches; ``groups`` are the names of
    those that capture, or None, in order."""

    takes_nothing: bool
    groups: tuple[str | None, ...]


_CATEGORY: Final = re.compile(
    r"\^?(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)\Z"
)
_POSIX: Final = re.compile(
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word"
    r"|xdigit):\]"
)
_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_NAMED: Final = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_COUNT: Final = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_COUNTED: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_OCTAL: Final = re.compile(r"([1-7][0-7]{1,2})|(0[0-7]{0,2})")
_HEX: Final = re.compile(r"x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})")
_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CLASSES: Final = frozenset("dDsSwW")
_BEYOND: Final = 0x10FFFF


@define
class _Reader:
    text: str
    at: int = 0
    depth: int = 0
    groups: list[str | None] = field(factory=list)
    last_class: int = field(init=False)
    """Where the last name of a class ends."""

    @last_class.default
    def _(self) -> int:
        return self.text.rfind(":]")

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def alternatives(self) -> bool:
        """Whether one of them takes nothing."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise BadRegex("The expression is nested too deeply.")
        nothing = self.sequence()
        while self.peek("|"):
            self.at += 1
            nothing = self.sequence() or nothing
        self.depth -= 1
        return nothing

    def sequence(self) -> bool:
        nothing = True
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            nothing = self.repeated() and nothing
        return nothing

    def repeated(self) -> bool:
        begin = self.at
        nothing = self.atom()
        if self.text[begin : self.at].endswith(")") and _FLAGS.fullmatch(
            self.text[begin : self.at]
        ):
            return True  # flags alone, which cannot be repeated
        repeats = 0
        while (found := self.repetition()) is not None:
            repeats += 1
            if repeats > 1:
                raise BadRegex("A repetition is repeated; put parentheses around it.")
            nothing = nothing or found == 0
        return nothing

    def repetition(self) -> int | None:
        """How often at least; None where there is none."""
        sign = self.text[self.at : self.at + 1]
        if sign in ("*", "?", "+") and sign:
            self.at += 1
            least = int(sign == "+")
        elif found := _COUNT.match(self.text, self.at):
            least, most = int(found[1]), int(found[3] or found[1])
            if least > MAX_REPEAT or most > MAX_REPEAT or most < least:
                raise BadRegex(f"{found[0]} cannot be how often something is repeated.")
            self.at = found.end()
        elif found := _COUNTED.match(self.text, self.at):
            raise BadRegex(f"Nothing is repeated more than {MAX_REPEAT} times.")
        else:
            return None
        if self.peek("?"):
            self.at += 1
        return least

    def atom(self) -> bool:
        """Whether it takes nothing."""
        sign = self.text[self.at]
        if sign == "(":
            return self.group()
        if sign == "[":
            self.bracketed()
            return False
        if sign == "\\":
            return self.escaped()
        if sign in "*+?" or _COUNTED.match(self.text, self.at):
            raise BadRegex(f"There is nothing in front of {sign} that it could repeat.")
        self.at += 1
        return sign in "^$"

    def group(self) -> bool:
        if flags := _FLAGS.match(self.text, self.at):
            self.at = flags.end()
            if flags[3] == ")":
                if not flags[1] and not flags[2]:
                    raise BadRegex("(?) says nothing.")
                return True
        elif named := _NAMED.match(self.text, self.at):
            self.groups.append(named[1])
            self.at = named.end()
        elif self.peek("(?"):
            raise BadRegex("(? begins nothing that is known; there is no looking ahead or back.")
        else:
            self.groups.append(None)
            self.at += 1
        nothing = self.alternatives()
        if not self.peek(")"):
            raise BadRegex("A parenthesis is not closed.")
        self.at += 1
        return nothing

    def escaped(self) -> bool:
        sign = self.text[self.at + 1 : self.at + 2]
        if sign in ("A", "z", "B"):
            self.at += 2
            return True
        if sign == "b":
            self.at += 2
            return False
        self.character()
        return False

    def character(self) -> int | None:
        """One, maybe escaped; None for a class of them."""
        if self.text[self.at] != "\\":
            self.at += 1
            return ord(self.text[self.at - 1])
        self.at += 1
        sign = self.text[self.at : self.at + 1]
        if sign in ("p", "P"):
            self.category()
            return None
        if sign in _CLASSES:
            self.at += 1
            return None
        for pattern, base in ((_OCTAL, 8), (_HEX, 16)):
            if found := pattern.match(self.text, self.at):
                self.at = found.end()
                digits = found[1] or found[2]
                if int(digits, base) > _BEYOND:
                    break
                return int(digits, base)
        if sign in _CONTROLS or (sign and sign < "\x80" and not sign.isalnum()):
            self.at += 1
            return ord(_CONTROLS.get(sign, sign))
        raise BadRegex(f"\\{sign} means nothing.")

    def category(self) -> None:
        begin = self.at + 1
        if self.text.startswith("{", begin):
            end = self.text.find("}", begin)
            name, after = self.text[begin + 1 : end], end + 1
            if end < 0:
                raise BadRegex("The name of a category is not closed.")
        else:
            name, after = self.text[begin : begin + 1], begin + 1
        if not _CATEGORY.match(name):
            raise BadRegex(f"{name!r} is no category of Unicode that is known.")
        self.at = after

    def bracketed(self) -> None:
        self.at += 1
        if self.peek("^"):
            self.at += 1
        first = True
        while first or not self.peek("]"):
            if self.at >= len(self.text):
                raise BadRegex("A bracket is not closed.")
            first = False
            if self.peek("[:") and (found := _POSIX.match(self.text, self.at)):
                self.at = found.end()
                continue
            if self.peek("[:") and self.last_class > self.at:
                raise BadRegex("There is no such class between [: and :].")
            self.span()
        self.at += 1

    def span(self) -> None:
        if self.peek("-") and not self.text.startswith("-]", self.at) and not self._is_first():
            raise BadRegex("A - stands between two characters, or first or last.")
        low = self.character()
        if low is None or not self.peek("-") or self.text.startswith("-]", self.at):
            return
        self.at += 1
        if self.at >= len(self.text):
            raise BadRegex("A bracket is not closed.")
        high = self.character()
        if high is None or high < low:
            raise BadRegex("The end of a range in brackets comes before its beginning.")

    def _is_first(self) -> bool:
        return self.text[self.at - 1] == "[" or self.text[self.at - 2 : self.at] == "[^"


def read_regex(text: str) -> Regex:
    """Raises: BadRegex."""
    reader = _Reader(text)
    nothing = reader.alternatives()
    if reader.at < len(text):
        raise BadRegex("A parenthesis is closed that was not opened.")
    return Regex(nothing, tuple(reader.groups))
