"""PromQL, taken apart (https://prometheus.io/docs/prometheus/latest/querying/basics/)."""

import math
import re
from typing import Final

from ktrlplane.domain.observability import literals
from ktrlplane.domain.observability.words import (
    DURATION,
    END,
    MAX_WORDS,
    NAME,
    NUMBER,
    STRING,
    Room,
    Word,
    Words,
    refuse,
    require_short,
)

# Nothing is tried in a second way, so that time grows with length alone.
_SPACE: Final = r"(?:[ \t\r\n]|#[^\r\n]*+)*+"
_DIGITS: Final = "[0-9]++(?:_[0-9]++)*+"
_TIMES: Final = (
    rf"(?P<duration>{literals.DURATION})(?![A-Za-z0-9_.])"
    r"|(?P<number>0[xX]_?[0-9a-fA-F]++(?:_[0-9a-fA-F]++)*+"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?+)?+|\.{_DIGITS})(?:[eE][+-]?[0-9]++)?+)"
    r"(?![A-Za-z0-9_.])"
)
_STRING: Final = rf"(?P<string>{literals.DOUBLE_QUOTED}|{literals.SINGLE_QUOTED}|{literals.RAW})"
_WORD: Final = re.compile(
    rf"{_SPACE}(?:(?P<name>[A-Za-z_:][A-Za-z0-9_:]*+)|{_TIMES}|{_STRING}"
    r"|(?P<sign>==|!=|<=|>=|</|>/|=~|!~|[-+*/%^<>=(),{}\[\]@])|\Z)"
)
_IN_BRACKETS: Final = re.compile(
    rf"[ \t\r\n]*+(?:(?P<name>[A-Za-z_]++)|{_TIMES}|(?P<sign>[-+*/%^(),:\]]))"
)
_FILL: Final = re.compile(r"fill(?:_left|_right)?+[ \t\r\n]*+\(", re.IGNORECASE | re.ASCII)
"""Words like any others, unless a parenthesis follows."""
_UNREADABLE: Final = "\ufffd"
_KINDS: Final = {"name": NAME, "number": NUMBER, "duration": DURATION, "string": STRING}


def read_words(query: str, longest: float = math.inf, room: Room | None = None) -> Words:
    """``fill`` and its like have themselves as their kind. Raises: UnsafeQuery."""
    require_short(query)
    words: list[Word] = []
    at, pattern, is_timed = 0, _WORD, False
    while found := pattern.match(query, at):
        name = found.lastgroup
        if name is None:
            break
        text = found[name]
        kind = text if name == "sign" else _KINDS[name]
        if name == "name" and _FILL.match(query, found.start(name)):
            kind = text.lower()
        words.append(Word(kind, text, found.start(name)))
        at = found.end()
        if kind == "[":
            pattern, is_timed = _IN_BRACKETS, False
        elif kind in (NUMBER, DURATION):
            is_timed = True
        elif kind == ":" and not is_timed:
            refuse("Expected a duration before the colon.", at - 1)
        elif kind == "]":
            pattern = _WORD
        if len(words) > MAX_WORDS:
            refuse(f"A query has at most {MAX_WORDS} words.", at)
    if found is None:
        _refuse_rest(query, at)
    _require_readable(query, words)
    words.append(Word(END, "", len(query)))
    return Words(words, longest, room)


def _require_readable(query: str, words: list[Word]) -> None:
    """The backend takes U+FFFD in a string for what stands in for a byte that is no text. Raises:
    UnsafeQuery."""
    if _UNREADABLE not in query:
        return
    for word in words:
        if (at := word.text.find(_UNREADABLE)) >= 0:
            refuse("In a string, U+FFFD is written \\ufffd here.", word.begin + at)


def _refuse_rest(query: str, at: int) -> None:
    """Raises: UnsafeQuery."""
    at += len(query[at:]) - len(query[at:].lstrip(" \t\r\n"))
    shown = query[at : at + 1]
    if not shown:
        refuse("The query ends too early.", at)
    if shown in "\"'`":
        refuse("This string is not closed, or has an escape that means nothing.", at)
    if shown == "$":
        refuse("A variable has not been filled in.", at)
    refuse(f"{shown!r} has no meaning here.", at)
