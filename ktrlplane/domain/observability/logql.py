"""LogQL, understood: where its stream selectors are
(https://grafana.com/docs/loki/latest/query/).

A parser by recursive descent, with the checks that the backend makes when it parses.
"""

import math
from enum import Enum
from typing import Final

from ktrlplane.domain.observability.logql_pipelines import number, pipeline, read_selector
from ktrlplane.domain.observability.logql_ranges import (
    grouping,
    labels,
    log_range,
    range_aggregation,
)
from ktrlplane.domain.observability.logql_words import (
    RANGE_OPERATIONS,
    VECTOR_OPERATIONS,
    read_words,
)
from ktrlplane.domain.observability.matchers import Matcher, Place, spliced
from ktrlplane.domain.observability.matching import meaning, require_regex
from ktrlplane.domain.observability.words import (
    END,
    NUMBER,
    STRING,
    Room,
    Word,
    Words,
    refuse,
)

_SETS: Final = frozenset({"and", "or", "unless"})
_COMPARISONS: Final = frozenset({"==", "!=", "<=", "<", ">=", ">"})
_PRECEDENCE: Final = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(_COMPARISONS, 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
    "^": 6,
}
_POWER: Final = 6
_COUNTED: Final = frozenset({"topk", "bottomk", "approx_topk"})


class Kind(Enum):
    LOGS = "logs"
    METRIC = "a metric"
    LITERAL = "a number"


def scope_logql(query: str, matcher: Matcher, longest: float = math.inf) -> str:
    """``query`` with the matcher in every stream selector. A range in it is ``longest``
    milliseconds long at most. Raises: UnsafeQuery."""
    return spliced(query, _Parser(query, longest).query(), matcher)


def scope_streams(selector: str, matcher: Matcher, room: Room | None = None) -> str:
    """The same of a stream selector that stands alone, in what ``room`` others have left. Raises:
    UnsafeQuery."""
    return spliced(selector, _Parser(selector, room=room).only_selector(), matcher)


def asks_for_logs(query: str) -> bool:
    """Whether lines are what it gives, and not numbers. Raises: UnsafeQuery."""
    return _Parser(query).whole() is Kind.LOGS


class _Parser:
    __slots__ = ("places", "words")

    def __init__(self, query: str, longest: float = math.inf, room: Room | None = None) -> None:
        self.words: Words = read_words(query, longest, room)
        self.places: list[Place] = []

    def query(self) -> list[Place]:
        self.whole()
        return self.places

    def whole(self) -> Kind:
        kind = self.variants() if self.words.now.kind == "variants" else self.binary(1)
        if self.words.now.kind == "|" and self.words.then().kind == "unwrap":
            refuse(
                "unwrap is for what counts over time: sum_over_time({...} | unwrap x [5m]).",
                self.words.then().begin,
            )
        if self.words.now.kind != END:
            self.words.unexpected("an operator")
        return kind

    def variants(self) -> Kind:
        """Several metrics of the same logs, which are read once."""
        words = self.words
        words.take()
        words.need("(")
        self.metric()
        while words.took(","):
            self.metric()
        for kind in (")", "of", "("):
            words.need(kind)
        log_range(words, self.places)
        words.need(")")
        return Kind.METRIC

    def only_selector(self) -> list[Place]:
        self.selector()
        if self.words.now.kind != END:
            self.words.unexpected("nothing after the selector")
        return self.places

    def selector(self) -> None:
        self.places.append(read_selector(self.words))

    def binary(self, least: int) -> Kind:
        words = self.words
        words.deeper()
        left = self.primary()
        while (precedence := _PRECEDENCE.get(words.now.kind, 0)) >= least:
            operator = words.take()
            if left is Kind.LOGS:
                refuse(f"{operator.text} is for metrics, not for logs.", operator.begin)
            self.matching(operator)
            begin = words.now.begin
            right = self.binary(precedence + (precedence != _POWER))
            if right is Kind.LOGS:
                refuse(f"{operator.text} is for metrics, not for logs.", begin)
            left = _joined(operator, left, right)
        words.back()
        return left

    def matching(self, operator: Word) -> None:
        words = self.words
        if words.took("bool") and operator.kind not in _COMPARISONS:
            refuse("bool is for comparisons.", operator.begin)
        if not (words.took("on") or words.took("ignoring")):
            return
        labels(words)
        if (words.took("group_left") or words.took("group_right")) and words.now.kind == "(":
            labels(words)

    def primary(self) -> Kind:
        words = self.words
        word = words.now
        if word.kind == "(":
            words.take()
            kind = self.binary(1)
            words.need(")")
            return kind
        if word.kind == "{":
            self.selector()
            pipeline(words)
            return Kind.LOGS
        if word.kind in ("+", "-"):
            words.take()
            number(words)
            return Kind.LITERAL
        if word.kind == NUMBER:
            number(words)
            return Kind.LITERAL
        return self.named(word)

    def named(self, word: Word) -> Kind:
        if word.kind in RANGE_OPERATIONS:
            range_aggregation(self.words, self.places)
        elif word.kind in VECTOR_OPERATIONS:
            self.vector_aggregation()
        elif word.kind == "label_replace":
            self.label_replace()
        elif word.kind == "vector":
            self.words.take()
            self.words.need("(")
            number(self.words)
            self.words.need(")")
        else:
            self.words.unexpected("an expression")
        return Kind.METRIC

    def metric(self) -> None:
        """Inside of what takes one."""
        begin = self.words.now.begin
        if self.binary(1) is Kind.LOGS:
            refuse("Expected a metric, found logs.", begin)

    def vector_aggregation(self) -> None:
        words = self.words
        word = words.take()
        grouped = grouping(words)
        words.need("(")
        self.count(word)
        self.metric()
        words.need(")")
        if grouped is None:
            grouped = grouping(words)
        if (word.kind == "approx_topk" and grouped is not None) or (
            word.kind in ("sort", "sort_desc") and grouped
        ):
            refuse(f"{word.text} does not group.", word.begin)

    def count(self, word: Word) -> None:
        words = self.words
        if word.kind not in _COUNTED:
            return
        count = words.need(NUMBER)
        is_short = count.text.isdecimal() and len(count.text) <= len(str(_MOST_COUNTED))
        if not is_short or not 0 < int(count.text) <= _MOST_COUNTED:
            refuse(f"{word.text} takes a whole number from 1 on.", count.begin)
        words.need(",")

    def label_replace(self) -> None:
        words = self.words
        words.take()
        words.need("(")
        self.metric()
        texts = []
        for _ in range(4):
            words.need(",")
            texts.append(words.need(STRING))
        require_regex(words, meaning(texts[-1]), texts[-1].begin)
        words.need(")")


_MOST_COUNTED: Final = 2**31


def _joined(operator: Word, left: Kind, right: Kind) -> Kind:
    if operator.kind in _SETS and Kind.LITERAL in (left, right):
        refuse(f"{operator.text} is not for numbers.", operator.begin)
    return Kind.LITERAL if left is right is Kind.LITERAL else Kind.METRIC
