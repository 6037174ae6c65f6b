"""JSON in one way of writing it (RFC 8785), so that everybody hashes the same bytes."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

MAX_INTEGER: Final = 2**53 - 1
"""The greatest whole number that every reader of JSON takes as it is (RFC 7493 section 2.2)."""
_quoted: Final = json.encoder.encode_basestring
_LEAST_PLAIN: Final = -6
_MOST_PLAIN: Final = 21


def canonical(value: object) -> str:
    """``value`` is of what ``json.loads`` gives, and nested no deeper than a document may be.

    Raises: ValueError for what has no such form: infinity, whole numbers over ``MAX_INTEGER``.
    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("A whole number of more than 53 bits has no canonical form.")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        ordered = sorted(value) if _is_ascii(value) else sorted(value, key=_utf_16)
        return f"{{{','.join([f'{_quoted(key)}:{canonical(value[key])}' for key in ordered])}}}"
    assert isinstance(value, Sequence), type(value)
    return f"[{','.join([canonical(one) for one in value])}]"


_WORDS: Final = {None: "null", True: "true", False: "false"}


def _is_ascii(keys: Mapping[str, object]) -> bool:
    return all(map(str.isascii, keys))


def _utf_16(key: str) -> bytes:
    """Members are in the order of their names' UTF-16 code units (section 3.2.3)."""
    return key.encode("utf-16-be")


def _number(value: float) -> str:
    """As ECMAScript writes it (ECMA-262 section 6.1.6.1.20): the same digits as Python's, the
    shortest that lead back to the number, but not everywhere in the same form."""
    if not math.isfinite(value):
        raise ValueError("JSON has no numbers without end.")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    written = whole + fraction
    digits = written.lstrip("0")
    # The number is 0.digits times ten to the power of ``point``.
    point = len(whole) + int(exponent or 0) - (len(written) - len(digits))
    digits = digits.rstrip("0")
    return sign + _formed(digits, point)


def _formed(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= _MOST_PLAIN:
        return digits + "0" * (point - count)
    if 0 < point <= _MOST_PLAIN:
        return f"{digits[:point]}.{digits[point:]}"
    if _LEAST_PLAIN < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"
