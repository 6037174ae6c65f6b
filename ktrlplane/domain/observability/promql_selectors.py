"""The matchers of a PromQL selector, in braces."""

from typing import Final

from ktrlplane.domain.observability.label_names import INTERNAL, METRIC_NAME, is_internal
from ktrlplane.domain.observability.matchers import Place
from ktrlplane.domain.observability.matching import meaning, selects_something
from ktrlplane.domain.observability.words import NAME, STRING, Word, Words, refuse

_OPERATORS: Final = frozenset({"=", "!=", "=~", "!~"})


def read_braces(words: Words, metric: Word | None) -> Place:
    """Where in the braces that come next a matcher goes. Raises: UnsafeQuery."""
    begin = words.need("{")
    is_empty = words.now.kind == "}"
    narrow = metric is not None
    while not words.took("}"):
        narrow = _matcher(words, metric) or narrow
        if not words.took(","):
            words.need("}")
            break
    if not narrow:
        refuse("A selector needs a matcher that the empty value does not match.", begin.begin)
    return Place(begin.end, in_braces=True, beside_others=not is_empty)


def _matcher(words: Words, metric: Word | None) -> bool:
    """Whether it is one that the empty value does not match."""
    word = words.now
    if word.kind == STRING:
        name = meaning(words.take())
    elif word.kind == NAME and ":" not in word.text:
        name = words.take().text
    else:
        words.unexpected("a matcher")
    if not name:
        refuse("This name is empty.", word.begin)
    if is_internal(name):
        refuse(f"Labels that begin with {INTERNAL} are the backend's own.", word.begin)
    is_metric = word.kind == STRING and words.now.kind not in _OPERATORS
    if metric is not None and (is_metric or name == METRIC_NAME):
        refuse("The metric is named twice.", word.begin)
    if is_metric:
        return True
    if words.now.kind not in _OPERATORS:
        words.unexpected("=, !=, =~ or !~")
    operator = words.take()
    value = words.need(STRING)
    text = meaning(value)
    if name == METRIC_NAME and text.startswith(INTERNAL):
        refuse(f"Metrics that begin with {INTERNAL} are the backend's own.", value.begin)
    return selects_something(words, operator.kind, text, value.begin)
