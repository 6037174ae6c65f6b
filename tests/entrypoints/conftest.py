import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from attrs import frozen

from ktrlplane.entrypoints.cli import run


@frozen
class Outcome:
    status: int
    out: str
    err: str


Ktrlplane = Callable[..., Outcome]


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty working directory, and no variables of ours but those that a test sets; logs
    as they were, afterwards."""
    for name in os.environ:
        if name.startswith("KTRLPLANE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def ktrlplane(surroundings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ktrlplane:
    """``ktrlplane("token", "--sub", "ada", DATA_DIR="/tmp/x")``: variables without prefix."""

    def call(*arguments: str, **variables: str) -> Outcome:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(f"KTRLPLANE_{name}", value)
            status = run(arguments)
        printed = capsys.readouterr()
        return Outcome(status, printed.out, printed.err)

    return call


def sentences(outcome: Outcome) -> Sequence[str]:
    """What was said on standard error, all of it for people."""
    lines = outcome.err.splitlines()
    assert all(line.startswith("ktrlplane: ") for line in lines), outcome.err
    return [line.removeprefix("ktrlplane: ") for line in lines]
