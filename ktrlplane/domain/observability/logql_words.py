"""LogQL, taken apart (https://grafana.com/docs/loki/latest/query/).

The backend's lexer has surprises, which are all refused: it skips comments of Go (``//`` and
``/* */``) though no documentation has them, takes ``'a'`` for a name, and reads on after a
number as long as that makes a duration.
"""

import math
import re
from typing import Final

from ktrlplane.domain.observability import literals
from ktrlplane.domain.observability.literals import milliseconds
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

BYTES: Final = "a number of bytes"
RANGE: Final = "a range"
FLAG: Final = "a flag"

RANGE_OPERATIONS: Final = frozenset(
    [
        "count_over_time",
        "rate",
        "rate_counter",
        "bytes_over_time",
        "bytes_rate",
        "avg_over_time",
        "sum_over_time",
        "min_over_time",
        "max_over_time",
        "stdvar_over_time",
        "stddev_over_time",
        "quantile_over_time",
        "first_over_time",
        "last_over_time",
        "absent_over_time",
    ]
)
VECTOR_OPERATIONS: Final = frozenset(
    [
        "sum",
        "avg",
        "count",
        "max",
        "min",
        "stddev",
        "stdvar",
        "bottomk",
        "topk",
        "sort",
        "sort_desc",
        "approx_topk",
    ]
)
CONVERSIONS: Final = frozenset({"bytes", "duration", "duration_seconds"})
_CALLED: Final = (
    RANGE_OPERATIONS | VECTOR_OPERATIONS | CONVERSIONS | {"vector", "ip", "label_replace"}
)
"""Names like any others, unless something in parentheses follows."""
_KEYWORDS: Final = frozenset(
    [
        "unwrap",
        "by",
        "without",
        "bool",
        "offset",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "or",
        "and",
        "unless",
        "json",
        "regexp",
        "logfmt",
        "unpack",
        "pattern",
        "label_format",
        "line_format",
        "decolorize",
        "drop",
        "keep",
        "variants",
        "of",
        "label_replace",
    ]
)

_SPACE: Final = r"(?:[ \t\r\n]|#[^\n]*+)*+"
_FAR_UNITS: Final = r"(?:[0-9]++(?:\.[0-9]++)?+(?:ns|us|µs|ms|[smh]))++"
_NO_OCTAL: Final = r"(?!0[0-9B])"
_ALONE: Final = r"(?![A-Za-z0-9_.µ])"
_WORD: Final = re.compile(
    rf"{_SPACE}(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*+)"
    rf"|(?P<bytes>{_NO_OCTAL}[0-9]++(?:\.[0-9]++)?+(?:B|[kK]B|[KMGTP]iB|[MGTP]B)){_ALONE}"
    rf"|(?P<duration>{_NO_OCTAL}{literals.DURATION}{_ALONE}"
    rf"|-?{_NO_OCTAL}{_FAR_UNITS}{_ALONE}|-0{_ALONE})"
    r"|(?P<number>(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+)"
    rf"{_ALONE}"
    rf"|(?P<string>{literals.DOUBLE_QUOTED}|{literals.RAW})"
    rf"|(?P<range>\[{literals.DURATION}\])"
    r"|(?P<flag>--(?:strict|keep-empty)(?![A-Za-z-]))"
    r"|(?P<sign>==|!=|<=|>=|=~|!~|!>|\|=|\|~|\|>|/(?![/*])|[-+*%^<>=(),{}|])|\Z)"
)
_KINDS: Final = {
    "bytes": BYTES,
    "duration": DURATION,
    "number": NUMBER,
    "string": STRING,
    "range": RANGE,
    "flag": FLAG,
}
_IS_CALL: Final = re.compile(r"\s*+(?:\(|(?:by|without)\s*+\()", re.IGNORECASE)


def read_words(query: str, longest: float = math.inf, room: Room | None = None) -> Words:
    """Keywords have themselves as their kind, in lower case. Raises: UnsafeQuery."""
    require_short(query)
    words: list[Word] = []
    at = 0
    while found := _WORD.match(query, at):
        kind = found.lastgroup
        if kind is None:
            break
        text, at = found[kind], found.end()
        if kind == "sign":
            kind = text
        elif kind == "name":
            kind = _kind_of_name(query, text, at)
        else:
            kind = _KINDS[kind]
            if kind in (DURATION, RANGE) and len(text) > _SURELY_SHORT:
                _require_countable(text, at)
        words.append(Word(kind, text, found.start(found.lastgroup or 0)))
        if len(words) > MAX_WORDS:
            refuse(f"A query has at most {MAX_WORDS} words.", at)
    if found is None:
        _refuse_rest(query, at)
    words.append(Word(END, "", len(query)))
    return Words(words, longest, room)


def _require_countable(text: str, at: int) -> None:
    """Raises: UnsafeQuery."""
    if milliseconds(text) is None:
        refuse("This is longer than can be counted.", at - len(text))


def _kind_of_name(query: str, text: str, end: int) -> str:
    keyword = text.lower()
    if keyword in _CALLED:
        return keyword if _IS_CALL.match(query, end) else NAME
    return keyword if keyword in _KEYWORDS else NAME


def _refuse_rest(query: str, at: int) -> None:
    """Raises: UnsafeQuery."""
    skipped = _SKIPPED.match(query, at)
    at = skipped.end() if skipped else at
    shown = query[at : at + 1]
    if query.startswith(("//", "/*"), at):
        refuse("A comment begins with #.", at)
    if shown in ('"', "`"):
        refuse("This string is not closed, or has an escape that means nothing.", at)
    if shown == "[":
        refuse("Between brackets stands a duration, as in [5m].", at)
    if shown == "$":
        refuse("A variable has not been filled in.", at)
    refuse(f"{shown!r} has no meaning here.", at)


_SURELY_SHORT: Final = 4
_SKIPPED: Final = re.compile(_SPACE)
