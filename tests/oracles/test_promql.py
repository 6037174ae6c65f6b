"""PromQL: our parser against that of Prometheus."""

import json
from collections import Counter
from typing import Final

import pytest
from hypothesis import example, given, settings

from ktrlplane.domain.observability.promql import scope_promql
from tests.oracles import grammar
from tests.oracles.judging import Oracle, judge, queries_of_module
from tests.oracles.mutations import mutated

_WHY: Final = {
    "info()": "reads series that no selector names",
    "This name is empty": "means nothing to anybody",
    "Put parentheses around": "is read in two ways by people",
    "has an escape that is no character": "bytes that are no text",
    "'#' has no meaning here": "a comment between brackets",
    "This regular expression cannot be read": "fails when label_replace() is evaluated",
    "A label that is named here": "is printed without its quotes by older ones, and read again",
    "are the backend's own": "by what begins with __ backends talk to themselves",
}
"""All that they take and we refuse."""


@pytest.fixture(scope="module")
def corpus(prometheus: Oracle) -> list[str]:
    found = queries_of_module(
        "promql",
        "github.com/prometheus/prometheus",
        "promql/parser/*_test.go",
        "promql/*_test.go",
        "promql/promqltest/testdata/*.test",
        "docs/querying/*.md",
        "documentation/prometheus-mixin/*.libsonnet",
    )
    assert sum(prometheus.read(query).error is None for query in found) > 2500
    return found


@pytest.fixture(scope="module")
def right(prometheus: Oracle, corpus: list[str]) -> list[str]:
    return [one for one in corpus if len(one) < 300 and prometheus.read(one).error is None]


def test_the_examples_and_tests_of_prometheus(prometheus: Oracle, corpus: list[str]) -> None:
    refused = [judge(prometheus, scope_promql, query) for query in corpus]
    reasons = Counter(
        next((why for why in _WHY if why in refusal.detail), refusal.detail)
        for refusal in refused
        if refusal is not None
    )
    taken = sum(prometheus.read(query).error is None for query in corpus)
    assert set(reasons) <= set(_WHY)
    assert reasons.total() < 0.02 * taken, reasons


@settings(max_examples=1500, derandomize=True, database=None)
@given(query=grammar.promql())
@example(query="")
def test_what_the_grammar_gives(prometheus: Oracle, query: str) -> None:
    refusal = judge(prometheus, scope_promql, query)
    assert refusal is None or any(why in refusal.detail for why in _WHY), (query, refusal)


def test_what_is_nearly_right(prometheus: Oracle, right: list[str]) -> None:
    @settings(max_examples=3000, derandomize=True, database=None)
    @given(query=mutated(right))
    def holds(query: str) -> None:
        judge(prometheus, scope_promql, query)

    holds()


@settings(max_examples=1500, derandomize=True, database=None)
@given(regex=grammar.regexes())
def test_regular_expressions(prometheus: Oracle, regex: str) -> None:
    """Right ones, and whether the empty text matches, which is not said of a metric's name."""
    for query in (f"{{a=~{json.dumps(regex)}}}", f"{{a!~{json.dumps(regex)}}}"):
        refusal = judge(prometheus, scope_promql, query)
        # They have a(?i)* repeat the a.
        assert refusal is None or "There is nothing in front of" in refusal.detail, query
