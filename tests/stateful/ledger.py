"""By whose act somebody reaches what they reach, as the product itself says what that is.

Nothing is reached, and nothing for longer, unless an act gave it by someone who at that moment
could: who held ``manage_access`` there and ``escalate`` or the very permission (R1.5). Beside
that there are the operator, and the creation of a thing, whose creator owns it and whose place
it inherits from (R2.2).
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.stateful.oracle import ROLES
from tests.stateful.things import Scope

Reach = dict[tuple[str, Scope], dict[str, int]]
"""What each person holds at each scope, and until which hour."""


class Gain(NamedTuple):
    who: str
    scope: Scope
    action: str
    until: int


Warrant = Callable[[Reach, Gain], bool]
"""Whether something gained was given by who could, as far as people reached before."""


def nobody(_: Reach, __: Gain) -> bool:
    return False


def operator(_: Reach, __: Gain) -> bool:
    return True


def given_by(giver: str) -> Warrant:
    def is_theirs_to_give(before: Reach, gain: Gain) -> bool:
        held = before[giver, gain.scope]
        return "manage_access" in held and ("escalate" in held or gain.action in held)

    return is_theirs_to_give


def created_by(creator: str, new: Scope, above: Scope | None) -> Warrant:
    of_creator = ROLES["Owner"] | ROLES["Data Owner"] if new[0] != "resource" else set()

    def comes_with_it(before: Reach, gain: Gain) -> bool:
        if gain.scope != new:
            return False
        inherited = 0 if above is None else before[gain.who, above].get(gain.action, 0)
        owned = gain.who == creator and gain.action in of_creator
        return owned or gain.until <= inherited

    return comes_with_it


class Ledger:
    def __init__(self, ask: Callable[[], Reach]) -> None:
        self.ask = ask
        self.reach = ask()
        self.acts = 0

    def close(self, warrant: Warrant) -> None:
        """After one act."""
        before, self.reach = self.reach, self.ask()
        self.acts += 1
        for (who, scope), held in self.reach.items():
            for action, until in held.items():
                gain = Gain(who, scope, action, until)
                if until > before[who, scope].get(action, 0):
                    assert warrant(before, gain), f"given by nobody who could: {gain}"
