"""What people might write to get more than they were given."""

from typing import Final

from hypothesis import strategies as st

TEXTS: Final = (
    "",
    "~",
    "null",
    "yes",
    "0x1F",
    "1e3",
    "'",
    '"',
    "\\",
    '\\"',
    '" , "evil": "true',
    '"\nevil: true',
    "'\nevil: true",
    "a\nevil: true\n",
    "a\r\nevil: true",
    "\n---\nkind: Secret\n",
    "\n...\nkind: Secret",
    "\n  evil: true",
    "one\ntwo\u2028evil: true\u2028",
    "one\ntwo\u2029evil: true\u2029",
    "one\ntwo\x85evil: true\x85",
    "one\u2028  evil: true",
    "{{ .Row }}",
    '{{ "x" | quote }}',
    "}}{{ end }}",
    "{{/* */}}",
    "&anchor a",
    "*anchor",
    "!!binary aGk=",
    "<<: *x",
    "? x",
    "- x",
    "| x",
    ">-\n x",
    "%YAML 1.1",
    "@x",
    "`x`",
    "a: b",
    "a #b",
    "# b",
    "[x]",
    "{x: y}",
    "$(HOME)",
    "$$(HOME)",
    "$",
    "$$",
    "${HOME}",
    "<script>&amp;</script>",
    "\t\x01\x1b\x7f\x80\x9f",
    "\ufeff\ufffe\uffff\u200b\u202e",
    "😀\U0010ffff",
    "é",
    "x" * 5_000,
)


def texts() -> st.SearchStrategy[str]:
    """PostgreSQL keeps no NUL, and JSON no half of a character."""
    character = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.sampled_from(TEXTS) | st.text(character, max_size=40)


def documents() -> st.SearchStrategy[dict[str, object]]:
    """Anything that may be in a column of jsonb, as far as it is an object."""
    scalar = (
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts()
    )
    value = st.recursive(
        scalar,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=8,
    )
    return st.dictionaries(texts(), value, max_size=4)
