"""The matcher that every selector gets, and what a selector is to the two languages."""

import re
from typing import Final

from attrs import field, frozen

_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")
"""Of those that begin with two underscores backends drop some."""
_NEEDS_ESCAPE: Final = re.compile(r'["\\\x00-\x1f\x7f-\U0010ffff]')


def _escape(found: re.Match[str]) -> str:
    return f"\\U{ord(found[0]):08x}" if found[0] not in '"\\' else f"\\{found[0]}"


def quoted(text: str) -> str:
    """A string of PromQL and of LogQL that means ``text``, in ASCII."""
    return f'"{_NEEDS_ESCAPE.sub(_escape, text)}"'


@frozen
class Matcher:
    """``label`` equals ``value``."""

    label: str = field()
    value: str

    @label.validator
    def _is_one(self, _: object, label: str) -> None:
        if not _LABEL.match(label):
            raise ValueError(f"{label!r} cannot be the name of a label.")

    def __str__(self) -> str:
        return f"{self.label}={quoted(self.value)}"


@frozen
class Place:
    """Of a selector in a query, where a matcher goes: at ``position``, in braces that are there
    and have other matchers or not, or in braces of its own."""

    position: int
    in_braces: bool
    beside_others: bool = False

    def text(self, matcher: str) -> str:
        if not self.in_braces:
            return f"{{{matcher}}}"
        return f"{matcher}," if self.beside_others else matcher


def spliced(query: str, places: list[Place], matcher: Matcher) -> str:
    """``query`` with the matcher in every place; all else stays as it was written. ``places``
    are in the order in which they stand."""
    said, begin = str(matcher), 0
    parts: list[str] = []
    for place in places:
        parts += (query[begin : place.position], place.text(said))
        begin = place.position
    return "".join((*parts, query[begin:]))
