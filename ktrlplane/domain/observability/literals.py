"""Strings and durations, which the two languages write in the same way (those of Go)."""

import re
from typing import Final

STRING_BODY: Final = (
    r"(?:[^\\\n\0{q}]|\\(?:[abfnrtv\\{q}]|[0-3][0-7]{{2}}|x[0-9a-fA-F]{{2}}"
    r"|u[0-9a-fA-F]{{4}}|U00[01][0-9a-fA-F]{{5}}))*+"
)
DOUBLE_QUOTED: Final = '"' + STRING_BODY.format(q='"') + '"'
SINGLE_QUOTED: Final = "'" + STRING_BODY.format(q="'") + "'"
RAW: Final = r"`[^`\0]*+`"

DURATION: Final = (
    r"(?=[0-9]++[a-z])(?:[0-9]++y)?(?:[0-9]++w)?(?:[0-9]++d)?(?:[0-9]++h)?"
    r"(?:[0-9]++m(?!s))?(?:[0-9]++s)?(?:[0-9]++ms)?"
)
"""As Prometheus has them: units from long to short, each once."""

_ESCAPE: Final = re.compile(r"\\(?:([0-7]{3})|x(..)|u(.{4})|U(.{8})|(.))")
_MEANT: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PARTS: Final = re.compile(r"([0-9]++)(?:\.[0-9]++)?+(ns|us|µs|ms|[ywdhms])")
_MILLISECONDS: Final = {
    "ns": 0,
    "us": 0,
    "µs": 0,
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_SURROGATES: Final = range(0xD800, 0xE000)
_ASCII: Final = 0x7F
_LONGEST_MS: Final = 9_223_372_036_854
"""What a number of 64 bits can count in nanoseconds."""


def unquoted(text: str) -> str | None:
    """What a string means; None where that is no text: half of a pair, or a byte of a longer
    character."""
    body = text[1:-1]
    if text[0] == "`" or "\\" not in body:
        return body
    try:
        return _ESCAPE.sub(_meaning, body)
    except ValueError:
        return None


def _meaning(found: re.Match[str]) -> str:
    octal, byte, short, long, one = found.groups()
    if one is not None:
        return _MEANT.get(one, one)
    code = int(octal, 8) if octal else int(byte or short or long, 16)
    if code in _SURROGATES or (code > _ASCII and not (short or long)):
        raise ValueError(f"U+{code:04X} is no character.")
    return chr(code)


def milliseconds(duration: str) -> int | None:
    """Without fractions; None where it is too long to be counted."""
    parts = _PARTS.findall(duration)
    if any(len(count) > len(str(_LONGEST_MS)) for count, _ in parts):
        return None
    total = sum(int(count) * _MILLISECONDS[unit] for count, unit in parts)
    return total if total <= _LONGEST_MS else None


def said_in_days(milliseconds: float) -> str:
    """As people say it: in days, hours, minutes or seconds."""
    for name, length in _LENGTHS.items():
        if milliseconds >= length and milliseconds % length == 0:
            count = int(milliseconds // length)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{milliseconds / 1000:g} seconds"


_LENGTHS: Final = {"day": 86_400_000, "hour": 3_600_000, "minute": 60_000}
