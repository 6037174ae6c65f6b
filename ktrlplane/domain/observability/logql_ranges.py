"""Logs over a range of time in LogQL, and what is counted in them
(https://grafana.com/docs/loki/latest/query/metric_queries/)."""

from typing import Final

from ktrlplane.domain.observability.literals import milliseconds
from ktrlplane.domain.observability.logql_pipelines import number, pipeline, read_selector, unwrap
from ktrlplane.domain.observability.logql_words import RANGE
from ktrlplane.domain.observability.matchers import Place
from ktrlplane.domain.observability.words import DURATION, NAME, Words, refuse

_GROUPED: Final = frozenset(
    (
        *("avg_over_time", "stddev_over_time", "stdvar_over_time", "quantile_over_time"),
        *("max_over_time", "min_over_time", "first_over_time", "last_over_time"),
    )
)
_EITHER: Final = frozenset({"rate", "absent_over_time"})
_WITH_UNWRAP: Final = _GROUPED | _EITHER | {"sum_over_time", "rate_counter"}
_WITHOUT_UNWRAP: Final = _EITHER | {"bytes_over_time", "bytes_rate", "count_over_time"}


def labels(words: Words) -> bool:
    """Those in parentheses; whether there are any. Raises: UnsafeQuery."""
    words.need("(")
    if words.took(")"):
        return False
    words.need(NAME)
    while words.took(","):
        words.need(NAME)
    words.need(")")
    return True


def grouping(words: Words) -> bool | None:
    """Whether it names labels; None where there is none. Raises: UnsafeQuery."""
    if words.took("by") or words.took("without"):
        return labels(words)
    return None


def range_aggregation(words: Words, places: list[Place]) -> None:
    """Raises: UnsafeQuery."""
    word = words.take()
    words.need("(")
    if word.kind == "quantile_over_time":
        number(words)
        words.need(",")
    begin = words.now.begin
    has_unwrap = log_range(words, places)
    if word.kind not in (_WITH_UNWRAP if has_unwrap else _WITHOUT_UNWRAP):
        how = "does not take" if has_unwrap else "needs"
        refuse(f"{word.text} {how} unwrap.", begin)
    words.need(")")
    if grouping(words) is not None and word.kind not in _GROUPED:
        refuse(f"{word.text} does not group.", word.begin)


def log_range(words: Words, places: list[Place]) -> bool:
    """Whether something is unwrapped. Raises: UnsafeQuery."""
    words.deeper()
    in_parentheses = words.took("(")
    if in_parentheses and words.now.kind == "(":
        unwrapped = log_range(words, places)
        words.need(")")
    elif in_parentheses:
        unwrapped = _in_parentheses(words, places)
    else:
        unwrapped = _bare(words, places)
    words.back()
    return unwrapped


def _in_parentheses(words: Words, places: list[Place]) -> bool:
    """``({a="b"} | json [5m])`` and ``({a="b"} | json)[5m]`` are both lawful."""
    places.append(read_selector(words))
    if words.now.kind == RANGE:
        unwrapped = _behind_range(words, may_have_stages=True)
        words.need(")")
        return unwrapped
    has_stages = pipeline(words)
    unwrapped = unwrap(words)
    if words.now.kind == RANGE:
        _behind_range(words, may_have_stages=False)
        words.need(")")
        return unwrapped
    words.need(")")
    is_plain = not has_stages and not unwrapped
    return _behind_range(words, may_have_stages=False, may_unwrap=is_plain) or unwrapped


def _bare(words: Words, places: list[Place]) -> bool:
    places.append(read_selector(words))
    if words.now.kind == RANGE:
        return _behind_range(words, may_have_stages=True)
    pipeline(words)
    unwrapped = unwrap(words)
    _behind_range(words, may_have_stages=False)
    return unwrapped


def _behind_range(words: Words, *, may_have_stages: bool, may_unwrap: bool = False) -> bool:
    """Whether something is unwrapped there."""
    found = words.need(RANGE)
    words.require_range(milliseconds(found.text[1:-1]) or 0, found.begin + 1)
    if words.took("offset"):
        words.need(DURATION)
    if may_have_stages:
        pipeline(words)
    return (may_have_stages or may_unwrap) and unwrap(words)
