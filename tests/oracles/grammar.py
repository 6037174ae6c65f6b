"""Queries of both languages from their grammars, with the types of what is in them."""

from typing import Final

from hypothesis import strategies as st

Text = st.SearchStrategy[str]

_SPACE: Final = st.sampled_from(("", "", "", " ", "\n", ' # {a="b"} or up\n', "\t"))
_DURATION: Final = st.sampled_from(("5m", "1h30m", "10s", "1d", "500ms"))
_LABEL: Final = st.sampled_from(("job", "a", "le", "resource_id", "_x1", "or", "by"))
_VALUE: Final = st.sampled_from(
    ('"api"', "`a{b}`", '"\\"}"', '""', '"#"', '"{a=\\"b\\"}"', '"é"', '".+"', '"a|b|"', '"[^x]*"')
)
_METRIC: Final = st.sampled_from(
    ("up", "a:b", "http_requests_total", "sum", "offset", "by", "start")
)


def _all(*parts: str | Text) -> Text:
    """One after the other, with spaces and comments between."""
    told = [part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts]
    spaced = [one for part in told for one in (_SPACE, part)]
    return st.tuples(*spaced).map("".join)


def _listed(one: Text, **sizes: int) -> Text:
    return st.lists(one, **sizes).map(" , ".join)


_MATCHER: Final = _all(_LABEL, st.sampled_from(("=", "!=", "=~", "!~")), _VALUE)
_QUOTED: Final = st.sampled_from(('"résumé"', '"resource_id"', "`b`"))
_PROM_MATCHER: Final = _MATCHER | _all(_QUOTED, st.sampled_from(("=", "!=")), _VALUE)
_IN_BRACES: Final = _all("{", _listed(_PROM_MATCHER, max_size=3), st.sampled_from(("", ",")), "}")
_SELECTOR: Final = st.one_of(
    _METRIC, _all(_METRIC, _IN_BRACES), _IN_BRACES, _all('{"my.metric",', _MATCHER, "}")
)
_LABELS: Final = _all("(", _listed(_LABEL, max_size=2), ")")
_MODIFIER: Final = st.one_of(
    st.just(""),
    _all("offset", st.sampled_from(("5m", "-1h", "step()", "(5m+1m)"))),
    _all("@", st.sampled_from(("1609746000", "-1.5", "end()", "start ( )"))),
)
_SCALAR: Final = st.sampled_from(("1", "0x1F", "2.5e3", "Inf", "time()", "pi()", "-1", "5m"))


def _range(selector: Text) -> Text:
    return _all(selector, "[", st.sampled_from(("5m", "300", "5m+1m", " 1h ")), "]", _MODIFIER)


def _vectors(inner: Text) -> Text:
    ranges = _range(_SELECTOR) | _all(
        "(", inner, ")", "[", _DURATION, ":", st.just("") | _DURATION, "]"
    )
    matching = st.one_of(
        st.just(""),
        _all(st.sampled_from(("on", "ignoring")), _LABELS),
        _all(
            "on",
            "(job)",
            st.sampled_from(("group_left", "group_right")),
            st.just("") | st.just("(a)"),
        ),
    )
    grouping = _all(st.sampled_from(("by", "without")), _LABELS)
    return st.one_of(
        _all(_SELECTOR, _MODIFIER),
        _all(
            st.sampled_from(("rate", "sum_over_time", "deriv", "absent_over_time")),
            "(",
            ranges,
            ")",
        ),
        _all(st.sampled_from(("abs", "sort_desc", "hour")), "(", inner, ")"),
        _all("histogram_quantile(", _SCALAR, ",", inner, ")"),
        _all("label_replace(", inner, ', "a", "$1", "b", "(.*)")'),
        _all(st.sampled_from(("sum", "Max", "group")), st.just("") | grouping, "(", inner, ")"),
        _all("topk(", _SCALAR, ",", inner, ")", st.just("") | grouping),
        _all("count_values(", '"x"', ",", inner, ")"),
        _all(
            inner,
            st.sampled_from(("+", "/", "^", ">", "== bool ", " unless ", " or ")),
            matching,
            inner,
        ),
        _all(inner, st.sampled_from(("*", "<=")), _SCALAR),
        _all("(", inner, ")"),
        _all("-", inner),
        _all("vector(", _SCALAR, ")"),
        _all("info(", inner, ")"),
    )


def promql() -> Text:
    """Nearly all are right."""
    return st.recursive(_all(_SELECTOR, _MODIFIER), _vectors, max_leaves=6) | _range(_SELECTOR)


_LOG_LABEL: Final = st.sampled_from(("job", "a", "resource_id", "_x1", "rate"))
_LOG_VALUE: Final = st.sampled_from(
    ('"api"', "`a{b}`", '"\\"}"', '"#"', '"{a=\\"b\\"}"', '"/* é"', '".+"', '""', '"// x"')
)
_LOG_MATCHER: Final = _all(_LOG_LABEL, st.sampled_from(("=", "!=", "=~", "!~")), _LOG_VALUE)
_STREAMS: Final = _all("{", _listed(_LOG_MATCHER, min_size=1, max_size=3), "}")
_FILTER: Final = _all(st.sampled_from(("|=", "!=", "|~", "!~", "|>", "!>")), _LOG_VALUE)
_LABEL_FILTER: Final = st.one_of(
    _LOG_MATCHER,
    _all(
        _LOG_LABEL,
        st.sampled_from((">", "<=", "==", "=")),
        st.sampled_from(("5", "1.5s", "10KB", "-2")),
    ),
    _all(_LOG_LABEL, '= ip("10.0.0.0/8")'),
)
_STAGE: Final = st.one_of(
    _FILTER,
    _all(_FILTER, "or", _LOG_VALUE),
    st.sampled_from(
        (
            *("| json", '| json a="b", c', "| logfmt --strict a", "| unpack", "| decolorize"),
            *('| regexp "(?P<x>\\\\w+)"', '| pattern "<a> <_>"', '| line_format "{{.a}} {x}"'),
            *("| label_format a=b, c=`{{.d}}`", '| drop a, b="c"', "| keep a", '|= ip("::1")'),
        )
    ),
    _all("|", _LABEL_FILTER),
    _all("| (", _LABEL_FILTER, st.sampled_from((" and ", " or ", ",", " ")), _LABEL_FILTER, ")"),
)
_PIPELINE: Final = st.lists(_STAGE, max_size=3).map(" ".join)
_OFFSET: Final = st.sampled_from(("", "", " offset 5m", " offset -1h"))
_UNWRAP: Final = st.sampled_from(("| unwrap a", "| unwrap duration(a) | __error__=``"))


def _log_range(behind: Text) -> Text:
    return st.one_of(
        _all(_STREAMS, _PIPELINE, behind, "[5m]", _OFFSET),
        _all("(", _STREAMS, _PIPELINE, behind, ")", "[1h]", _OFFSET),
        _all(_STREAMS, "[5m]", _OFFSET, _PIPELINE, behind),
        _all("(", _STREAMS, _PIPELINE, behind, "[5m]", _OFFSET, ")"),
    )


def _metrics(inner: Text) -> Text:
    grouping = _all(st.sampled_from(("by", "without")), "(", _listed(_LOG_LABEL, max_size=2), ")")
    return st.one_of(
        _all(st.sampled_from(("sum", "AVG", "sort")), st.just("") | grouping, "(", inner, ")"),
        _all("topk", st.just("") | grouping, "(3,", inner, ")"),
        _all(
            inner, st.sampled_from(("+", "/", " and ", "> bool", " or on(a) group_left(b)")), inner
        ),
        _all(inner, "*", st.sampled_from(("2", "-1.5"))),
        _all("label_replace(", inner, ', "a", "$1", "b", "(.*)")'),
        _all("(", inner, ")"),
        _all("vector(1)"),
    )


def logql() -> Text:
    """Nearly all are right."""
    counted = _all(st.sampled_from(("rate", "count_over_time")), "(", _log_range(st.just("")), ")")
    summed = _all(
        st.sampled_from(("sum_over_time(", "max_over_time(", "quantile_over_time(0.9,")),
        _log_range(_UNWRAP),
        ")",
    )
    metrics = st.recursive(counted | summed, _metrics, max_leaves=4)
    return metrics | _all(_STREAMS, _PIPELINE)


def regexes() -> Text:
    """Of Go, right and wrong ones."""
    pieces = (
        *("a", "b", ".", "|", "(", ")", "(?:", "(?P<n>", "(?<m>", "(?i)", "(?i-s:", "*", "+", "?"),
        *(
            "*?",
            "{2}",
            "{1,3}",
            "{0,}",
            "{0}",
            "{400}",
            "{40,}",
            "{2000}",
            "{,2}",
            "{",
            "}",
            "[",
            "]",
            "[^",
            "-",
            "[a-z]",
        ),
        *(
            "[[:alpha:]]",
            "[:x:]",
            "\\d",
            "\\W",
            "\\b",
            "\\B",
            "\\A",
            "\\z",
            "\\x41",
            "\\x{10FFFF}",
        ),
        *(
            "\\pL",
            "\\p{Lu}",
            "\\P{^Nd}",
            "\\1",
            "\\12",
            "\\07",
            "\\.",
            "\\_",
            "\\q",
            "\\",
            "^",
            "$",
            "é",
        ),
    )
    return st.lists(st.sampled_from(pieces), max_size=8).map("".join)
