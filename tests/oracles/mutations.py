"""Queries that are nearly right: those of a corpus, with some of their words changed."""

import re
from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

_WORD: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|`[^`]*`|[A-Za-z_:][\w:]*|[0-9][\w.]*|\s+|[=!<>|~]{1,2}|.', re.DOTALL
)
_STRANGE: Final = (
    *"#\n\r\"`'{}()[]\\\0@$+-^,;",
    *(
        "//",
        "/*",
        "*/",
        "\ufeff",
        "\u00a0",
        "é",
        "\u017fum",
        "offset",
        "start()",
        "and",
        "or",
        "bool",
    ),
    *("on(a)", "ignoring()", "group_left", "fill(1)", "info", "5m", "[5m]", "[5m:]", "[5m:1m]"),
    *("-0", "0b1", "08", "1e400", "0x1F", "1_000", "1e", ".5", "5.", "{}", '{a="b"}', '{a=~""}'),
    *('{"a"}', "__name__", "a:b", "without", "by (a)", "1w2d", "1ms", "9999999999y", "step()"),
    *("max_of(1,2)", "| json", "| unwrap a", '!= "x"', '|= ip("1")', 'or "x"', '| a="b"', "ip"),
    *("rate", "sum", "vector(1)", "--strict", "1KB", "1.5GiB", "of", "variants(", "anchored"),
    *(
        "limitk(",
        "5mn",
        "'a'",
        "</",
        '"\\x00"',
        '"\\ud800"',
        '"\\377"',
        "# {\n",
        "[step():1m]",
        "'\ufffd'",
    ),
)


def words(query: str) -> list[str]:
    return _WORD.findall(query)


@st.composite
def mutated(draw: st.DrawFn, queries: Sequence[str]) -> str:
    """One to three changes: something left out, put in, taken from another or exchanged."""
    found = words(draw(st.sampled_from(queries)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(found)))
        change = draw(st.sampled_from(("leave", "put", "take", "replace")))
        if change in ("leave", "replace"):
            del found[at : at + 1]
        if change in ("put", "replace"):
            found.insert(at, draw(st.sampled_from(_STRANGE)))
        if change == "take":
            other = words(draw(st.sampled_from(queries)))
            begin = draw(st.integers(0, len(other)))
            found[at:at] = other[begin : begin + draw(st.integers(1, 12))]
    return "".join(found)
