"""LogQL: our parser against that of Loki."""

from collections import Counter
from typing import Final

import pytest
from hypothesis import given, settings

from ktrlplane.domain.observability.logql import scope_logql
from tests.oracles import grammar
from tests.oracles.judging import Oracle, judge, queries_of_module
from tests.oracles.mutations import mutated

_WHY: Final = {
    "A comment begins with #": "comments that no documentation has",
    "has an escape that is no character": "bytes that are no text",
    "has no meaning here": "names that are not in ASCII",
    "This regular expression cannot be read": "fails when lines are filtered",
    "a backtick is written": "is printed as it stands by older ones, and read again",
}
"""All that they take and we refuse."""


@pytest.fixture(scope="module")
def corpus(loki: Oracle) -> list[str]:
    found = queries_of_module(
        "logql",
        "github.com/grafana/loki/v3",
        "pkg/logql/syntax/*_test.go",
        "pkg/logql/*_test.go",
        "docs/sources/query/**/*.md",
        "docs/sources/alert/*.md",
    )
    assert sum(loki.read(query).error is None for query in found) > 1000
    return found


@pytest.fixture(scope="module")
def right(loki: Oracle, corpus: list[str]) -> list[str]:
    return [one for one in corpus if len(one) < 300 and loki.read(one).error is None]


def test_the_examples_and_tests_of_loki(loki: Oracle, corpus: list[str]) -> None:
    refused = [judge(loki, scope_logql, query) for query in corpus]
    reasons = Counter(
        next((why for why in _WHY if why in refusal.detail), refusal.detail)
        for refusal in refused
        if refusal is not None
    )
    taken = sum(loki.read(query).error is None for query in corpus)
    assert set(reasons) <= set(_WHY)
    assert reasons.total() < 0.02 * taken, reasons


@settings(max_examples=1500, derandomize=True, database=None)
@given(query=grammar.logql())
def test_what_the_grammar_gives(loki: Oracle, query: str) -> None:
    assert judge(loki, scope_logql, query) is None, query


def test_what_is_nearly_right(loki: Oracle, right: list[str]) -> None:
    @settings(max_examples=3000, derandomize=True, database=None)
    @given(query=mutated(right))
    def holds(query: str) -> None:
        judge(loki, scope_logql, query)

    holds()
