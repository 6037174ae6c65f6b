"""What the in-memory stores promise beyond the contract."""

import pytest

from ktrlplane.adapters.memory.tables import ReadOnly
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.errors import Interrupted, NotFound
from ktrlplane.domain.ids import OrganizationId
from tests.builders import ALICE, NOW, an_organization, keep


def test_who_waits_too_long_for_a_turn_is_interrupted_and_may_try_again() -> None:
    units = MemoryUnitsOfWork(patience_s=0.01)
    with units.begin(), pytest.raises(Interrupted), units.begin():
        pass
    keep(units, an_organization())


def test_nothing_can_be_written_through_a_unit_of_work_that_has_ended() -> None:
    units = MemoryUnitsOfWork()
    with units.begin() as work:
        pass
    with pytest.raises(ReadOnly):
        work.organizations.add(an_organization())


def test_a_view_waits_for_nobody_and_stays_as_it_began() -> None:
    units = MemoryUnitsOfWork()
    with units.view() as seen, units.begin() as work:
        work.organizations.add(an_organization())
        with pytest.raises(NotFound):
            seen.organizations.with_standing(OrganizationId("acme"), ALICE, NOW)
