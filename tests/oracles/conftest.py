from collections.abc import Iterator

import pytest

from tests.go_programs import CannotBuild
from tests.oracles.judging import Oracle, oracle


def _of(language: str) -> Iterator[Oracle]:
    try:
        with oracle(language) as found:
            yield found
    except CannotBuild as exc:
        pytest.skip(f"Nobody else judges {language}. {exc}")


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Oracle]:
    yield from _of("promql")


@pytest.fixture(scope="module")
def loki() -> Iterator[Oracle]:
    yield from _of("logql")
