"""JSON documents that people wrote: kept as text, read when somebody looks inside."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Self, final

from ktrlplane.domain.errors import Fault

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
MAX_DEPTH: Final = 64
"""Levels of nesting; deeper documents are refused before any recursive code sees them."""


@final
class Document:
    """A JSON object, immutable, equal by content. ``text`` is JSON; ``value`` is it, read.

    Reading is put off until somebody asks: lists hand thousands of documents through.
    Nobody may change ``value``.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """``value`` has passed ``faults_of``. Raises ValueError for what JSON cannot say."""
        return cls(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))

    @cached_property
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
        # Comparing values would take true for 1.
        return json.dumps(self.value, sort_keys=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


def escape(key: str | int) -> str:
    """One step of a JSON pointer (RFC 6901 section 3)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{escape(step)}" for step in path)


def faults_of(document: object, at: str = "") -> list[Fault]:
    """What no store could keep: NUL, numbers beyond range, nesting without end.

    Walks without recursion, so that the input cannot exhaust the stack.
    """
    faults: list[Fault] = []
    todo: list[tuple[str, object, int]] = [(at, document, 0)]
    while todo:
        here, value, depth = todo.pop()
        if depth > MAX_DEPTH:
            return [Fault(at, "too_deep", f"Nest at most {MAX_DEPTH} levels.")]
        if isinstance(value, str):
            faults += _text_faults(here, value)
        elif isinstance(value, float):
            if not math.isfinite(value):
                faults.append(Fault(here, "number_range", "The number is too large."))
        elif isinstance(value, dict | list):
            if isinstance(value, dict):
                faults += [fault for key in value for fault in _text_faults(here, key)]
            todo += [(f"{here}/{escape(k)}", v, depth + 1) for k, v in members(value)]
    return sorted(faults, key=lambda fault: fault.pointer)


def _text_faults(at: str, text: str) -> list[Fault]:
    if "\0" in text:
        return [Fault(at, "nul", "Text must not contain the NUL character.")]
    if not text.isascii() and _SURROGATE.search(text):
        return [Fault(at, "surrogate", "Text must not contain half of a surrogate pair.")]
    return []


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
