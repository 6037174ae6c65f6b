"""Queries of logs and metrics kept to a resource: what each form becomes, and its limits."""

import pytest

from ktrlplane.domain.errors import UnsafeQuery
from ktrlplane.domain.observability.logql import scope_logql, scope_streams
from ktrlplane.domain.observability.matchers import Matcher, quoted
from ktrlplane.domain.observability.promql import scope_promql, scope_series
from ktrlplane.domain.observability.words import MAX_BYTES, MAX_NESTING, MAX_WORDS

ONE = Matcher("id", "one")


@pytest.mark.parametrize(
    ("query", "scoped"),
    [
        ("up", 'up{id="one"}'),
        ("up{}", 'up{id="one"}'),
        ('up{a="b",}', 'up{id="one",a="b",}'),
        ('{"up"}', '{id="one","up"}'),
        ('{"my.metric", "lé"=~"x+"}', '{id="one","my.metric", "lé"=~"x+"}'),
        ("{'a'=`b`}", "{id=\"one\",'a'=`b`}"),
        ("up [5m]", 'up{id="one"} [5m]'),
        (
            "sum by (id) (up) / on(a) group_left() x",
            'sum by (id) (up{id="one"}) / on(a) group_left() x{id="one"}',
        ),
        ("topk(scalar(a), b)", 'topk(scalar(a{id="one"}), b{id="one"})'),
        ("rate(x[5m:1m] offset -5m) @ end()", None),
        (
            "max_over_time(rate(x[5m])[1h:] @ end() offset 5m)",
            'max_over_time(rate(x{id="one"}[5m])[1h:] @ end() offset 5m)',
        ),
        (
            "by + sum + offset offset 5m",
            'by{id="one"} + sum{id="one"} + offset{id="one"} offset 5m',
        ),
        ("a #{\n+ b", 'a{id="one"} #{\n+ b{id="one"}'),
        ('a{b="}{"}', 'a{id="one",b="}{"}'),
        ('up{a="\\ufffd"}', 'up{id="one",a="\\ufffd"}'),
        ("up # \ufffd", 'up{id="one"} # \ufffd'),
        ("1 + 1", "1 + 1"),
        ("vector(1)", "vector(1)"),
        ("time() - 5m", "time() - 5m"),
        ('"text"', '"text"'),
    ],
)
def test_promql(query: str, scoped: str | None) -> None:
    if scoped is None:
        with pytest.raises(UnsafeQuery):
            scope_promql(query, ONE)
    else:
        assert scope_promql(query, ONE) == scoped


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("", 0),
        ("  ", 2),
        ("info(up)", 0),
        ("1 + nothing(up)", 4),
        ("up{", 3),
        ('up{a="b"', 8),
        ('up{a="b}', 5),
        ("{}", 0),
        ('{a=~".*"}', 0),
        ('up{a=~"("}', 6),
        ('{a="b" or c="d"}', 7),
        ('up{__name__="x"}', 3),
        ("up down", 3),
        ("sum(1)", 4),
        ("rate(up)", 5),
        ("(up)[5m]", 4),
        ("up[$__interval]", 3),
        ("up offset (5m) + 1", 15),
        ("up[5m] + 1", 0),
        ("up[:1m]", 3),
        ("up[step():1m]", 9),
        ("up[5m:1m:1m]", 8),
        ("up \u00a0", 3),
        ("\ufeffup", 0),
        ("up\0", 2),
        ('up{a="b\ufffd"}', 7),
        ("up{a=`\ufffd`}", 6),
        ("{'\ufffd'=\"b\"}", 2),
        ("up\ufffd", 2),
    ],
)
def test_promql_that_is_refused(query: str, position: int) -> None:
    with pytest.raises(UnsafeQuery) as refused:
        scope_promql(query, ONE)
    assert refused.value.position == position
    (fault,) = refused.value.faults
    assert fault.code == "unsafe_query"


@pytest.mark.parametrize(
    ("query", "scoped"),
    [
        ('{a="b"}', '{id="one",a="b"}'),
        ('{a="b"} |= "x" or "{c=" | json', '{id="one",a="b"} |= "x" or "{c=" | json'),
        (
            'rate({a="b"}[5m]) / rate(({c=~"d"} | json)[5m] offset 1h)',
            'rate({id="one",a="b"}[5m]) / rate(({id="one",c=~"d"} | json)[5m] offset 1h)',
        ),
        ('{a="b"} # {c="d"}\n| json', '{id="one",a="b"} # {c="d"}\n| json'),
        ('{a="b"} |= "/* x"', '{id="one",a="b"} |= "/* x"'),
        ('SUM BY (a) (rate({a="b"}[5m]))', 'SUM BY (a) (rate({id="one",a="b"}[5m]))'),
        ("vector(1) + vector(1)", "vector(1) + vector(1)"),
        ("1 + 1", "1 + 1"),
    ],
)
def test_logql(query: str, scoped: str) -> None:
    assert scope_logql(query, ONE) == scoped


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("", 0),
        ("{}", 1),
        ('{a=""}', 0),
        ('{a="b"} // {', 8),
        ('{a="b"} /* " */ |= "x"', 8),
        ("{a='b'}", 3),
        ('{a="b"} or {c="d"}', 8),
        ('count_over_time({a="b"})', 23),
        ('sum_over_time({a="b"}[5m])', 14),
        ('{a="b"} | distinct a', 10),
        ('{é="b"}', 1),
        ('{a="b"} | regexp "("', 17),
    ],
)
def test_logql_that_is_refused(query: str, position: int) -> None:
    with pytest.raises(UnsafeQuery) as refused:
        scope_logql(query, ONE)
    assert refused.value.position == position


@pytest.mark.parametrize("selector", ["up + 1", "up offset 5m", "sum(up)", "1", "up[5m]", "(up)"])
def test_a_selector_stands_alone(selector: str) -> None:
    assert scope_series("up", ONE) == 'up{id="one"}'
    with pytest.raises(UnsafeQuery):
        scope_series(selector, ONE)


@pytest.mark.parametrize("selector", ['{a="b"} |= "x"', "vector(1)", 'rate({a="b"}[5m])', "{}"])
def test_a_stream_selector_stands_alone(selector: str) -> None:
    assert scope_streams('{a="b"}', ONE) == '{id="one",a="b"}'
    with pytest.raises(UnsafeQuery):
        scope_streams(selector, ONE)


@pytest.mark.parametrize("scope", [scope_promql, scope_logql])
@pytest.mark.parametrize(
    ("lawful", "too_much"),
    [
        (
            "(" * (MAX_NESTING - 1) + "1" + ")" * (MAX_NESTING - 1),
            "(" * MAX_NESTING + "1" + ")" * MAX_NESTING,
        ),
        ("1" + "+1" * ((MAX_WORDS - 1) // 2), "1" + "+1" * (MAX_WORDS // 2 + 1)),
        ("1" + " " * (MAX_BYTES - 1), "1" + " " * MAX_BYTES),
        ("1", "\ud800"),
        ("1", "(" * MAX_BYTES),
        ("1", "1^" * (MAX_BYTES // 2 - 1) + "1"),
        ("1", "-" * (MAX_BYTES - 1) + "1"),
        ("1", "é" * MAX_BYTES),
    ],
)
def test_limits(scope: object, lawful: str, too_much: str) -> None:
    assert callable(scope)
    assert scope(lawful, ONE) == lawful
    with pytest.raises(UnsafeQuery):
        scope(too_much, ONE)


def test_a_matcher_is_one_whatever_is_in_it() -> None:
    assert quoted('a"\\\n\x7fé{') == '"a\\"\\\\\\U0000000a\\U0000007f\\U000000e9{"'
    assert str(Matcher("_a1", "x")) == '_a1="x"'
    for name in ("", "1a", "a-b", 'a="b",c', "é", "a\n"):
        with pytest.raises(ValueError, match="label"):
            Matcher(name, "x")
