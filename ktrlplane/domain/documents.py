"""JSON documents that people wrote: kept as text, read when somebody looks inside."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, Final, Self, final

from attrs import frozen

from ktrlplane.domain.errors import MAX_FAULTS, Fault

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
MAX_DEPTH: Final = 64
"""Levels of nesting; deeper documents are refused before any recursive code sees them."""
TOO_DEEP: Final = "too_deep"
MAX_KEY: Final = 1024
"""Characters in the name of a member: names are repeated in pointers."""


@final
class Document:
    """A JSON object, immutable, equal by content. ``text`` is JSON; ``value`` is it, read.

    Reading is put off until somebody asks: lists hand thousands of documents through. Every
    reading is a copy of its own, so that whoever changes one changes no document.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """``value`` has passed ``faults_of``. Raises ValueError for what JSON cannot say."""
        return cls(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))

    @property
    def value(self) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = json.loads(self.text)
        return loaded

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Document):
            return NotImplemented
        return self.text == other.text or self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical)

    @property
    def _canonical(self) -> str:
        return _written(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


def escape(key: str | int) -> str:
    """One step of a JSON pointer (RFC 6901 section 3)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{escape(step)}" for step in path)


Link = tuple["Link", str | int] | None
"""The way to a value, from its end: spelled out only where something is wrong, since writing
down the pointer of every value costs their number times their length."""


def faults_of(document: object, at: str = "") -> list[Fault]:
    """What no store could keep: NUL, numbers beyond range, nesting and names without end.
    About ``MAX_FAULTS``.

    Walks without recursion, so that the input cannot exhaust the stack.
    """
    faults: list[Fault] = []
    todo: list[tuple[Link, object, int]] = [(None, document, 0)]
    while todo and len(faults) < MAX_FAULTS:
        link, value, depth = todo.pop()
        if depth > MAX_DEPTH:
            return [Fault(at, TOO_DEEP, f"Nest at most {MAX_DEPTH} levels.")]
        found: Iterable[_Flaw] = ()
        if isinstance(value, str):
            found = _text_flaws(value)
        elif isinstance(value, float):
            found = [] if math.isfinite(value) else [_TOO_LARGE]
        elif isinstance(value, dict):
            if not all(map(_is_plain, value)):
                found = (flaw for key in value for flaw in _key_flaws(key))
            todo += [
                ((link, k), v, depth + 1)
                for k, v in value.items()
                if (depth == MAX_DEPTH or not _is_plain(v)) and _is_short(k)
            ]
        elif isinstance(value, list):
            todo += [
                ((link, k), v, depth + 1)
                for k, v in enumerate(value)
                if depth == MAX_DEPTH or not _is_plain(v)
            ]
        faults += [Fault(at + spelled(link), *flaw) for flaw in islice(found, MAX_FAULTS)]
    return sorted(faults, key=lambda fault: fault.pointer)


_Flaw = tuple[str, str]
_TOO_LARGE: Final = ("number_range", "The number is too large.")


def spelled(link: Link) -> str:
    steps: list[str | int] = []
    while link is not None:
        link, step = link
        steps.append(step)
    return pointer(steps[::-1])


def _is_plain(value: object) -> bool:
    """Nearly everything is; what is need not be looked at twice."""
    if type(value) is str:
        return len(value) <= MAX_KEY and value.isascii() and "\0" not in value
    return value is None or type(value) is int or type(value) is bool


def _is_short(key: str) -> bool:
    return len(key) <= MAX_KEY


def _key_flaws(key: str) -> Iterator[_Flaw]:
    if not _is_short(key):
        yield "key_too_long", f"The name of a member has at most {MAX_KEY} characters."
    else:
        yield from _text_flaws(key)


def _text_flaws(text: str) -> Iterator[_Flaw]:
    if "\0" in text:
        yield "nul", "Text must not contain the NUL character."
    elif not text.isascii() and _SURROGATE.search(text):
        yield "surrogate", "Text must not contain half of a surrogate pair."


def members(value: object) -> Iterator[tuple[str | int, Any]]:
    """The members of an object or array, each with its key or index; of a scalar, none."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def select(document: object, pattern: str) -> Iterator[tuple[str, Any]]:
    """Every value at ``pattern``, with its pointer, in document order.

    ``pattern`` is a JSON pointer whose steps may be ``*``: every member there.
    """
    found: list[tuple[str, Any]] = [("", document)]
    for step in pattern.split("/")[1:]:
        found = [
            (f"{here}/{escape(key)}", value)
            for here, parent in found
            for key, value in members(parent)
            if step in ("*", escape(key))
        ]
    yield from found


def merge_patch(target: object, patch: object) -> Any:
    """``target`` with ``patch`` applied: JSON Merge Patch (RFC 7396 section 2)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def without(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not as in ``defaults``; arrays and scalars are so as a whole."""
    kept: dict[str, Any] = {}
    for key, value in document.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            value = without(value, default)  # noqa: PLW2901
            if value:
                kept[key] = value
        elif key not in defaults or _written(value) != _written(default):
            kept[key] = value
    return kept


@frozen
class Difference:
    """``pointer`` (RFC 6901) is where two documents differ; None stands for what is not there.
    Where ``omitted``, what the two values are is not told (see ``bounded``)."""

    pointer: str
    before: Any
    after: Any
    omitted: bool = False

    @classmethod
    def without_values(cls, pointer: str) -> Self:
        return cls(pointer, None, None, omitted=True)

    def kept(self) -> dict[str, Any]:
        """As it is put away: what tells nothing is left out."""
        told = {"pointer": self.pointer, "before": self.before, "after": self.after}
        return told | {"omitted": True} if self.omitted else told


def differences(before: object, after: object, at: str = "") -> Iterator[Difference]:
    """By member, in the order of ``before``. Arrays differ as a whole, as in a merge patch."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if _written(before) != _written(after):
            yield Difference(at, before, after)
        return
    for key in dict.fromkeys((*before, *after)):
        here = f"{at}/{escape(key)}"
        if key in before and key in after:
            yield from differences(before[key], after[key], here)
        else:
            yield Difference(here, before.get(key), after.get(key))


def bounded(found: Iterable[Difference], most: int, rest: str) -> list[Difference]:
    """``found`` in about ``most`` bytes of JSON. The first values that do not fit are told of
    without them; where not even pointers fit, no values are told, and what is left is told as one
    at ``rest``, the pointer of what they are in."""
    each = [(one, Difference.without_values(one.pointer)) for one in found]
    bare_sizes = [size_of(bare.kept()) for _, bare in each]
    room = most - sum(bare_sizes)
    if room < 0:
        fit = sum(1 for upto in accumulate(bare_sizes) if upto <= most)
        return [*(bare for _, bare in each[:fit]), Difference.without_values(rest)]
    told = []
    for (whole, bare), bare_size in zip(each, bare_sizes, strict=True):
        more = size_of(whole.kept()) - bare_size
        told.append(whole if more <= room else bare)
        room -= more if more <= room else 0
    return told


def size_of(value: object) -> int:
    """Bytes of JSON, as PostgreSQL writes it."""
    return len(json.dumps(value, ensure_ascii=False, default=str).encode())


def _written(value: object) -> str:
    # Comparing values would take true for 1.
    return json.dumps(value, sort_keys=True)
