"""What stands between two expressions of PromQL, and labels in parentheses
(https://prometheus.io/docs/prometheus/latest/querying/operators/)."""

import re
from typing import Final, NamedTuple

from ktrlplane.domain.observability.matching import meaning
from ktrlplane.domain.observability.promql_durations import number
from ktrlplane.domain.observability.promql_types import Expression, Form, Type
from ktrlplane.domain.observability.words import NAME, STRING, Word, Words, refuse

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
POWER: Final = 6
NUMBERS: Final = frozenset({"inf", "nan"})
NUMERIC: Final = frozenset({Type.SCALAR, Type.VECTOR})
_NO_LABEL: Final = frozenset({"without", *NUMBERS})
_FILLS: Final = frozenset({"fill", "fill_left", "fill_right"})


class Matched(NamedTuple):
    """Whether there is ``bool``, and whether it is said which series go together."""

    has_bool: bool
    by_labels: bool


_PLAIN: Final = re.compile(r"[\w.:/-]+")


def precedence_of(word: Word) -> int:
    """0 for what is no operator."""
    return _PRECEDENCE.get(word.text.lower() if word.kind == NAME else word.kind, 0)


def matching(words: Words, operator: Word) -> Matched:
    """What stands behind the operator. Raises: UnsafeQuery."""
    has_bool = _keyword(words, "bool")
    kind = operator.text.lower()
    if has_bool and kind not in _COMPARISONS:
        refuse("bool is for comparisons.", operator.begin)
    is_paired = _paired(words, kind, operator)
    is_filled = _filled(words, kind, operator)
    return Matched(has_bool, is_paired or is_filled)


def joined(operator: Word, left: Expression, right: Expression, matched: Matched) -> Expression:
    """Raises: UnsafeQuery."""
    for side in (left, right):
        if side.type not in NUMERIC:
            refuse(f"{operator.text} is not for {side.type.value}.", side.begin)
    both = (left.type, right.type)
    kind = operator.text.lower()
    if Type.SCALAR in both:
        if kind in _SETS:
            refuse(f"{kind} is for two instant vectors.", operator.begin)
        if matched.by_labels:
            refuse("Only two instant vectors are matched by labels.", operator.begin)
    if both == (Type.SCALAR, Type.SCALAR):
        if kind in _COMPARISONS and not matched.has_bool:
            refuse("Two scalars are compared with bool.", operator.begin)
        return Expression(Type.SCALAR, Form.OTHER, left.begin)
    return Expression(Type.VECTOR, Form.OTHER, left.begin)


def grouped(words: Words) -> bool:
    """Whether that is what comes next. Raises: UnsafeQuery."""
    if not _keyword(words, "by", "without"):
        return False
    _labels(words)
    return True


def _keyword(words: Words, *wanted: str) -> bool:
    if words.now.kind == NAME and words.now.text.lower() in wanted:
        words.take()
        return True
    return False


def _paired(words: Words, kind: str, operator: Word) -> bool:
    is_on = _keyword(words, "on")
    if not is_on and not _keyword(words, "ignoring"):
        return False
    paired = _labels(words)
    if _keyword(words, "group_left", "group_right"):
        included = _labels(words) if words.now.kind == "(" else frozenset()
        if kind in _SETS:
            refuse(f"{kind} does not group.", operator.begin)
        if is_on and paired & included:
            refuse("A label is in on and in group at once.", operator.begin)
    return True


def _filled(words: Words, kind: str, operator: Word) -> bool:
    seen = list[str]()
    while (keyword := words.now.kind) in _FILLS:
        if seen and (keyword in seen or "fill" in (*seen, keyword)):
            words.unexpected("what is joined")
        seen.append(keyword)
        words.take()
        words.need("(")
        if words.now.kind in ("+", "-"):
            words.take()
        number(words)
        words.need(")")
    if seen and kind in _SETS:
        refuse(f"{kind} fills nothing in.", operator.begin)
    return bool(seen)


def _labels(words: Words) -> frozenset[str]:
    """Those in parentheses."""
    words.need("(")
    found = set()
    while not words.took(")"):
        found.add(_label(words))
        if not words.took(","):
            words.need(")")
            break
    return frozenset(found)


def _label(words: Words) -> str:
    word = words.now
    if word.kind == STRING:
        name = meaning(words.take())
        # Prometheus before 0.310 prints it without the quotes, and Mimir parses that again.
        if name and not _PLAIN.fullmatch(name):
            refuse("A label that is named here has letters, digits and _.:/- alone.", word.begin)
    elif word.kind == NAME and word.text.lower() not in _NO_LABEL:
        name = words.take().text
    else:
        words.unexpected("the name of a label")
    if not name:
        refuse("A label has a name.", word.begin)
    return name
