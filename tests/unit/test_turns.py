"""Only so many at once, of each and of all."""

from concurrent.futures import Future

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ktrlplane.entrypoints.http.turns import TooManyWait, Turns

EACH, ALL = 2, 3
PEOPLE = ["ada", "ben", "cleo"]


class OfTurns(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(EACH, ALL)
        self.asked: list[tuple[str, Future[None]]] = []
        """In this order, and not left."""

    @rule(who=st.sampled_from(PEOPLE))
    def ask(self, who: str) -> None:
        self.asked.append((who, self.turns.ask(who)))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.asked) - 1))
        self.turns.leave(*self.asked.pop(at))

    @invariant()
    def nobody_has_too_much_and_nobody_waits_for_nothing(self) -> None:
        having = [who for who, turn in self.asked if turn.done()]
        assert len(having) <= ALL
        assert all(having.count(who) <= EACH for who in PEOPLE)
        for who, turn in self.asked:
            if not turn.done():
                assert len(having) == ALL or having.count(who) == EACH

    @invariant()
    def of_one_the_first_comes_first(self) -> None:
        for who in PEOPLE:
            had = [turn.done() for one, turn in self.asked if one == who]
            assert had == sorted(had, reverse=True)


TestTurns = OfTurns.TestCase


def test_only_so_many_of_one_wait() -> None:
    turns = Turns(1, 2, may_wait=2)
    had, *others = (turns.ask("ada") for _ in range(3))
    with pytest.raises(TooManyWait):
        turns.ask("ada")
    assert turns.ask("ben").done()
    turns.leave("ada", had)
    assert [turn.done() for turn in others] == [True, False]
    turns.ask("ada")
