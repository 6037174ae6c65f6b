"""PromQL, understood: where its selectors are
(https://prometheus.io/docs/prometheus/latest/querying/basics/).

A parser by recursive descent, with the checks of types that the backend makes, so that nothing
is forwarded that it would not take.
"""

import math
from collections.abc import Sequence
from typing import Final

from ktrlplane.domain.observability.label_names import INTERNAL
from ktrlplane.domain.observability.matchers import Matcher, Place, spliced
from ktrlplane.domain.observability.matching import meaning, require_regex
from ktrlplane.domain.observability.promql_durations import (
    modifier_duration,
    number,
    range_durations,
)
from ktrlplane.domain.observability.promql_functions import FUNCTIONS, HIDDEN_SERIES
from ktrlplane.domain.observability.promql_operators import (
    NUMBERS,
    NUMERIC,
    POWER,
    grouped,
    joined,
    matching,
    precedence_of,
)
from ktrlplane.domain.observability.promql_selectors import read_braces
from ktrlplane.domain.observability.promql_types import Expression, Form, Type
from ktrlplane.domain.observability.promql_words import read_words
from ktrlplane.domain.observability.words import (
    END,
    NAME,
    STRING,
    Room,
    Word,
    Words,
    refuse,
)

_PARAMETERS: Final = {
    **dict.fromkeys(("topk", "bottomk", "quantile", "limitk", "limit_ratio"), Type.SCALAR),
    "count_values": Type.STRING,
    **dict.fromkeys(("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar")),
}
"""What aggregations take before the vector."""
_LAST_MOMENT: Final = 2**63
_NO_METRIC: Final = frozenset(
    {"bool", "on", "ignoring", "group_left", "group_right", "atan2", *NUMBERS}
)
_WITH_REGEX: Final = "label_replace"
"""Its last argument is one."""
_MODIFIERS: Final = frozenset({"offset", "anchored", "smoothed"})
_MODIFIABLE: Final = frozenset({Form.SELECTOR, Form.RANGE, Form.SUBQUERY})


def scope_promql(query: str, matcher: Matcher, longest: float = math.inf) -> str:
    """``query`` with the matcher in every selector. A range in it is ``longest`` milliseconds
    long at most. Raises: UnsafeQuery."""
    return spliced(query, _Parser(query, longest).query(), matcher)


def scope_series(selector: str, matcher: Matcher, room: Room | None = None) -> str:
    """The same of a selector that stands alone, in what ``room`` others have left. Raises:
    UnsafeQuery."""
    return spliced(selector, _Parser(selector, room=room).only_selector(), matcher)


def gives(query: str) -> Type:
    """Raises: UnsafeQuery."""
    return _Parser(query).whole().type


class _Parser:
    __slots__ = ("places", "words")

    def __init__(self, query: str, longest: float = math.inf, room: Room | None = None) -> None:
        self.words: Words = read_words(query, longest, room)
        self.places: list[Place] = []

    def query(self) -> list[Place]:
        self.whole()
        return self.places

    def whole(self) -> Expression:
        expression = self.binary(1)
        if self.words.now.kind != END:
            self.words.unexpected("an operator")
        return expression

    def only_selector(self) -> list[Place]:
        word = self.words.now
        if word.kind != "{" and not _is_metric(word):
            self.words.unexpected("a selector")
        self.selector()
        if self.words.now.kind != END:
            self.words.unexpected("nothing after the selector")
        return self.places

    def binary(self, least: int) -> Expression:
        self.words.deeper()
        left = self.unary()
        while (precedence := precedence_of(self.words.now)) >= least:
            operator = self.words.take()
            matched = matching(self.words, operator)
            # The power binds to the right, all else to the left.
            right = self.binary(precedence + (precedence != POWER))
            left = joined(operator, left, right, matched)
        self.words.back()
        return left

    def unary(self) -> Expression:
        sign = self.words.now
        if sign.kind not in ("+", "-"):
            return self.modified(self.primary())
        self.words.take()
        of = self.binary(POWER)
        if of.type not in NUMERIC:
            refuse(f"{sign.text} is not for {of.type.value}.", sign.begin)
        return Expression(of.type, Form.OTHER, sign.begin)

    def modified(self, of: Expression) -> Expression:
        words, seen = self.words, set[str]()
        while True:
            word = words.now
            keyword = word.text.lower()
            if word.kind == "[":
                if seen and of.form is Form.SELECTOR:
                    of = _Modified(*of)
                of = self.ranged(of)
                seen = set()
            elif word.kind == "@" or (word.kind == NAME and keyword in _MODIFIERS):
                _require_modifiable(of, word)
                kind = "anchored" if keyword == "smoothed" else keyword
                if kind in seen:
                    refuse(f"{word.text} is said twice.", word.begin)
                seen.add(kind)
                words.take()
                self.modifier(keyword, of, word)
            else:
                return of

    def modifier(self, keyword: str, of: Expression, word: Word) -> None:
        if keyword == "offset":
            modifier_duration(self.words)
        elif keyword == "@":
            self.moment()
        elif of.form is Form.SUBQUERY:
            refuse(f"{word.text} is not for subqueries.", word.begin)

    def moment(self) -> None:
        word = self.words.now
        if word.kind == NAME and word.text.lower() in ("start", "end"):
            self.words.take()
            self.words.need("(")
            self.words.need(")")
            return
        if word.kind in ("+", "-"):
            self.words.take()
        begin = self.words.now.begin
        if not abs(number(self.words)) < _LAST_MOMENT:
            refuse("This is no moment.", begin)

    def ranged(self, of: Expression) -> Expression:
        begin = self.words.take().begin
        is_subquery = range_durations(self.words)
        if is_subquery:
            if of.type is not Type.VECTOR:
                refuse(f"A subquery is not for {of.type.value}.", begin)
            return Expression(Type.MATRIX, Form.SUBQUERY, of.begin)
        if of.form is not Form.SELECTOR or isinstance(of, _Modified):
            refuse("A range stands right behind a selector.", begin)
        return Expression(Type.MATRIX, Form.RANGE, of.begin)

    def primary(self) -> Expression:
        word = self.words.now
        if word.kind == NAME:
            return self.named(word)
        if word.kind == "{":
            return self.selector()
        if word.kind == "(":
            self.words.take()
            of = self.binary(1)
            self.words.need(")")
            return Expression(of.type, Form.OTHER, word.begin, of.text)
        if word.kind == STRING:
            text = meaning(self.words.take())
            return Expression(Type.STRING, Form.OTHER, word.begin, text)
        number(self.words)
        return Expression(Type.SCALAR, Form.OTHER, word.begin)

    def named(self, word: Word) -> Expression:
        keyword, following = word.text.lower(), self.words.then()
        if keyword in _PARAMETERS and (
            following.kind == "(" or following.text.lower() in ("by", "without")
        ):
            return self.aggregation(keyword)
        if keyword in NUMBERS:
            self.words.take()
            return Expression(Type.SCALAR, Form.OTHER, word.begin)
        if following.kind == "(":
            return self.call(word)
        return self.selector()

    def aggregation(self, keyword: str) -> Expression:
        begin = self.words.take().begin
        is_grouped = grouped(self.words)
        arguments = self.arguments()
        if not is_grouped:
            grouped(self.words)
        parameter = _PARAMETERS[keyword]
        wanted = [Type.VECTOR] if parameter is None else [parameter, Type.VECTOR]
        _require_types(keyword, begin, wanted, arguments)
        return Expression(Type.VECTOR, Form.OTHER, begin)

    def call(self, word: Word) -> Expression:
        if word.text in HIDDEN_SERIES:
            refuse(f"{word.text}() reads series that no selector names.", word.begin)
        function = FUNCTIONS.get(word.text)
        if function is None:
            refuse(f"There is no function {word.text}() that is known here.", word.begin)
        self.words.take()
        arguments = self.arguments()
        count = len(arguments)
        if count < function.least or (function.most is not None and count > function.most):
            refuse(f"{word.text}() does not take {count} arguments.", word.begin)
        last = function.takes[-1:]
        wanted = [*function.takes, *(last * (count - len(function.takes)))][:count]
        _require_types(word.text, word.begin, wanted, arguments)
        if word.text == _WITH_REGEX:
            require_regex(self.words, arguments[-1].text or "", arguments[-1].begin)
        return Expression(function.gives, Form.OTHER, word.begin)

    def arguments(self) -> list[Expression]:
        self.words.need("(")
        if self.words.took(")"):
            return []
        found = [self.binary(1)]
        while self.words.took(","):
            found.append(self.binary(1))
        self.words.need(")")
        return found

    def selector(self) -> Expression:
        word = self.words.now
        metric = None
        if word.kind == NAME:
            if not _is_metric(word):
                self.words.unexpected("an expression")
            metric = self.words.take()
            if metric.text.startswith(INTERNAL):
                refuse(f"Metrics that begin with {INTERNAL} are the backend's own.", word.begin)
        if self.words.now.kind == "{":
            self.places.append(read_braces(self.words, metric))
        elif metric is not None:
            self.places.append(Place(metric.end, in_braces=False))
        return Expression(Type.VECTOR, Form.SELECTOR, word.begin)


class _Modified(Expression):
    """A selector with an offset or the like, behind which no range may stand."""

    __slots__ = ()


def _is_metric(word: Word) -> bool:
    return word.kind == NAME and word.text.lower() not in _NO_METRIC


def _require_modifiable(of: Expression, word: Word) -> None:
    if of.form not in _MODIFIABLE:
        refuse(f"{word.text} stands behind a selector, a range or a subquery.", word.begin)


def _require_types(
    name: str, begin: int, wanted: Sequence[Type], found: Sequence[Expression]
) -> None:
    if len(wanted) != len(found):
        refuse(f"{name} takes {len(wanted)} arguments, not {len(found)}.", begin)
    for want, one in zip(wanted, found, strict=True):
        if one.type is not want:
            refuse(f"{name} takes {want.value} here, not {one.type.value}.", one.begin)
