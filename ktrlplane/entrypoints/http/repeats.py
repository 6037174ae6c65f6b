"""Members of JSON objects that are given more than once."""

import json
from collections import Counter
from typing import Any, Final

import orjson

from ktrlplane.domain.documents import MAX_DEPTH, MAX_KEY, TOO_DEEP, Link, members, spelled
from ktrlplane.domain.errors import MAX_FAULTS, Fault

_CODE: Final = "duplicate_key"
_DETAIL: Final = "This stands here more than once; send it once."


class _Repeating(dict[str, Any]):
    repeated: list[str]


def find(raw: bytes, value: object) -> list[Fault]:
    """By pointer, at most ``MAX_FAULTS``. ``raw`` is JSON in UTF-8, and ``value`` what orjson
    reads there: of each name the last member."""
    if b"\\" not in raw and raw.count(b":") == orjson.dumps(value).count(b":"):
        return []  # a member that is lost takes its colon with it
    return _found(raw)


def _found(raw: bytes) -> list[Fault]:
    found: list[_Repeating] = []

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            made = _repeating(pairs)
            found.append(made)
        return made

    try:
        # Numbers stay text: nobody asks for them here, and Python refuses to read the longest.
        document = json.loads(
            raw.decode(), object_pairs_hook=noted, parse_int=str, parse_float=str
        )
    except RecursionError:
        # In a member that a later one of its name hides from everybody else.
        return [Fault("", TOO_DEEP, f"Nest at most {MAX_DEPTH} levels.")]
    return _faults(document) if found else []


def _repeating(pairs: list[tuple[str, Any]]) -> _Repeating:
    counted = Counter(name for name, _ in pairs)
    made = _Repeating(pairs)
    made.repeated = [name for name, number in counted.items() if number > 1]
    return made


def _faults(document: object) -> list[Fault]:
    """At least one."""
    faults: list[Fault] = []
    todo: list[tuple[Link, object]] = [(None, document)]
    while todo and len(faults) < MAX_FAULTS:
        link, value = todo.pop()
        if isinstance(value, _Repeating):
            names = [name for name in value.repeated[:MAX_FAULTS] if len(name) <= MAX_KEY]
            faults += [Fault(spelled((link, name)), _CODE, _DETAIL) for name in names]
        todo += [
            ((link, key), member)
            for key, member in members(value)
            if isinstance(key, int) or len(key) <= MAX_KEY
        ]
    return sorted(faults, key=lambda fault: fault.pointer) or [Fault("", _CODE, _DETAIL)]
