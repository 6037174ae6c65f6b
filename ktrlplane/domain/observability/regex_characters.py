"""Characters of a regular expression of Go, and classes of them."""

import re
from typing import Final

from attrs import define, field


class BadRegex(ValueError):
    """``args[0]`` is a sentence."""


_CATEGORY: Final = re.compile(
    r"\^?(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)\Z"
)
_POSIX: Final = re.compile(
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word"
    r"|xdigit):\]"
)
_OCTAL: Final = re.compile(r"([1-7][0-7]{1,2})|(0[0-7]{0,2})")
_HEX: Final = re.compile(r"x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})")
_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CLASSES: Final = frozenset("dDsSwW")
_BEYOND: Final = 0x10FFFF

_CATEGORY_SIZE: Final = 50
"""Of characters, in hundreds of ranges."""
_PER_PART: Final = 128
_WIDEST: Final = 1000
"""Backends look at each character of a range where upper and lower case are the same, and as far
only as there are both."""


@define
class Characters:
    """Read from the left."""

    text: str
    at: int = 0
    more: int = 0
    """Parts that classes count for beyond the one that each is."""
    last_class: int = field(init=False)
    """Where the last name of a class ends."""

    @last_class.default
    def _(self) -> int:
        return self.text.rfind(":]")

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

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
        self.more += _CATEGORY_SIZE

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
        self.more += min((high - low) // _PER_PART, _WIDEST)

    def _is_first(self) -> bool:
        return self.text[self.at - 1] == "[" or self.text[self.at - 2 : self.at] == "[^"
