"""People who hold something, and try on every way to hold or hand out more (R1.5)."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.stateful.conftest import Runner
from tests.stateful.granting import Granting
from tests.stateful.inviting import Inviting
from tests.stateful.organizing import Organizing
from tests.stateful.things import Scope
from tests.stateful.words import GROUPS, WHO

O_1: Scope = ("organization", "o-1")
P_1: Scope = ("project", "p-1")
CREW, MINE, MOVER = "@o-1/crew", "o-1/Helper", "o-1/Runner"

strong = st.lists(st.sampled_from(["read", "write", "delete", "escalate"]), min_size=1, max_size=3)


class EscalationMachine(Granting, Organizing, Inviting):
    """Bob manages access to o-1, and Carol to what is in it, without more; the robot may move
    p-1; the crew has what none of them has."""

    @initialize()
    def begin(self) -> None:
        self.deletes = False
        self.begin_with_something()
        self.create_group("first", CREW)
        self.create_role("first", MINE, ["read"])
        self.create_role("first", MOVER, ["read", "write", "delete"])
        self.operator_grants((CREW, "Owner", P_1), None)
        self.operator_grants(("bob", "Steward", O_1), None)
        self.operator_grants(("bob", MINE, O_1), None)
        self.operator_grants(("carol", "Steward", P_1), None)
        self.operator_grants(("robot", MOVER, P_1), None)
        self.operator_grants(("robot", "Editor", ("organization", "o-2")), None)

    @rule(member=st.sampled_from(["bob", "carol", "robot"]))
    def joins_the_strong(self, member: str) -> None:
        self.put_member("bob", CREW, member)

    @rule(gives=strong, role=st.sampled_from([MINE, MOVER]))
    def widens_what_is_held(self, gives: list[str], role: str) -> None:
        self.change_role("bob", role, gives)

    @rule(gives=strong)
    def makes_a_strong_role(self, gives: list[str]) -> None:
        self.create_role("bob", "o-2/Helper" if "read" in gives else MINE, gives)

    @rule(name=st.sampled_from(["p-1", "p-2"]), where=st.sampled_from(["o-1", "o-2"]))
    def takes_a_project_home(self, name: str, where: str) -> None:
        self.move_project("steward", name, where)

    @rule(
        who=st.sampled_from(["bob", "carol"]),
        to=st.sampled_from([*WHO, *GROUPS, "new@example.org"]),
        role=st.sampled_from(["Owner", "Editor", MINE, MOVER]),
        scope=st.sampled_from([O_1, P_1, ("resource", "r-1")]),
    )
    def hands_it_out(self, who: str, to: str, role: str, scope: Scope) -> None:
        self.grant(who, (to, role, scope), None)

    @rule(where=st.sampled_from([O_1, P_1]), guest=st.sampled_from(["alice", "carol"]))
    def is_invited_by_somebody_who_then_loses_it(self, where: Scope, guest: str) -> None:
        """The operator lets Bob escalate for an hour, who invites; the guest comes late."""
        self.operator_grants(("bob", "Owner", where), 1)
        self.grant("bob", ("new@example.org", "Editor", where), None)
        self.time_passes(1)
        self.sign_in(guest, "new@example.org", 0, proven=True)


def test_nobody_rises_by_their_own_hand(run: Runner) -> None:
    run(EscalationMachine, share=4)
