import json
import math
import struct
from typing import Any, Final

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from ktrlplane.domain.canonical_json import MAX_INTEGER, canonical

DOUBLES: Final = st.integers(0, 2**64 - 1).map(
    lambda bits: struct.unpack(">d", bits.to_bytes(8, "big"))[0]
)
"""Every one there is, each bit as likely as the others."""
NUMBERS: Final = DOUBLES.filter(math.isfinite) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS: Final = st.text(st.characters(codec="utf-8")) | st.text(
    '\x00\x1f\x7f\x80\u2028\u2029\ud7ff\ue000\uffff\U00010000\U0010ffff"\\/aA0.eNI,:[]{}'
)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(NUMBERS)
@example(5e-324)
@example(1.7976931348623157e308)
@example(1e21)
@example(1e-7)
@example(-0.0)
def test_numbers_are_written_as_others_write_them(number: float) -> None:
    assert canonical(number).encode() == rfc8785.dumps(number)
    assert float(canonical(number)) == number


@given(VALUES)
@example({"\ue000": 1, "\U00010000": 2})
@example({"a": "\\", "b": 1.5})
@example({'\\"': 1e22, "x": '\\\\"'})
@example(["1.5", "NaN", "12345678901234567"])
def test_values_are_written_as_others_write_them(value: Any) -> None:
    assert canonical(value).encode() == rfc8785.dumps(value)


@given(VALUES)
def test_what_is_written_says_the_same_and_is_written_so_again(value: Any) -> None:
    text = canonical(value)
    # All numbers of JSON are doubles: one of many digits need not be read as a whole one.
    read = json.loads(text, parse_int=float)
    assert canonical(read) == text
    assert read == value


# RFC 8785, appendix B.
VECTORS: Final = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), VECTORS.items())
def test_the_numbers_of_the_standard(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == text
    assert canonical({"a": [number]}) == f'{{"a":[{text}]}}'


def test_the_example_of_the_standard() -> None:
    value = json.loads(
        r"""{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"""
    )
    assert canonical(value) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_the_order_of_the_standard() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    text = canonical(dict.fromkeys(names))
    assert list(json.loads(text)) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    "value",
    [
        math.inf,
        -math.inf,
        math.nan,
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        10**400,
        "\ud800",
        "a\udfff\U0001f600",
        {"\ud83d": 1},
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    for inside in (value, [value], {"a": {"b": [None, value]}}):
        with pytest.raises(ValueError, match=r"."):
            canonical(inside)
