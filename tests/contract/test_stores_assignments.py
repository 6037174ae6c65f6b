from datetime import datetime, timedelta

import pytest
from attrs import evolve

from ktrlplane.domain.access import RoleAssignment
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import AssignmentId, PrincipalId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
    keep,
    on,
)

NEVER = AssignmentId("asg_never")
SCOPES = ("organization acme", "project web", "resource kettle")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Organization acme with project web with a kettle; project app, too; other organizations."""
    keep(units, an_organization(), an_organization("other"))
    keep(units, a_project(), a_project("app"), a_project("solo", None))
    keep(units, a_resource(), a_resource("toaster", "app"))
    return units


def held_by(units: UnitsOfWork, principal: PrincipalId | None = None) -> list[RoleAssignment]:
    with units.view() as work:
        return list(work.assignments.of(principal))


@pytest.mark.parametrize(
    ("scope", "scope_name"),
    [
        ("organization acme", "Acme"),
        ("project web", "Web"),
        ("resource kettle", "Kettle"),
        ("global", "*"),
    ],
)
def test_an_assignment_comes_with_its_user_its_role_and_the_name_of_its_scope(
    inside: UnitsOfWork, scope: str, scope_name: str
) -> None:
    added = an_assignment(
        BOB,
        EDITOR,
        scope,
        assigned_by=ALICE,
        created_at=NOW + timedelta(microseconds=1),
        expires_at=NOW + HOUR + timedelta(microseconds=1),
    )
    keep(inside, added)
    with inside.view() as work:
        view = work.assignments.get(added.assignment_id)
    assert (view.assignment, view.user, view.role) == (added, a_user(BOB), EDITOR)
    assert view.scope_name == scope_name


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    with inside.begin() as work:
        with pytest.raises(NotFound):
            work.assignments.get(NEVER)
        with pytest.raises(NotFound):
            work.assignments.replace(an_assignment(ALICE, OWNER, "project web"))
        with pytest.raises(NotFound):
            work.assignments.remove(NEVER)
        work.assignments.remove_below(on("project nowhere"))


def test_nothing_is_assigned_to_nobody(inside: UnitsOfWork) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, an_assignment(PrincipalId("nobody"), OWNER, "project web"))
    assert held_by(inside) == []


@pytest.mark.parametrize("scope", [*SCOPES, "global"])
@pytest.mark.parametrize("expires_at", [None, NOW + 2 * HOUR])
def test_the_same_again_is_refused_while_it_holds(
    inside: UnitsOfWork, scope: str, expires_at: datetime | None
) -> None:
    first = an_assignment(ALICE, OWNER, scope, expires_at=expires_at)
    keep(inside, first)
    again = an_assignment(ALICE, OWNER, scope, 2, created_at=NOW + HOUR)
    with pytest.raises(AlreadyExists):
        keep(inside, again)
    assert held_by(inside) == [first]


def test_another_principal_role_or_scope_is_not_the_same(inside: UnitsOfWork) -> None:
    different = [
        an_assignment(ALICE, OWNER, "project web"),
        an_assignment(BOB, OWNER, "project web"),
        an_assignment(ALICE, VIEWER, "project web"),
        an_assignment(ALICE, OWNER, "project app"),
        an_assignment(ALICE, OWNER, "organization acme"),
        an_assignment(ALICE, OWNER, "global"),
    ]
    keep(inside, *different)
    assert {held.assignment_id for held in held_by(inside)} == {
        held.assignment_id for held in different
    }


@pytest.mark.parametrize("ago", [timedelta(0), HOUR])
def test_granting_over_an_expired_one_renews_it(inside: UnitsOfWork, ago: timedelta) -> None:
    expired = an_assignment(ALICE, OWNER, "project web", 1, expires_at=NOW + HOUR)
    beside = an_assignment(ALICE, VIEWER, "project web", 2, expires_at=NOW + HOUR)
    keep(inside, expired, beside)
    renewed = an_assignment(
        ALICE, OWNER, "project web", 3, created_at=NOW + HOUR + ago, assigned_by=BOB
    )
    keep(inside, renewed)
    assert held_by(inside) == [beside, renewed]
    with inside.view() as work, pytest.raises(NotFound):
        work.assignments.get(expired.assignment_id)


def test_replacing_changes_this_one_alone(inside: UnitsOfWork) -> None:
    lasting = an_assignment(ALICE, OWNER, "project web", 1)
    other = an_assignment(BOB, OWNER, "project web", 2)
    keep(inside, lasting, other)
    for expires_at in (NOW + HOUR, None):
        with inside.begin() as work:
            work.assignments.replace(evolve(lasting, expires_at=expires_at))
        assert held_by(inside) == [evolve(lasting, expires_at=expires_at), other]


def test_removing_takes_this_one_alone(inside: UnitsOfWork) -> None:
    one, other = (an_assignment(who, OWNER, "project web") for who in (ALICE, BOB))
    keep(inside, one, other)
    with inside.begin() as work:
        work.assignments.remove(one.assignment_id)
    assert held_by(inside) == [other]


@pytest.mark.parametrize(
    ("below", "left"),
    [
        ("organization acme", {"project solo", "organization other", "global"}),
        ("project web", {"organization acme", "project app", "resource toaster", "project solo",
                         "organization other", "global"}),
        ("resource kettle", {"organization acme", "project web", "project app",
                             "resource toaster", "project solo", "organization other", "global"}),
        ("project solo", {"organization acme", "project web", "resource kettle", "project app",
                          "resource toaster", "organization other", "global"}),
    ],
)  # fmt: skip
def test_remove_below_takes_all_on_a_scope_and_in_it(
    inside: UnitsOfWork, below: str, left: set[str]
) -> None:
    scopes = (*SCOPES, "project app", "resource toaster", "project solo", "organization other")
    for scope in (*scopes, "global"):
        keep(inside, an_assignment(ALICE, OWNER, scope))
        keep(inside, an_assignment(BOB, VIEWER, scope, expires_at=NOW + HOUR))
    with inside.begin() as work:
        work.assignments.remove_below(on(below))
    expected = {(who, on(scope)) for who in (ALICE, BOB) for scope in left}
    assert {(held.user_id, held.scope) for held in held_by(inside)} == expected


def test_remove_below_takes_what_ended_things_left(inside: UnitsOfWork) -> None:
    keep(inside, an_assignment(ALICE, OWNER, "resource kettle"))
    with inside.begin() as work:
        work.organizations.replace(an_organization().deleted(NOW))
        work.assignments.remove_below(on("organization acme"))
    assert held_by(inside) == []


def test_remove_below_tells_a_kind_from_another_with_the_same_id(units: UnitsOfWork) -> None:
    keep(units, an_organization("same"), a_project("same", None), a_resource("same", "same", None))
    kept = [an_assignment(ALICE, OWNER, f"{kind} same") for kind in ("organization", "project")]
    keep(units, *kept, an_assignment(ALICE, OWNER, "resource same"))
    with units.begin() as work:
        work.assignments.remove_below(on("resource same"))
    assert sorted(held_by(units), key=lambda held: held.scope) == kept


def test_remove_on_takes_all_directly_on_some_scopes_and_nothing_below(
    inside: UnitsOfWork,
) -> None:
    scopes = ("organization acme", "project web", "resource kettle", "resource toaster")
    keep(inside, *(an_assignment(ALICE, OWNER, scope) for scope in scopes))
    keep(inside, an_assignment(BOB, VIEWER, "resource kettle", expires_at=NOW + HOUR))
    with inside.begin() as work:
        work.assignments.remove_on([])
        work.assignments.remove_on([on("resource kettle"), on("project web"), on("resource no")])
    left = [str(held.scope) for held in held_by(inside)]
    assert sorted(left) == ["organization acme", "resource toaster"]


def test_on_are_the_unexpired_ones_directly_on_a_scope_oldest_first(inside: UnitsOfWork) -> None:
    scope = "project web"
    late = an_assignment(CAROL, VIEWER, scope, 1, created_at=NOW + HOUR)
    early = an_assignment(ALICE, OWNER, scope, 3)
    also_early = an_assignment(BOB, OWNER, scope, 2, expires_at=NOW + 2 * HOUR)
    keep(inside, late, early, also_early)
    keep(inside, an_assignment(ALICE, OWNER, "organization acme"))
    keep(inside, an_assignment(ALICE, OWNER, "resource kettle"))
    with inside.view() as work:
        assert work.assignments.on(on(scope), NOW + HOUR) == [also_early, early, late]
        assert work.assignments.on(on(scope), NOW + 2 * HOUR) == [early, late]
        assert work.assignments.on(on("project nowhere"), NOW) == []


def test_of_are_all_of_a_principal_or_of_everybody_oldest_first(inside: UnitsOfWork) -> None:
    late = an_assignment(ALICE, OWNER, "project web", 1, created_at=NOW + HOUR)
    expired = an_assignment(ALICE, OWNER, "organization acme", 3, expires_at=NOW + HOUR)
    everywhere = an_assignment(ALICE, VIEWER, "global", 2)
    other = an_assignment(ROBOT, OWNER, "project web", 4)
    keep(inside, late, expired, everywhere, other)
    assert held_by(inside, ALICE) == [everywhere, expired, late]
    assert held_by(inside, None) == [everywhere, expired, other, late]
    assert held_by(inside, PrincipalId("nobody")) == []


PATH = [on(scope) for scope in SCOPES]


def test_a_view_shows_the_unexpired_ones_on_any_scope_of_the_path(inside: UnitsOfWork) -> None:
    shown = [an_assignment(ALICE, OWNER, scope) for scope in SCOPES]
    expiring = an_assignment(BOB, VIEWER, "project web", expires_at=NOW + HOUR)
    keep(inside, *shown, expiring)
    for scope in ("project app", "resource toaster", "organization other", "global"):
        keep(inside, an_assignment(ALICE, OWNER, scope))
    page = PageRequest(include_total=True)
    with inside.view() as work:
        found = work.assignments.view(PATH, NOW, page)
        later = work.assignments.view(PATH, NOW + HOUR, page)
        nothing = work.assignments.view([], NOW, page)
    assert {view.assignment for view in found.items} == {*shown, expiring}
    assert {view.assignment for view in later.items} == set(shown)
    assert (found.total, later.total, nothing.total) == (4, 3, 0)
    names = {(view.assignment.scope, view.scope_name) for view in found.items}
    assert names == set(zip(PATH, ["Acme", "Web", "Kettle"], strict=True))


@pytest.mark.parametrize("sort", [Sort.CREATED_AT, Sort.CREATED_AT_DESCENDING])
@pytest.mark.parametrize("limit", [1, 2, 4, 8, 9])
def test_a_view_walked_by_cursor_shows_each_once_in_order(
    inside: UnitsOfWork, sort: Sort, limit: int
) -> None:
    expected = []
    for number in range(8):
        user = a_user(PrincipalId(f"auth0|user-{number}"))
        made = an_assignment(
            user.user_id,
            VIEWER,
            SCOPES[number % 3],
            (number * 5) % 8,
            created_at=NOW + HOUR * (number // 3),
        )
        keep(inside, user, made)
        expected.append(made)
    expected.sort(
        key=lambda held: (held.created_at, held.assignment_id),
        reverse=sort is Sort.CREATED_AT_DESCENDING,
    )
    walked = []
    page = PageRequest(limit=limit, sort=sort, include_total=True)
    with inside.view() as work:
        while True:
            found = work.assignments.view(PATH, NOW, page)
            assert found.total == 8
            walked += [view.assignment for view in found.items]
            if found.next is None:
                break
            assert len(found.items) == limit
            page = evolve(page, after=found.next)
        offset = work.assignments.view(PATH, NOW, PageRequest(limit=limit, sort=sort, offset=3))
    assert walked == expected
    assert [view.assignment for view in offset.items] == expected[3 : 3 + limit]
