"""JSON in one way of writing it (RFC 8785), so that everybody hashes the same bytes."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

MAX_INTEGER: Final = 2**53 - 1
"""The greatest whole number that every reader of JSON takes as it is (RFC 7493 section 2.2)."""
_LEAST_PLAIN: Final = -6
_MOST_PLAIN: Final = 21

_encode: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode
_quoted: Final = json.encoder.encode_basestring
_TELLING_NUMBERS: Final = re.compile(r"[0-9][eE]|\.0(?![0-9])|[0-9]{16}|[NI]")
"""Outside of texts: powers, whole numbers as fractions, long numbers, NaN and Infinity."""
_LATE_LETTERS: Final = re.compile("[\ud800-\U0010ffff]")
"""Code points whose order is not that of their UTF-16 code units, and surrogates, which are
no characters."""


def canonical(value: object) -> str:
    """``value`` is of what ``json.loads`` gives, and nested no deeper than a document may be.

    Raises: ValueError for what has no such form: infinity, whole numbers over ``MAX_INTEGER``,
    half of a surrogate pair.
    """
    if value is None:
        return "null"
    # ``json`` itself writes all but some numbers, and some orders of names, in the same way. To
    # write it and look at what came out takes less than half the time.
    text = _quoted(value) if isinstance(value, str) else _encode(value)
    if not text.isascii() and _LATE_LETTERS.search(text):
        return _encodable(_written(value))
    is_plain = isinstance(value, str) or not _TELLING_NUMBERS.search(_outside_of_texts(text))
    return text if is_plain else _written(value)


def _outside_of_texts(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    return " ".join(text.split('"')[::2])


def _encodable(text: str) -> str:
    text.encode()
    return text


def _written(value: object) -> str:
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
        ordered = sorted(value, key=_utf_16)
        return f"{{{','.join([f'{_quoted(key)}:{_written(value[key])}' for key in ordered])}}}"
    assert isinstance(value, Sequence), type(value)
    return f"[{','.join([_written(one) for one in value])}]"


_WORDS: Final = {None: "null", True: "true", False: "false"}


def _utf_16(key: str) -> bytes:
    """Members are in the order of their names' UTF-16 code units (section 3.2.3)."""
    return key.encode("utf-16-be", "surrogatepass")


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
