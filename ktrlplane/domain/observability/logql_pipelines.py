"""What stands in braces in LogQL, and the stages behind them."""

import re
from typing import Final

from ktrlplane.domain.observability.logql_words import BYTES, CONVERSIONS, FLAG
from ktrlplane.domain.observability.matchers import Place
from ktrlplane.domain.observability.matching import meaning, require_regex, selects_something
from ktrlplane.domain.observability.words import (
    DURATION,
    NAME,
    NUMBER,
    STRING,
    Word,
    Words,
    refuse,
)

_FILTERS: Final = frozenset({"|=", "|~", "|>", "!=", "!~", "!>"})
_EQUALITIES: Final = frozenset({"=", "!=", "=~", "!~"})
_COMPARISONS: Final = frozenset({"=", "==", "!=", ">", ">=", "<", "<="})
_CAPTURE: Final = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)>")


def number(words: Words) -> None:
    """The next one. Raises: UnsafeQuery."""
    word = words.need(NUMBER)
    if float(word.text) == float("inf"):
        refuse("This number is too large.", word.begin)


def read_selector(words: Words) -> Place:
    """Raises: UnsafeQuery."""
    begin = words.need("{")
    narrow = False
    while True:
        words.need(NAME)
        narrow = _matched(words) or narrow
        if not words.took(","):
            break
    words.need("}")
    if not narrow:
        refuse("A selector needs a matcher that the empty value does not match.", begin.begin)
    return Place(begin.end, in_braces=True, beside_others=True)


def _matched(words: Words) -> bool:
    """Whether it is by what the empty value does not match."""
    if words.now.kind not in _EQUALITIES:
        words.unexpected("=, !=, =~ or !~")
    operator = words.take()
    value = words.need(STRING)
    return selects_something(words, operator.kind, meaning(value), value.begin)


def pipeline(words: Words) -> bool:
    """All stages that come next, but for ``unwrap``; whether there are any. Raises:
    UnsafeQuery."""
    found = False
    while True:
        if words.now.kind in _FILTERS:
            _line_filter(words)
        elif words.now.kind == "|" and words.then().kind != "unwrap":
            words.take()
            _stage(words)
        else:
            return found
        found = True


def unwrap(words: Words) -> bool:
    """Whether that is what comes next, with filters behind it. Raises: UnsafeQuery."""
    if words.now.kind != "|" or words.then().kind != "unwrap":
        return False
    words.take()
    words.take()
    if words.now.kind in CONVERSIONS:
        words.take()
        words.need("(")
        words.need(NAME)
        words.need(")")
    else:
        words.need(NAME)
    while words.took("|"):
        _label_filter(words)
    return True


def _line_filter(words: Words) -> None:
    is_regex = words.take().kind in ("|~", "!~")
    _line(words, is_regex=is_regex)
    while words.took("or"):
        _line(words, is_regex=is_regex)


def _line(words: Words, *, is_regex: bool) -> None:
    if words.took("ip"):
        words.need("(")
        words.need(STRING)
        words.need(")")
        return
    word = words.need(STRING)
    text = meaning(word)
    if is_regex:
        require_regex(words, text, word.begin)


def _stage(words: Words) -> None:
    word = words.now
    if word.kind in (NAME, "("):
        _label_filter(words)
        return
    stage = _STAGES.get(word.kind)
    if stage is None:
        words.unexpected("a stage of the pipeline")
    words.take()
    stage(words)


def _label_filter(words: Words) -> None:
    words.deeper()
    while True:
        if words.took("("):
            _label_filter(words)
            words.need(")")
        else:
            _label_is(words)
        if not (words.took("and") or words.took(",") or words.took("or")) and (
            words.now.kind not in (NAME, "(")
        ):
            break
    words.back()


def _label_is(words: Words) -> None:
    name = words.need(NAME)
    operator, value = words.now, words.then()
    if operator.kind in _EQUALITIES and value.kind == STRING:
        if operator.kind == "=~":
            _require_printable(value)
        _matched(words)
        return
    if operator.kind not in _COMPARISONS:
        refuse(f"{name.said} is no stage of a pipeline, and is compared to nothing.", name.begin)
    words.take()
    if operator.kind in ("=", "!=") and words.took("ip"):
        words.need("(")
        words.need(STRING)
        words.need(")")
        return
    if value.kind in (DURATION, BYTES):
        words.take()
        return
    if words.now.kind in ("+", "-"):
        words.take()
    number(words)


def _require_printable(value: Word) -> None:
    """Loki before 3.7.1 prints what a label is compared with between backticks, as it stands, and
    parses that again: what stood behind one would be read as the query goes on. Raises:
    UnsafeQuery."""
    if "`" in meaning(value):
        refuse("In a regular expression, a backtick is written \\x60 here.", value.begin)


def _nothing(_: Words) -> None:
    """For stages of one word."""


def _extractions(words: Words) -> None:
    while True:
        words.need(NAME)
        if words.took("="):
            words.need(STRING)
        if not words.took(","):
            return


def _json(words: Words) -> None:
    if words.now.kind == NAME:
        _extractions(words)


def _logfmt(words: Words) -> None:
    while words.took(FLAG):
        pass
    _json(words)


def _regexp(words: Words) -> None:
    word = words.need(STRING)
    names = [name for name in require_regex(words, meaning(word), word.begin) if name]
    if not names:
        refuse("regexp needs a group with a name, as in (?P<name>.*).", word.begin)
    if len(set(names)) < len(names):
        refuse("regexp captures the same name twice.", word.begin)


def _pattern(words: Words) -> None:
    word = words.need(STRING)
    text = meaning(word)
    names = [name for name in _CAPTURE.findall(text) if name != "_"]
    if not names:
        refuse("pattern needs something to capture, as in <name>.", word.begin)
    if len(set(names)) < len(names):
        refuse("pattern captures the same name twice.", word.begin)
    if _CAPTURE.search(text) and re.search(r"<[A-Za-z_]\w*><[A-Za-z_]\w*>", text):
        refuse("pattern captures two things with nothing between them.", word.begin)


def _template(words: Words) -> None:
    meaning(words.need(STRING))


def _label_format(words: Words) -> None:
    while True:
        words.need(NAME)
        words.need("=")
        if words.now.kind not in (NAME, STRING):
            words.unexpected("a name or a string")
        words.take()
        if not words.took(","):
            return


def _named_labels(words: Words) -> None:
    while True:
        words.need(NAME)
        if words.now.kind in _EQUALITIES:
            _matched(words)
        if not words.took(","):
            return


_STAGES: Final = {
    "json": _json,
    "logfmt": _logfmt,
    "regexp": _regexp,
    "pattern": _pattern,
    "unpack": _nothing,
    "decolorize": _nothing,
    "line_format": _template,
    "label_format": _label_format,
    "drop": _named_labels,
    "keep": _named_labels,
}
