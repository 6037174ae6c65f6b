"""What events tell of things: their fields as JSON, without what is secret."""

import enum
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final

from attrs import AttrsInstance, fields_dict, has

from ktrlplane.domain.access import Permission, Scope
from ktrlplane.domain.canonical_json import MAX_INTEGER
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity
from ktrlplane.domain.paging import time_key

REDACTED: Final = "[redacted]"
UNTOLD_TIMES: Final = frozenset({"created_at", "updated_at", "deleted_at", "claims_at"})
"""The event has a time of its own."""
_SECRET: Final = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|api_?key|private_?key|access_?key"
    r"|connection_?string|authorization|cookie",
    re.IGNORECASE,
)


def snapshot(
    thing: AttrsInstance | None, without: frozenset[str] = frozenset()
) -> dict[str, Any] | None:
    """Its fields as JSON. ``without`` are names of fields that say nothing to others."""
    if thing is None:
        return None
    kind: Any = type(thing)
    told: dict[str, Any] = {}
    for name in _told_of(kind, without):
        value = getattr(thing, name)
        if isinstance(value, Scope):
            told |= {"scope_type": value.scope_type.value, "scope_id": value.scope_id}
        else:
            told[name] = _plain(value)
    return told


@cache
def _told_of(kind: type, without: frozenset[str]) -> Sequence[str]:
    untold = UNTOLD_TIMES | without
    return [name for name in fields_dict(kind) if name not in untold and name[0] != "_"]


def _plain(value: object) -> Any:
    kind: Any = type(value)
    written = _writer(kind)
    return value if written is None else written(value)


@cache
def _writer(kind: type) -> Callable[[Any], Any] | None:
    """What makes JSON of values of this type; None where they are JSON."""
    for known, written in _WRITTEN:
        if issubclass(kind, known):
            return written
    return snapshot if has(kind) else None


_WRITTEN: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (enum.Enum, lambda word: word.value),
    (Identity, lambda identity: identity.value),
    (datetime, time_key),
    (Document, lambda document: document.value),
    (Permission, str),
    (tuple, lambda values: [_plain(one) for one in values]),
)


def redacted(value: Any, places: Collection[str] = ()) -> Any:
    """``value``, a JSON document, without what is secret: what is at ``places``, patterns as
    ``secret_places`` gives them, and what goes by the name of a secret. Numbers that not every
    reader of JSON takes as they are become text."""
    return _redacted(value, [_tree(frozenset(places))])


_Tree = dict[str | None, Any]
"""What is below each step of some places. Where one ends there is the step None."""


@lru_cache(maxsize=256)
def _tree(places: frozenset[str]) -> _Tree:
    root: _Tree = {}
    for place in places:
        here = root
        for step in place.split("/")[1:]:
            here = here.setdefault(step.replace("~1", "/").replace("~0", "~"), {})
        here[None] = True
    return root


def _redacted(value: Any, trees: Sequence[_Tree]) -> Any:
    if isinstance(value, Mapping):
        return {key: _member(key, one, _below(trees, key)) for key, one in value.items()}
    if isinstance(value, list):
        below = _below(trees, None)
        return [REDACTED if _ends(below) else _redacted(one, below) for one in value]
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return str(value)
    return value


def _member(key: str, value: Any, below: Sequence[_Tree]) -> Any:
    # A number or a yes or no is no secret by its name: ``max_tokens`` is not.
    is_secret = _ends(below) or (not isinstance(value, int | float) and _names_a_secret(key))
    return REDACTED if is_secret and value is not None else _redacted(value, below)


@lru_cache(maxsize=4096)
def _names_a_secret(key: str) -> bool:
    return _SECRET.search(key) is not None


def _ends(trees: Sequence[_Tree]) -> bool:
    return any(None in tree for tree in trees)


def _below(trees: Sequence[_Tree], key: str | None) -> Sequence[_Tree]:
    """What is left of the places that go through ``key``; None is a place in a list."""
    if not trees:
        return ()
    steps = ("*",) if key is None else ("*", key)
    return [tree[step] for tree in trees for step in steps if step in tree]


def changes_of(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The data of an event: of what is new or gone all that is known, else what has changed,
    with null for a member that is not there on one of the sides."""
    if before is None or after is None:
        return {"before": before, "after": after}
    was, is_now = _changed(before, after)
    return {"before": was, "after": is_now}


def _changed(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    was: dict[str, Any] = {}
    is_now: dict[str, Any] = {}
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key), after.get(key)
        if _same(one, other):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            one, other = _changed(one, other)
        was[key], is_now[key] = one, other
    return was, is_now


def _same(one: Any, other: Any) -> bool:
    """As JSON: comparing values alone would take true for 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
