"""Numbers and durations of PromQL, and what is reckoned with them in brackets and offsets
(https://prometheus.io/docs/prometheus/latest/feature_flags/#promql-duration-expressions)."""

import math
from typing import Final

from ktrlplane.domain.observability.literals import milliseconds
from ktrlplane.domain.observability.words import DURATION, NAME, NUMBER, Word, Words, refuse

MOST_IN_SUBQUERY: Final = 31 * 24 * 60
"""A month by the minute."""
_PRECEDENCE: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_POWER: Final = 3
_SIGN: Final = 2
_LONGEST_S: Final = 2**63 / 1e9


def number(words: Words) -> float:
    """The next one; a duration is one of seconds. Raises: UnsafeQuery."""
    word = words.now
    if word.kind == NAME and word.text.lower() in ("inf", "nan"):
        return float(words.take().text)
    if word.kind not in (NUMBER, DURATION):
        words.unexpected("an expression")
    return seconds(words.take())


def seconds(word: Word) -> float:
    if word.kind == DURATION:
        total = milliseconds(word.text)
        if total is None:
            refuse("This is longer than can be counted.", word.begin)
        return total / 1000
    if word.text[:2] in ("0x", "0X"):
        found = float(int(word.text, 16)) if len(word.text) <= _HEXADECIMAL else math.inf
    else:
        found = float(word.text)
    if math.isinf(found):
        refuse("This number is too large.", word.begin)
    return found


_HEXADECIMAL: Final = 17


def range_durations(words: Words) -> bool:
    """What is between brackets, of which the first is taken already; whether it is that of a
    subquery. Raises: UnsafeQuery."""
    begin = words.now.begin
    length, step = _positive(words), None
    words.require_range((length or 0) * 1000, begin)
    is_subquery = words.took(":")
    if is_subquery and words.now.kind != "]":
        step = _positive(words)
    words.need("]")
    if words.longest < math.inf and length and step and length / step > MOST_IN_SUBQUERY:
        refuse(f"A subquery has {MOST_IN_SUBQUERY:,} points at most; take a longer step.", begin)
    return is_subquery


def _positive(words: Words) -> float | None:
    """In seconds; None where it is known only when the query is evaluated."""
    begin = words.now.begin
    found = _sum(words, 1)
    if found is not None and found <= 0:
        refuse("A duration in brackets is longer than nothing.", begin)
    return found


def modifier_duration(words: Words) -> None:
    """Of an offset. Raises: UnsafeQuery."""
    if words.now.kind in ("+", "-"):
        words.take()
    is_composed = words.now.kind == "("
    _one(words)
    if is_composed and words.now.kind in _PRECEDENCE:
        refuse(
            "Put parentheses around all that is the offset, or around what has it.",
            words.now.begin,
        )


def _sum(words: Words, least: int) -> float | None:
    """None where it is known only when the query is evaluated."""
    words.deeper()
    if words.now.kind in ("+", "-"):
        sign = words.take().kind
        left = _sum(words, _SIGN + 1)
        left = -left if sign == "-" and left is not None else left
    else:
        left = _one(words)
    while (precedence := _PRECEDENCE.get(words.now.kind, 0)) >= least:
        operator = words.take()
        right = _sum(words, precedence + (precedence != _POWER))
        if operator.kind in ("/", "%") and right == 0:
            refuse("Nothing is divided by zero.", operator.begin)
        left = None
    words.back()
    return left


def _one(words: Words) -> float | None:
    word = words.now
    if word.kind == "(":
        words.take()
        found = _sum(words, 1)
        words.need(")")
        return found
    if word.kind != NAME:
        found = number(words)
        if abs(found) > _LONGEST_S:
            refuse("This is longer than can be counted.", word.begin)
        return found
    keyword = words.take().text.lower()
    if keyword not in ("step", "range", "max_of", "min_of"):
        refuse("Expected a duration.", word.begin)
    words.need("(")
    if keyword in ("max_of", "min_of"):
        _sum(words, 1)
        words.need(",")
        _sum(words, 1)
    words.need(")")
    return None
