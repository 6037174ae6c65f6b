"""How large regular expressions are, and how often what is in them may be repeated."""

import pytest

from ktrlplane.domain.errors import UnsafeQuery
from ktrlplane.domain.observability.logql import scope_logql
from ktrlplane.domain.observability.matchers import Matcher
from ktrlplane.domain.observability.promql import scope_promql
from ktrlplane.domain.observability.regex_characters import BadRegex
from ktrlplane.domain.observability.regexes import read_regex
from ktrlplane.domain.observability.words import MAX_BYTES, MAX_REGEX_PARTS

ONE = Matcher("id", "one")


@pytest.mark.parametrize(
    "text",
    [
        "a{1000}",
        "(a{100}){10}",
        "((a{10}){10}){10}",
        "(a{10}|b{1000})c{1000}",
        "((a{1000}){0}){1000}",
        "((a{1000})*){1}",
        "((a{1000}){0,}){1,}",
        "((a*)+)?",
    ],
)
def test_what_is_repeated_a_thousand_times_in_all(text: str) -> None:
    assert read_regex(text).size > 0


@pytest.mark.parametrize(
    "text",
    [
        "a{1001}",
        "(a{1000}){2}",
        "((a{10}){10}){11}",
        "(a{501,}){2}",
        "(a{0,501}){0,2}",
        "(b|(?:a{500}c)*){3}",
        "(x{2}(a{1000}){0}){501}",
    ],
)
def test_more_often_nothing_is_repeated(text: str) -> None:
    with pytest.raises(BadRegex, match=r"1000 times|how often"):
        read_regex(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 0),
        ("abc", 3),
        ("[a-z][^b]\\d", 3),
        ("a|b|", 4),
        ("(?i)(ab)", 3),
        ("a*", 2),
        ("a{5}", 6),
        ("(ab{2}){3}b", 17),
        ("a{3,}b{0}", 6),
        ("\\pL{2}", 53),
        ("[^\\pL\\p{Nd}]", 101),
        ("[a-z]", 1),
        ("[一-龥]", 164),
        ("[\\x00-\\x{10FFFF}]", 1001),
    ],
)
def test_each_part_counts_as_often_as_it_may_be_repeated(text: str, size: int) -> None:
    assert read_regex(text).size == size


def test_without_numbers_no_query_is_too_large() -> None:
    for one in ("a", "()", "a|", "a*", "\\\\d"):
        text = one * ((MAX_BYTES - 20) // len(one))
        assert read_regex(text.replace("\\\\", "\\")).size <= MAX_REGEX_PARTS
        scope_promql(f'{{b="c",a=~"{text}"}}', ONE)


@pytest.mark.parametrize("text", ["(?i)[B-\\x{1e942}]", "(?i)\\PL"])
def test_large_classes_count_for_more(text: str) -> None:
    """A backend would look at each character of the first for a hundredth of a second."""
    allowed = MAX_REGEX_PARTS // read_regex(text).size
    for count in (allowed, allowed + 1):
        query = f'{{b="c",a=~`{text * count}`}}'
        if count == allowed:
            scope_promql(query, ONE)
        else:
            with pytest.raises(UnsafeQuery, match="10,000 parts"):
                scope_promql(query, ONE)


LARGE = "(a|b){900}"
"""3,601 parts."""


@pytest.mark.parametrize(
    "query",
    [
        f'{{b="c", a=~"{LARGE}", a!~"{LARGE}", a=~"{LARGE}"}}',
        f'up{{a=~"{LARGE}"}} or up{{a=~"{LARGE}"}} or up{{a=~"{LARGE}"}}',
        f'label_replace(up{{a=~"{LARGE}", b=~"{LARGE}"}}, "a", "$1", "b", (("{LARGE}")))',
    ],
)
def test_in_one_query_of_metrics_all_together(query: str) -> None:
    with pytest.raises(UnsafeQuery, match="10,000 parts") as refused:
        scope_promql(query, ONE)
    assert refused.value.position >= query.rindex(LARGE) - 3
    last = query.rindex(LARGE)
    scope_promql(query[:last] + "(a|b)" + query[last + len(LARGE) :], ONE)


@pytest.mark.parametrize(
    "query",
    [
        f'{{b="c", a=~"{LARGE}", a!~"{LARGE}", a=~"{LARGE}"}}',
        f'{{b="c"}} |~ "{LARGE}" !~ "x" or "{LARGE}" | a=~"{LARGE}"',
        f'{{b="c"}} | regexp "(?P<x>{LARGE})" | drop a=~"{LARGE}" | keep b=~"{LARGE}"',
        f'label_replace(rate({{a=~"c{LARGE}"}} |~ "{LARGE}" [5m]), "a", "$1", "b", "{LARGE}")',
    ],
)
def test_in_one_query_of_logs_all_together(query: str) -> None:
    with pytest.raises(UnsafeQuery, match="10,000 parts") as refused:
        scope_logql(query, ONE)
    assert refused.value.position == query.rindex(LARGE) - 1
    last = query.rindex(LARGE)
    scope_logql(query[:last] + "(a|b)" + query[last + len(LARGE) :], ONE)


def test_text_that_only_looks_like_one_counts_nothing() -> None:
    scope_logql('{b="c"} ' + f'|= "{LARGE}" ' * 10, ONE)


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ('label_replace(up, "a", "$1", "b", "(")', 34),
        ('label_replace(up, "a", "$1", "b", ("(x{1000}){2}"))', 34),
    ],
)
def test_what_metrics_are_relabelled_by_is_read(query: str, position: int) -> None:
    with pytest.raises(UnsafeQuery, match="cannot be read") as refused:
        scope_promql(query, ONE)
    assert refused.value.position == position


def test_what_lines_are_filtered_by_is_read() -> None:
    with pytest.raises(UnsafeQuery, match="cannot be read") as refused:
        scope_logql('{a="b"} |~ "x" or "("', ONE)
    assert refused.value.position == 18
