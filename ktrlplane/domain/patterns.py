"""Patterns of JSON Schema, which are those of ECMAScript, as Python's."""

import re
from functools import lru_cache
from typing import Final

_CLASSES: Final = {"\\d": "0-9", "\\w": "A-Za-z0-9_"}
_PARTS: Final = re.compile(r"\\.|.", re.DOTALL)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Where the two languages say different things by the same text, ECMAScript is meant:
    ``$`` is the very end, not before a last line break, and ``\\d`` and ``\\w`` are ASCII.

    Raises: ValueError, with a sentence, for what does not compile.
    """
    parts, within = [], False
    for part in _PARTS.findall(pattern):
        wanted = part
        if part in _CLASSES:
            wanted = _CLASSES[part] if within else f"[{_CLASSES[part]}]"
        elif part == "$" and not within:
            wanted = r"\Z"
        elif part in "[]":
            within = part == "["
        parts.append(wanted)
    try:
        return re.compile("".join(parts))
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"The pattern does not compile: {exc}.") from exc
