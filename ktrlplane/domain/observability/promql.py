"""PromQL, understood: where its selectors are
(https://prometheus.io/docs/prometheus/latest/querying/basics/).

A parser by recursive descent, with the checks of types that the backend makes, so that nothing
is forwarded that it would not take.
"""

from collections.abc import Sequence
from typing import Final

from ktrlplane.domain.observability import literals
from ktrlplane.domain.observability.matchers import Matcher, Place, spliced
from ktrlplane.domain.observability.promql_durations import (
    modifier_duration,
    number,
    range_durations,
)
from ktrlplane.domain.observability.promql_functions import FUNCTIONS, HIDDEN_SERIES
from ktrlplane.domain.observability.promql_selectors import read_braces
from ktrlplane.domain.observability.promql_types import Expression, Form, Type
from ktrlplane.domain.observability.promql_words import read_words
from ktrlplane.domain.observability.words import (
    END,
    NAME,
    STRING,
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
_SETS: Final = frozenset({"and", "or", "unless"})
_COMPARISONS: Final = frozenset({"==", "!=", "<=", "<", ">=", ">"})
_PRECEDENCE: Final = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys((*_COMPARISONS, "</", ">/"), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_POWER: Final = 6
_LAST_MOMENT: Final = 2**63
_NUMBERS: Final = frozenset({"inf", "nan"})
_NO_METRIC: Final = frozenset(
    {"bool", "on", "ignoring", "group_left", "group_right", "atan2", *_NUMBERS}
)
_NO_LABEL: Final = frozenset({"without", *_NUMBERS})
_MODIFIERS: Final = frozenset({"offset", "anchored", "smoothed"})
_FILLS: Final = frozenset({"fill", "fill_left", "fill_right"})
_MODIFIABLE: Final = frozenset({Form.SELECTOR, Form.RANGE, Form.SUBQUERY})
_NUMERIC: Final = frozenset({Type.SCALAR, Type.VECTOR})


def scope_promql(query: str, matcher: Matcher) -> str:
    """``query`` with the matcher in every selector. Raises: UnsafeQuery."""
    return spliced(query, _Parser(query).query(), matcher)


def scope_series(selector: str, matcher: Matcher) -> str:
    """The same of a selector that stands alone. Raises: UnsafeQuery."""
    return spliced(selector, _Parser(selector).only_selector(), matcher)


def gives(query: str) -> Type:
    """Raises: UnsafeQuery."""
    return _Parser(query).whole().type


class _Parser:
    __slots__ = ("places", "words")

    def __init__(self, query: str) -> None:
        self.words: Words = read_words(query)
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
        while (precedence := _precedence(self.words.now)) >= least:
            operator = self.words.take()
            has_bool, matches = self.matching(operator)
            # The power binds to the right, all else to the left.
            right = self.binary(precedence + (precedence != _POWER))
            left = _joined(operator, left, right, has_bool=has_bool, matches=matches)
        self.words.back()
        return left

    def unary(self) -> Expression:
        sign = self.words.now
        if sign.kind not in ("+", "-"):
            return self.modified(self.primary())
        self.words.take()
        of = self.binary(_POWER)
        if of.type not in _NUMERIC:
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
            return Expression(of.type, Form.OTHER, word.begin)
        if word.kind == STRING:
            _require_meaning(self.words.take())
            return Expression(Type.STRING, Form.OTHER, word.begin)
        number(self.words)
        return Expression(Type.SCALAR, Form.OTHER, word.begin)

    def named(self, word: Word) -> Expression:
        keyword, following = word.text.lower(), self.words.then()
        if keyword in _PARAMETERS and (
            following.kind == "(" or following.text.lower() in ("by", "without")
        ):
            return self.aggregation(keyword)
        if keyword in _NUMBERS:
            self.words.take()
            return Expression(Type.SCALAR, Form.OTHER, word.begin)
        if following.kind == "(":
            return self.call(word)
        return self.selector()

    def aggregation(self, keyword: str) -> Expression:
        begin = self.words.take().begin
        is_grouped = self.grouped()
        arguments = self.arguments()
        if not is_grouped:
            self.grouped()
        parameter = _PARAMETERS[keyword]
        wanted = [Type.VECTOR] if parameter is None else [parameter, Type.VECTOR]
        _require_types(keyword, begin, wanted, arguments)
        return Expression(Type.VECTOR, Form.OTHER, begin)

    def grouped(self) -> bool:
        word = self.words.now
        if word.kind != NAME or word.text.lower() not in ("by", "without"):
            return False
        self.words.take()
        self.labels()
        return True

    def labels(self) -> frozenset[str]:
        """Those in parentheses."""
        self.words.need("(")
        found = set()
        while not self.words.took(")"):
            found.add(self.label())
            if not self.words.took(","):
                self.words.need(")")
                break
        return frozenset(found)

    def label(self) -> str:
        word = self.words.now
        if word.kind == STRING:
            self.words.take()
            name = _require_meaning(word)
        elif word.kind == NAME and word.text.lower() not in _NO_LABEL:
            name = self.words.take().text
        else:
            self.words.unexpected("the name of a label")
        if not name:
            refuse("A label has a name.", word.begin)
        return name

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
        if self.words.now.kind == "{":
            self.places.append(read_braces(self.words, metric))
        elif metric is not None:
            self.places.append(Place(metric.end, in_braces=False))
        return Expression(Type.VECTOR, Form.SELECTOR, word.begin)

    def matching(self, operator: Word) -> tuple[bool, bool]:
        """Whether there is ``bool``, and whether it is said what matches what."""
        has_bool = self.keyword("bool")
        kind = operator.text.lower()
        if has_bool and kind not in _COMPARISONS:
            refuse("bool is for comparisons.", operator.begin)
        matches = self.paired(kind, operator)
        return has_bool, self.filled(kind, operator) or matches

    def keyword(self, *wanted: str) -> bool:
        if self.words.now.kind == NAME and self.words.now.text.lower() in wanted:
            self.words.take()
            return True
        return False

    def paired(self, kind: str, operator: Word) -> bool:
        is_on = self.keyword("on")
        if not is_on and not self.keyword("ignoring"):
            return False
        paired = self.labels()
        if self.keyword("group_left", "group_right"):
            included = self.labels() if self.words.now.kind == "(" else frozenset()
            if kind in _SETS:
                refuse(f"{kind} does not group.", operator.begin)
            if is_on and paired & included:
                refuse("A label is in on and in group at once.", operator.begin)
        return True

    def filled(self, kind: str, operator: Word) -> bool:
        seen = list[str]()
        while (keyword := self.words.now.kind) in _FILLS:
            if seen and (keyword in seen or "fill" in (*seen, keyword)):
                self.words.unexpected("what is joined")
            seen.append(keyword)
            self.words.take()
            self.words.need("(")
            if self.words.now.kind in ("+", "-"):
                self.words.take()
            number(self.words)
            self.words.need(")")
        if seen and kind in _SETS:
            refuse(f"{kind} fills nothing in.", operator.begin)
        return bool(seen)


class _Modified(Expression):
    """A selector with an offset or the like, behind which no range may stand."""

    __slots__ = ()


def _precedence(word: Word) -> int:
    return _PRECEDENCE.get(word.text.lower() if word.kind == NAME else word.kind, 0)


def _is_metric(word: Word) -> bool:
    return word.kind == NAME and word.text.lower() not in _NO_METRIC


def _require_meaning(word: Word) -> str:
    meant = literals.unquoted(word.text)
    if meant is None:
        refuse("This string has an escape that is no character.", word.begin)
    return meant


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


def _joined(
    operator: Word, left: Expression, right: Expression, *, has_bool: bool, matches: bool
) -> Expression:
    for side in (left, right):
        if side.type not in _NUMERIC:
            refuse(f"{operator.text} is not for {side.type.value}.", side.begin)
    both = (left.type, right.type)
    kind = operator.text.lower()
    if Type.SCALAR in both:
        if kind in _SETS:
            refuse(f"{kind} is for two instant vectors.", operator.begin)
        if matches:
            refuse("Only two instant vectors are matched by labels.", operator.begin)
    if both == (Type.SCALAR, Type.SCALAR):
        if kind in _COMPARISONS and not has_bool:
            refuse("Two scalars are compared with bool.", operator.begin)
        return Expression(Type.SCALAR, Form.OTHER, left.begin)
    return Expression(Type.VECTOR, Form.OTHER, left.begin)
