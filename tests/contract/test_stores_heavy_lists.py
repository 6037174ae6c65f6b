"""Pages end where they would be too heavy, and lists are whole all the same."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import pytest
from attrs import evolve

from ktrlplane.domain.documents import Difference, Document
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.paging import MAX_WEIGHT, Page, PageRequest, Sort
from ktrlplane.domain.reports import Condition
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.transitions import Transition, between
from ktrlplane.ports.stores import ResourceFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    NOW,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
)

T = TypeVar("T")
A_MOMENT = timedelta(microseconds=1)
WHERE = [ResourceFilter(), ResourceFilter(project_id=ProjectId("web"))]
FOURTH = MAX_WEIGHT // 4
"""Beside a few bytes, three of these are on a page and four are not."""


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), a_project(), an_assignment(ALICE, VIEWER, "organization acme"))
    return units


def some(texts: Sequence[str]) -> list[Resource]:
    """With these in their settings, oldest first, whose names sort the same way."""
    return [
        a_resource(
            f"r-{number:03}",
            name=f"R {number:03}",
            settings_json=Document.of({"a": text}),
            created_at=NOW + number * A_MOMENT,
        )
        for number, text in enumerate(texts)
    ]


def listed(units: UnitsOfWork, where: ResourceFilter = WHERE[0]) -> Callable[..., Page[Resource]]:
    def read(page: PageRequest) -> Page[Resource]:
        with units.view() as work:
            return work.resources.readable_by(ALICE, NOW, page, where)

    return read


def told(units: UnitsOfWork) -> Callable[..., Page[Transition]]:
    def read(page: PageRequest) -> Page[Transition]:
        with units.view() as work:
            return work.transitions.of(ResourceId("kettle"), page)

    return read


def by_cursor(read: Callable[..., Page[T]], page: PageRequest) -> list[Sequence[T]]:
    pages = []
    while True:
        found = read(page)
        pages.append(found.items)
        if found.next is None:
            return pages
        page = evolve(page, after=found.next)


def by_offset(read: Callable[..., Page[T]], page: PageRequest) -> list[Sequence[T]]:
    pages = []
    while True:
        found = read(page)
        pages.append(found.items)
        if found.next is None:
            return pages
        page = evolve(page, offset=page.offset + len(found.items))


@pytest.mark.parametrize("where", WHERE, ids=["everywhere", "in a project"])
@pytest.mark.parametrize("sort", list(Sort))
def test_a_page_of_resources_ends_before_it_is_too_heavy(
    inside: UnitsOfWork, sort: Sort, where: ResourceFilter
) -> None:
    known = some(["x" * FOURTH] * 4 + ["small"] * 3)
    keep(inside, *known)
    wanted = known[::-1] if sort.descending else known
    sizes = [6, 1] if sort.descending else [3, 4]
    page = PageRequest(sort=sort, limit=200, include_total=True)
    for walk in (by_cursor, by_offset):
        pages = walk(listed(inside, where), page)
        assert [len(items) for items in pages] == sizes
        assert [one for items in pages for one in items] == wanted
    assert listed(inside, where)(page).total == 7


def test_one_that_is_too_heavy_alone_is_on_a_page_of_its_own(inside: UnitsOfWork) -> None:
    known = some(["small", "x" * (MAX_WEIGHT + 1), "small", "x" * MAX_WEIGHT])
    keep(inside, *known)
    pages = by_cursor(listed(inside), PageRequest(sort=Sort.NAME))
    assert pages == [[one] for one in known]


def test_the_limit_of_a_page_holds_beside_its_weight(inside: UnitsOfWork) -> None:
    known = some(["x" * FOURTH] * 3 + ["small"] * 2)
    keep(inside, *known)
    pages = by_cursor(listed(inside), PageRequest(sort=Sort.NAME, limit=2))
    assert [len(items) for items in pages] == [2, 2, 1]
    assert [one for items in pages for one in items] == known


def test_bytes_are_counted_and_not_characters(inside: UnitsOfWork) -> None:
    keep(inside, *some(["\N{FOUR LEAF CLOVER}" * (FOURTH // 4)] * 4))
    assert len(listed(inside)(PageRequest()).items) == 3


def test_conditions_count_too(inside: UnitsOfWork) -> None:
    said = (Condition(type="Ready", status="False", message="x" * FOURTH),)
    keep(inside, *(evolve(one, conditions=said) for one in some([""] * 4)))
    assert [len(items) for items in by_cursor(listed(inside), PageRequest())] == [3, 1]


def test_an_empty_list_has_one_empty_page(inside: UnitsOfWork) -> None:
    assert by_cursor(listed(inside), PageRequest()) == [[]]


@pytest.mark.parametrize("sort", [Sort.CREATED_AT, Sort.CREATED_AT_DESCENDING])
def test_a_page_of_a_history_ends_before_it_is_too_heavy(inside: UnitsOfWork, sort: Sort) -> None:
    keep(inside, a_resource())
    made = [between(None, a_resource(), actor=ALICE, at=NOW + n * A_MOMENT) for n in range(7)]
    long = (Difference("/settings_json/a", None, "x" * FOURTH),)
    known = [
        evolve(one, changes=long if number < 4 else ())
        for number, one in enumerate(made)
        if one is not None
    ]
    with inside.begin() as work:
        work.transitions.add(known)
    wanted = known[::-1] if sort.descending else known
    for walk in (by_cursor, by_offset):
        pages = walk(told(inside), PageRequest(sort=sort, limit=200))
        assert [len(items) for items in pages] == ([6, 1] if sort.descending else [3, 4])
        assert [one for items in pages for one in items] == wanted


def test_what_was_omitted_comes_back_so(inside: UnitsOfWork) -> None:
    keep(inside, a_resource())
    one = between(None, a_resource(), actor=ALICE, at=NOW)
    assert one is not None
    known = evolve(one, changes=(Difference.without_values("/settings_json/a"),))
    with inside.begin() as work:
        work.transitions.add([known])
    assert told(inside)(PageRequest()).items == [known]
