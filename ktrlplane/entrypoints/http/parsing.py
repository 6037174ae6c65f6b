"""JSON that came in, as values, and what cannot be kept of it."""

from typing import Any, Final

import orjson

from ktrlplane.domain.documents import MAX_DEPTH, MAX_KEY, faults_of
from ktrlplane.domain.errors import Fault

_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def parse(raw: bytes) -> tuple[Any, list[Fault]]:
    """The value, and what no store could keep of it. Raises: ValueError for what is not JSON."""
    value = orjson.loads(raw)
    return value, [] if is_harmless(raw) else faults_of(value)


def is_harmless(raw: bytes) -> bool:
    """Whether JSON can hold nothing that ``faults_of`` would find, by its text alone: that
    costs a tenth of looking at each value, and nearly every body is so. Without escapes a
    text is as it stands, and numbers beyond range are no JSON for orjson."""
    if not raw.isascii() or b"\\" in raw:
        return False
    pieces = raw.split(b'"')  # what is outside of texts, and what is inside, by turns
    if len(max(pieces, key=len)) > MAX_KEY:
        return False
    nesting = b"".join(pieces[::2]).translate(_BRACES, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not nesting:
            return True
        nesting = nesting.replace(b"{}", b"")  # the innermost level
    return False
