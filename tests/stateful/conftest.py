"""Where the state machines run: often in memory, less often, since slower, in PostgreSQL.

Hypothesis looks for new ways each time, and in CI (which it knows by the variable) goes the
same ones each time.
"""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.postgres import empty
from tests.witness import WitnessingUnits


@frozen
class Runner:
    units: Callable[[], UnitsOfWork]
    examples: int

    def __call__(
        self, machine: Callable[[UnitsOfWork], RuleBasedStateMachine], *, share: int = 1
    ) -> None:
        """One in ``share`` of the examples."""
        # It takes whatever makes a machine, and is declared to take a class.
        make: Any = lambda: machine(self.units())  # noqa: E731
        run_state_machine_as_test(
            make,
            settings=settings(
                max_examples=self.examples // share,
                stateful_step_count=40,
                # Explaining a failure takes longer than finding and shrinking it.
                phases=set(Phase) - {Phase.explain},
            ),
        )


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def run(request: pytest.FixtureRequest) -> Runner:
    if request.param == "memory":
        return Runner(WitnessingUnits, 140)
    pool = request.getfixturevalue("postgres_pool")

    def emptied() -> UnitsOfWork:
        empty(pool)
        return PostgresUnitsOfWork(pool)

    return Runner(emptied, 8)
