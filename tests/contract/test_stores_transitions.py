from datetime import timedelta

import pytest

from ktrlplane.domain.documents import Difference, Document
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.transitions import Transition, between
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, NOW, a_project, a_resource, an_organization, keep

KETTLE = ResourceId("kettle")
A_MOMENT = timedelta(microseconds=1)
OLDEST = PageRequest(sort=Sort.CREATED_AT)


@pytest.fixture
def units(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), a_project(), a_resource(), a_resource("toaster"))
    return units


def told(units: UnitsOfWork, page: PageRequest = OLDEST) -> list[Transition]:
    with units.view() as work:
        return list(work.transitions.of(KETTLE, page).items)


def some(count: int) -> list[Transition]:
    made = a_resource(status=Status.CREATING)
    found = [
        between(None, made, actor=ALICE, at=NOW + number * A_MOMENT) for number in range(count)
    ]
    return [one for one in found if one is not None]


def test_a_transition_comes_back_as_it_went_in(units: UnitsOfWork) -> None:
    before = a_resource(settings_json=Document.of({"litres": 10**20, "label": "a/b", "old": True}))
    after = before.changed(
        name="N", sku="gold", settings=Document.of({"litres": -(10**20), "label": "a/b"}), now=NOW
    )
    first = between(None, before, actor=None, at=NOW)
    second = between(before, after, actor=ALICE, at=NOW + A_MOMENT)
    assert first is not None
    assert second is not None
    assert second.changes == (
        Difference("/sku", "free", "gold"),
        Difference("/settings_json/litres", 10**20, -(10**20)),
        Difference("/settings_json/old", before=True, after=None),
    )
    with units.begin() as work:
        work.transitions.add([first, second])
    assert told(units) == [first, second]


def test_they_are_in_order_and_paged_and_only_of_the_one_that_is_asked_for(
    units: UnitsOfWork,
) -> None:
    known = some(5)
    other = between(None, a_resource("toaster"), actor=ALICE, at=NOW)
    assert other is not None
    with units.begin() as work:
        work.transitions.add([*reversed(known), other])
    assert told(units) == known
    assert told(units, PageRequest()) == known[::-1]
    seen: list[Transition] = []
    page = PageRequest(limit=2, include_total=True)
    while True:
        with units.view() as work:
            found = work.transitions.of(KETTLE, page)
        assert found.total == 5
        seen += found.items
        if found.next is None:
            break
        page = PageRequest(limit=2, include_total=True, after=found.next)
    assert seen == known[::-1]


def test_none_at_all_are_kept_too(units: UnitsOfWork) -> None:
    with units.begin() as work:
        work.transitions.add([])
    assert told(units) == []


def test_an_exception_leaves_no_trace_of_them(units: UnitsOfWork) -> None:
    with pytest.raises(RuntimeError), units.begin() as work:  # noqa: PT012
        work.transitions.add(some(1))
        raise RuntimeError
    assert told(units) == []
