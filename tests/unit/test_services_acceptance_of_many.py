"""Many invitations to one address, by whoever wants to keep its owner from the others."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from attrs import frozen

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import Interrupted
from ktrlplane.entrypoints.recognition import AT_ONCE, welcome
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.access import Access
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import DAY, EDITOR, HOUR, NOW, a_project, on
from tests.platforms import Acting
from tests.unit.acme import ORG, furnished, held_by
from tests.unit.arriving import NEW, NINA, claims_of, keep, sign_in


@pytest.fixture
def do(do: Acting) -> Acting:
    return furnished(do)


def test_those_that_expired_do_not_keep_the_others_out(do: Acting, clock: ManualClock) -> None:
    """Else whoever invites could block another's invitations for good."""
    for number in range(AT_ONCE):
        mine, email = f"project p-{number}", NEW
        do.keep(a_project(f"p-{number}"))
        keep(do, scope=mine, number=number, email=email, expires_at=NOW + HOUR)
    clock.advance(HOUR)
    keep(do, EDITOR, number=99, created_at=NOW + HOUR, expires_at=NOW + DAY)
    (held,) = sign_in(do)
    assert held.role_id == EDITOR.role_id


def test_many_are_accepted_some_at_a_time(do: Acting) -> None:
    for number in range(AT_ONCE + 1):
        do.keep(a_project(f"p-{number}"))
        keep(do, scope=f"project p-{number}", number=number)
    assert len(sign_in(do)) == AT_ONCE
    assert len(sign_in(do)) == AT_ONCE + 1


@frozen
class BusyAccess:
    """Which cannot hold some scopes."""

    access: Access
    busy: frozenset[Scope]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.access, name)

    def hold(self, *scopes: Scope, patience_s: float | None = None) -> None:
        if self.busy.intersection(scopes):
            raise Interrupted("Others change it.")
        self.access.hold(*scopes, patience_s=patience_s)


@frozen
class BusyUnits(UnitsOfWork):
    units: UnitsOfWork
    busy: frozenset[Scope]

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with self.units.begin() as work:
            work.access = BusyAccess(work.access, self.busy)
            yield work

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        return self.units.view()


def test_who_keeps_a_tenant_busy_keeps_nobody_from_another(do: Acting) -> None:
    """However many invitations of theirs came before."""
    busy = [f"project p-{number}" for number in range(3 * AT_ONCE)]
    for number, scope in enumerate(busy):
        do.keep(a_project(f"p-{number}"))
        keep(do, scope=scope, number=number)
    keep(do, number=len(busy))
    units = BusyUnits(do.units, frozenset(map(on, busy)))
    platform, claims = do.platform, claims_of(do)
    for _ in range(200):
        assert not welcome(Transact(units), claims, platform)
        if held_by(do, NINA):
            break
    assert [str(one.scope) for one in held_by(do, NINA)] == [ORG]
