"""Groups and who is in them, as every store keeps them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import GroupId, OrganizationId, PrincipalId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    EDITOR,
    HOUR,
    NOW,
    ROBOT,
    VIEWER,
    a_group,
    a_member,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
    keep,
)
from tests.contract.walking import walk

ACME, OTHER = OrganizationId("acme"), OrganizationId("other")
NEVER = GroupId("grp_never")
CREW, STAFF = a_group("Crew"), a_group("Staff")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Organizations acme, with project web with a kettle, and other."""
    keep(units, an_organization(), an_organization("other"), a_project(), a_resource())
    return units


def change(units: UnitsOfWork, act: Callable[[UnitOfWork], Any]) -> None:
    with units.begin() as work:
        act(work)


def listed(
    units: UnitsOfWork, org_id: OrganizationId = ACME, text: str | None = None
) -> list[str]:
    with units.view() as work:
        page = PageRequest(sort=Sort.NAME, include_total=True)
        found = work.groups.of(org_id, page, text=text)
        assert text or work.groups.count(org_id) == len(found.items)
    assert found.total == len(found.items)
    return [group.name for group in found.items]


def members(units: UnitsOfWork, group: Group) -> list[PrincipalId]:
    with units.view() as work:
        return list(work.groups.member_ids(group.group_id))


@pytest.mark.parametrize(
    "group",
    [
        CREW,
        a_group(
            "Ünï 'quoted' \\ %_",
            group_id=GroupId("grp_odd"),
            description='On\ntwo "lines".',
            created_at=NOW + timedelta(microseconds=1),
            updated_at=NOW + HOUR,
        ),
        a_group("Plain", description=""),
    ],
    ids=lambda group: str(group.group_id),
)
def test_what_was_added_comes_back(inside: UnitsOfWork, group: Group) -> None:
    keep(inside, group)
    with inside.view() as work:
        assert work.groups.get(group.group_id) == group
        assert work.groups.of(ACME, PageRequest()).items == [group]


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    keep(inside, CREW)
    missing: list[Callable[[UnitOfWork], Any]] = [
        lambda work: work.groups.get(NEVER),
        lambda work: work.groups.replace(STAFF),
        lambda work: work.groups.remove(NEVER),
        lambda work: work.groups.remove_member(CREW.group_id, BOB),
        lambda work: work.groups.remove_member(NEVER, BOB),
        lambda work: work.groups.member(CREW.group_id, BOB),
        lambda work: work.groups.member(NEVER, BOB),
        lambda work: work.groups.put_member(a_member(STAFF)),
    ]
    for act in missing:
        with pytest.raises(NotFound):
            change(inside, act)
    with inside.view() as work:
        assert work.groups.member_ids(NEVER) == []
        assert work.groups.members(NEVER, PageRequest(include_total=True)).total == 0
    assert listed(inside, OrganizationId("nowhere")) == []


@pytest.mark.parametrize("name", ["Crew", "crew", "CREW"])
def test_a_name_is_taken_in_its_organization_whatever_its_case(
    inside: UnitsOfWork, name: str
) -> None:
    keep(inside, CREW, STAFF)
    with pytest.raises(AlreadyExists):
        keep(inside, a_group(name, group_id=NEVER))
    with pytest.raises(AlreadyExists):
        change(inside, lambda work: work.groups.replace(evolve(STAFF, name=name)))
    assert listed(inside) == ["Crew", "Staff"]


def test_a_name_is_free_in_another_organization_and_but_for_ascii_case(
    inside: UnitsOfWork,
) -> None:
    keep(inside, CREW, a_group("Crew", "other"), a_group("É"), a_group("é", group_id=NEVER))
    assert listed(inside) == ["Crew", "É", "é"]
    assert listed(inside, OTHER) == ["Crew"]


def test_replacing_changes_this_one_alone(inside: UnitsOfWork) -> None:
    keep(inside, CREW, STAFF)
    changed = evolve(CREW, name="cREW", description="", updated_at=NOW + HOUR)
    change(inside, lambda work: work.groups.replace(changed))
    with inside.view() as work:
        assert work.groups.get(CREW.group_id) == changed
        assert work.groups.get(STAFF.group_id) == STAFF


def furnish(units: UnitsOfWork) -> None:
    """Bob in all groups, each of which may view something."""
    theirs = a_group("Crew", "other")
    keep(units, CREW, STAFF, theirs)
    for group, scope in ((CREW, "project web"), (STAFF, "resource kettle")):
        keep(units, a_member(group), an_assignment(group.group_id, VIEWER, scope))
    keep(units, a_member(theirs))
    keep(units, an_assignment(theirs.group_id, VIEWER, "organization other"))
    keep(units, an_assignment(BOB, EDITOR, "project web"))


def test_a_group_goes_with_its_members_and_assignments(inside: UnitsOfWork) -> None:
    furnish(inside)
    change(inside, lambda work: work.groups.remove(CREW.group_id))
    assert listed(inside) == ["Staff"]
    assert members(inside, CREW) == []
    assert members(inside, STAFF) == [BOB]
    with inside.view() as work:
        assert work.assignments.of(CREW.group_id) == []
        assert len(work.assignments.of(STAFF.group_id)) == 1
        assert len(work.assignments.of(BOB)) == 1


def test_all_groups_of_an_organization_go_the_same_way(inside: UnitsOfWork) -> None:
    furnish(inside)
    change(inside, lambda work: work.groups.remove_of(ACME))
    change(inside, lambda work: work.groups.remove_of(OrganizationId("nowhere")))
    assert (listed(inside), listed(inside, OTHER)) == ([], ["Crew"])
    with inside.view() as work:
        left = {(held.holder, held.scope.scope_id) for held in work.assignments.of(None)}
    assert left == {(a_group("Crew", "other").group_id, "other"), (BOB, "web")}
    assert [members(inside, group) for group in (CREW, STAFF)] == [[], []]


def test_a_group_that_comes_again_has_nobody_in_it(inside: UnitsOfWork) -> None:
    furnish(inside)
    change(inside, lambda work: work.groups.remove(CREW.group_id))
    keep(inside, CREW)
    assert members(inside, CREW) == []


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_a_walk_by_cursor_shows_each_once_in_order(
    inside: UnitsOfWork, sort: Sort, limit: int
) -> None:
    names = ["b", "A", "a-b", "a0", "Z"]
    made = [
        a_group(name, group_id=GroupId(f"grp_{9 - number}"), created_at=NOW + HOUR * (number // 2))
        for number, name in enumerate(names)
    ]
    keep(inside, *made, a_group("Crew", "other"))
    if sort.by_name:
        made.sort(key=lambda group: group.name.lower(), reverse=sort.descending)
    else:
        made.sort(key=lambda group: (group.created_at, group.group_id), reverse=sort.descending)
    page = PageRequest(limit=limit, sort=sort, include_total=True)
    with inside.view() as work:
        walked = walk(lambda page: work.groups.of(ACME, page), page)
        assert work.groups.of(ACME, page).total == 5
    assert walked == made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["50% Crew", "Snake_Crew", "Überall"]),
        ("crew", ["50% Crew", "Snake_Crew"]),
        ("CREW", ["50% Crew", "Snake_Crew"]),
        ("%", ["50% Crew"]),
        ("_crew", ["Snake_Crew"]),
        ("grp_two", ["Snake_Crew"]),
        ("GRP_TWO", ["Snake_Crew"]),
        ("Über", ["Überall"]),
        ("über", []),
        ("\\", []),
    ],
)
def test_text_is_looked_for_in_name_and_id_as_it_stands(
    inside: UnitsOfWork, text: str, found: list[str]
) -> None:
    for name, identity in (("50% Crew", "one"), ("Snake_Crew", "two"), ("Überall", "three")):
        keep(inside, a_group(name, group_id=GroupId(f"grp_{identity}")))
    assert listed(inside, text=text) == found


def test_who_is_put_in_is_new_once_and_stays_as_they_are(inside: UnitsOfWork) -> None:
    first = a_member(CREW, BOB, added_by=None, added_at=NOW + timedelta(microseconds=1))
    again = a_member(CREW, BOB, added_by=CAROL, added_at=NOW + HOUR)
    keep(inside, CREW, STAFF)
    with inside.begin() as work:
        assert work.groups.put_member(first)
        assert not work.groups.put_member(again)
        assert work.groups.put_member(a_member(STAFF, BOB))
    with inside.view() as work:
        view = work.groups.member(CREW.group_id, BOB)
    assert (view.member, view.user) == (first, a_user(BOB))


def test_a_group_belongs_to_an_organization_that_is_there(inside: UnitsOfWork) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, a_group("Crew", "nowhere"))
    assert listed(inside, OrganizationId("nowhere")) == []


def test_nobody_unknown_is_put_in(inside: UnitsOfWork) -> None:
    keep(inside, CREW)
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, a_member(CREW, PrincipalId("nobody")))
    assert members(inside, CREW) == []


def test_removing_a_member_takes_this_one_alone(inside: UnitsOfWork) -> None:
    keep(inside, CREW, STAFF)
    for group in (CREW, STAFF):
        keep(inside, a_member(group, BOB), a_member(group, CAROL))
    change(inside, lambda work: work.groups.remove_member(CREW.group_id, BOB))
    assert members(inside, CREW) == [CAROL]
    assert members(inside, STAFF) == [BOB, CAROL]


def test_members_come_by_when_they_were_added_whatever_is_asked_for(inside: UnitsOfWork) -> None:
    keep(inside, CREW, STAFF, a_member(STAFF, ALICE))
    added = [(CAROL, 2), (ALICE, 0), (ROBOT, 1), (BOB, 1)]
    for who, hours in added:
        keep(inside, a_member(CREW, who, added_at=NOW + hours * HOUR))
    order = [ALICE, BOB, ROBOT, CAROL]
    for sort in Sort:
        page = PageRequest(limit=2, sort=sort, include_total=True)
        with inside.view() as work:
            walked = walk(lambda page: work.groups.members(CREW.group_id, page), page)
            assert work.groups.members(CREW.group_id, page).total == 4
        ids = [view.member.user_id for view in walked]
        assert ids == (order[::-1] if sort.descending else order)
        assert [view.user.user_id for view in walked] == ids
    assert members(inside, CREW) == sorted(order)


def test_who_leaves_an_organization_leaves_all_its_groups_and_no_others(
    inside: UnitsOfWork,
) -> None:
    theirs = a_group("Crew", "other")
    keep(inside, CREW, STAFF, theirs)
    for group in (CREW, STAFF, theirs):
        keep(inside, a_member(group, BOB), a_member(group, CAROL))
    change(inside, lambda work: work.groups.leave(BOB, ACME))
    change(inside, lambda work: work.groups.leave(ALICE, ACME))
    assert [members(inside, group) for group in (CREW, STAFF)] == [[CAROL], [CAROL]]
    assert members(inside, theirs) == [BOB, CAROL]
