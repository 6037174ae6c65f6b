"""Assignments that are held by groups or give custom roles, and who can reach what by them."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import Holder, Role, RoleAssignment
from ktrlplane.domain.errors import AlreadyExists
from ktrlplane.domain.ids import GroupId, PrincipalId, RoleId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    ALL_SEEING,
    BOB,
    CAROL,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
    keep,
    on,
)
from tests.contract.walking import walk

CREW, STAFF = a_group("Crew"), a_group("Staff")
HELPER = a_custom_role("Helper", "read")
SCOPES = ("organization acme", "project web", "resource kettle")
EVERYWHERE = (*SCOPES, "project app", "resource toaster", "project solo", "organization other")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Alice in the groups Crew and Staff, Bob in Staff."""
    keep(units, an_organization(), an_organization("other"), HELPER, CREW, STAFF)
    keep(units, a_project(), a_project("app"), a_project("solo", None))
    keep(units, a_resource(), a_resource("toaster", "app"))
    keep(units, a_member(CREW, ALICE), a_member(STAFF, ALICE), a_member(STAFF, BOB))
    return units


def read(
    units: UnitsOfWork, ask: Callable[[UnitOfWork], Iterable[RoleAssignment]]
) -> list[RoleAssignment]:
    with units.view() as work:
        return list(ask(work))


def change(units: UnitsOfWork, act: Callable[[UnitOfWork], Any]) -> None:
    with units.begin() as work:
        act(work)


@pytest.mark.parametrize("scope", SCOPES)
def test_one_of_a_group_comes_with_its_group_and_no_user(inside: UnitsOfWork, scope: str) -> None:
    held = an_assignment(CREW.group_id, HELPER, scope, assigned_by=ALICE, expires_at=NOW + HOUR)
    keep(inside, held)
    with inside.view() as work:
        view = work.assignments.get(held.assignment_id)
        assert work.assignments.view([on(scope)], NOW, PageRequest()).items == [view]
    assert (view.assignment, view.group, view.user, view.role) == (held, CREW, None, HELPER)
    assert (held.principal_type, held.group_id, held.user_id) == ("group", CREW.group_id, None)
    assert (
        view.scope_name == {"acme": "Acme", "web": "Web", "kettle": "Kettle"}[held.scope.scope_id]
    )


def test_nothing_is_assigned_to_no_group(inside: UnitsOfWork) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, an_assignment(GroupId("grp_never"), OWNER, "project web"))
    assert read(inside, lambda work: work.assignments.of(None)) == []


def test_a_user_and_a_group_of_one_name_are_two_holders(inside: UnitsOfWork) -> None:
    namesake = PrincipalId(CREW.group_id.value)
    keep(inside, a_user(namesake))
    mine = an_assignment(namesake, VIEWER, "project web", 1)
    ours = an_assignment(CREW.group_id, VIEWER, "project web", 2)
    keep(inside, mine, ours)
    assert read(inside, lambda work: work.assignments.of(namesake)) == [mine]
    assert read(inside, lambda work: work.assignments.of(CREW.group_id)) == [ours]
    change(inside, lambda work: work.groups.remove(CREW.group_id))
    assert read(inside, lambda work: work.assignments.of(None)) == [mine]


def test_of_a_group_as_of_a_user_the_same_is_refused_until_it_expired(
    inside: UnitsOfWork,
) -> None:
    first = an_assignment(CREW.group_id, VIEWER, "project web", 1, expires_at=NOW + HOUR)
    again = an_assignment(CREW.group_id, VIEWER, "project web", 2)
    others = [
        an_assignment(STAFF.group_id, VIEWER, "project web", 3),
        an_assignment(ALICE, VIEWER, "project web", 4),
        an_assignment(CREW.group_id, HELPER, "project web", 5),
    ]
    keep(inside, first, *others)
    with pytest.raises(AlreadyExists):
        keep(inside, again)
    renewed = evolve(again, created_at=NOW + HOUR)
    keep(inside, renewed)
    assert read(inside, lambda work: work.assignments.of(None)) == [*others, renewed]


def test_replacing_and_removing_leave_the_others_of_the_group(inside: UnitsOfWork) -> None:
    one = an_assignment(CREW.group_id, VIEWER, "project web", 1)
    other = an_assignment(CREW.group_id, EDITOR, "project web", 2)
    keep(inside, one, other)
    changed = evolve(one, expires_at=NOW + HOUR)
    change(inside, lambda work: work.assignments.replace(changed))
    assert read(inside, lambda work: work.assignments.of(CREW.group_id)) == [changed, other]
    change(inside, lambda work: work.assignments.remove(one.assignment_id))
    assert read(inside, lambda work: work.assignments.of(CREW.group_id)) == [other]
    change(inside, lambda work: work.assignments.remove_below(on("organization acme")))
    assert read(inside, lambda work: work.assignments.of(None)) == []


def test_with_role_are_all_that_give_it_oldest_first(inside: UnitsOfWork) -> None:
    late = an_assignment(ALICE, HELPER, "project web", 1, created_at=NOW + HOUR)
    early = an_assignment(CREW.group_id, HELPER, "organization acme", 3, expires_at=NOW)
    also_early = an_assignment(BOB, HELPER, "resource kettle", 2)
    keep(inside, late, early, also_early, an_assignment(BOB, VIEWER, "project web"))
    given = read(inside, lambda work: work.assignments.with_role(HELPER.role_id))
    assert given == [also_early, early, late]
    assert read(inside, lambda work: work.assignments.with_role(RoleId("role_never"))) == []


BELOW = {
    "organization acme": {*SCOPES, "project app", "resource toaster"},
    "project web": {"project web", "resource kettle"},
    "resource kettle": {"resource kettle"},
    "project solo": {"project solo"},
    "project nowhere": set[str](),
}


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("holder", [BOB, CREW.group_id], ids=["user", "group"])
def test_of_below_are_a_holders_own_in_a_scope_oldest_first(
    inside: UnitsOfWork, holder: Holder, below: str
) -> None:
    made = []
    for number, scope in enumerate(EVERYWHERE):
        at, ends = NOW - HOUR * (number % 3), NOW + HOUR if number % 2 else None
        made.append(an_assignment(holder, VIEWER, scope, number, created_at=at, expires_at=ends))
    keep(inside, *made)
    for scope in EVERYWHERE:
        keep(inside, an_assignment(CAROL, VIEWER, scope))
        keep(inside, an_assignment(STAFF.group_id, VIEWER, scope))
    wanted = {on(scope) for scope in BELOW[below]}
    expected = [held for held in made if held.scope in wanted]
    expected.sort(key=lambda held: (held.created_at, held.assignment_id))
    found = read(inside, lambda work: work.assignments.of_below(holder, on(below)))
    assert found == expected


@pytest.mark.parametrize("below", BELOW)
def test_lent_below_are_those_of_groups_and_of_custom_roles(
    inside: UnitsOfWork, below: str
) -> None:
    kinds: list[tuple[Holder, Role]] = [
        (CREW.group_id, VIEWER),
        (CREW.group_id, HELPER),
        (CAROL, HELPER),
    ]
    lent = []
    for number, scope in enumerate(EVERYWHERE):
        at, ends = NOW - HOUR * (number % 3), NOW + HOUR if number % 2 else None
        lent += [
            an_assignment(holder, role, scope, 10 * kind + number, created_at=at, expires_at=ends)
            for kind, (holder, role) in enumerate(kinds)
        ]
        keep(inside, an_assignment(CAROL, OWNER, scope))
    keep(inside, *lent)
    wanted = {on(scope) for scope in BELOW[below]}
    expected = [held for held in lent if held.scope in wanted]
    expected.sort(key=lambda held: (held.created_at, held.assignment_id))
    assert read(inside, lambda work: work.assignments.lent_below(on(below))) == expected


def reached(
    units: UnitsOfWork,
    who: PrincipalId = ALICE,
    manager: PrincipalId | None = None,
    hours: int = 0,
) -> list[RoleAssignment]:
    page = PageRequest(sort=Sort.CREATED_AT, include_total=True)
    with units.view() as work:
        found = work.assignments.reach(who, NOW + hours * HOUR, page, manager=manager)
        for view in found.items:
            assert work.assignments.get(view.assignment.assignment_id) == view
    assert found.total == len(found.items)
    return [view.assignment for view in found.items]


def test_one_reaches_what_one_holds_in_person_and_by_groups(inside: UnitsOfWork) -> None:
    mine = [an_assignment(ALICE, VIEWER, scope, n) for n, scope in enumerate(EVERYWHERE)]
    everywhere = an_assignment(ALICE, VIEWER, "global", 10)
    ours = an_assignment(CREW.group_id, HELPER, "project web", 11, expires_at=NOW + HOUR)
    also_ours = an_assignment(STAFF.group_id, VIEWER, "resource kettle", 12)
    keep(inside, *mine, everywhere, ours, also_ours, an_assignment(CAROL, OWNER, "project web"))
    assert reached(inside) == [*mine, everywhere, ours, also_ours]
    assert reached(inside, hours=1) == [*mine, everywhere, also_ours]
    assert reached(inside, BOB) == [also_ours]
    assert reached(inside, ROBOT) == []


MANAGING = {**{scope: BELOW[scope] for scope in (*SCOPES, "project solo")}, "global": {"global"}}


@pytest.mark.parametrize("role", [OWNER, ALL_SEEING, EDITOR], ids=lambda role: role.name)
@pytest.mark.parametrize(
    ("managed", "how"),
    [
        *((managed, "in person") for managed in MANAGING),
        *((managed, "by a group") for managed in SCOPES),
    ],
)
def test_a_manager_sees_what_others_reach_where_they_manage_access(
    inside: UnitsOfWork, managed: str, role: Role, how: str
) -> None:
    bosses = a_group("Bosses")
    keep(inside, bosses, a_member(bosses, CAROL))
    boss = CAROL if how == "in person" else bosses.group_id
    keep(inside, an_assignment(boss, role, managed, expires_at=NOW + HOUR))
    for number, scope in enumerate((*EVERYWHERE, "global")):
        keep(inside, an_assignment(ALICE, VIEWER, scope, number))
    for number, scope in enumerate(SCOPES):
        keep(inside, an_assignment(CREW.group_id, VIEWER, scope, 20 + number))
    manages = role is not EDITOR
    expected = {on(scope) for scope in MANAGING[managed]} if manages else set()
    seen = reached(inside, manager=CAROL)
    assert {held.scope for held in seen if held.user_id} == expected
    by_groups = {held.scope for held in seen if held.group_id}
    assert by_groups == expected & set(map(on, SCOPES))
    assert reached(inside, manager=CAROL, hours=1) == []
    assert reached(inside, manager=ROBOT) == []


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 3, 7, 8])
@pytest.mark.parametrize("manager", [None, CAROL], ids=["own", "managed"])
def test_a_walk_through_what_one_reaches_shows_each_once_in_order(
    inside: UnitsOfWork, sort: Sort, limit: int, manager: PrincipalId | None
) -> None:
    keep(inside, an_assignment(CAROL, OWNER, "organization acme"))
    made = []
    for number in range(7):
        holder = (ALICE, CREW.group_id, STAFF.group_id)[number % 3]
        role = (VIEWER, EDITOR, OWNER)[number // 3]
        made.append(
            an_assignment(
                holder,
                role,
                SCOPES[number % 3],
                (number * 3) % 7,
                created_at=NOW + HOUR * (number // 2),
            )
        )
    keep(inside, *made)
    made.sort(key=lambda held: (held.created_at, held.assignment_id), reverse=sort.descending)
    page = PageRequest(limit=limit, sort=sort.by_time, include_total=True)
    with inside.view() as work:
        walked = walk(lambda page: work.assignments.reach(ALICE, NOW, page, manager=manager), page)
        skipping = evolve(page, sort=sort, offset=2)
        skipped = work.assignments.reach(ALICE, NOW, skipping, manager=manager)
    assert [view.assignment for view in walked] == made
    assert [view.assignment for view in skipped.items] == made[2 : 2 + limit]
    assert skipped.total == 7
