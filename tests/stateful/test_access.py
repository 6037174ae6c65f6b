"""Roles granted, lent and inherited, while what they are on moves and goes."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.stateful.asking import Asking
from tests.stateful.conftest import Runner
from tests.stateful.granting import Granting
from tests.stateful.inviting import Inviting
from tests.stateful.organizing import Organizing
from tests.stateful.words import (
    ADDRESSES,
    CUSTOM,
    GROUPS,
    WHO,
    everywhere,
    gifts,
    groups,
    lasts,
    people,
    permissions,
)


class AccessMachine(Granting, Organizing, Inviting, Asking):
    @initialize(
        gives=st.tuples(permissions, permissions, permissions),
        data=st.data(),
        deletes=st.booleans(),
    )
    def begin(
        self,
        gives: tuple[list[str], ...],
        data: st.DataObject,
        *,
        deletes: bool,
    ) -> None:
        self.deletes = deletes
        self.begin_with_something()
        for group in GROUPS:
            self.create_group("first", group)
        for role, wanted in zip(CUSTOM, gives, strict=True):
            self.create_role("first", role, wanted)
        given = st.tuples(gifts([*WHO, *GROUPS], everywhere), lasts)
        for gift, lasting in data.draw(st.lists(given, max_size=10)):
            self.operator_grants(gift, lasting)
        for group, member in data.draw(st.lists(st.tuples(groups, people), max_size=4)):
            self.put_member("first", group, member)
        for gift in data.draw(st.lists(gifts(ADDRESSES), max_size=2)):
            self.grant("first", gift, None)


def test_access_is_as_the_oracle_says(run: Runner) -> None:
    run(AccessMachine)
