"""What a rehearsal tells of a change of access."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.access import Permission, Scope
from ktrlplane.domain.errors import Forbidden
from ktrlplane.domain.ids import AssignmentId, PrincipalId, RoleId
from ktrlplane.domain.services.assignments import GrantRole, preview_grant
from ktrlplane.domain.services.previews import MAX_EFFECTS, compared
from ktrlplane.domain.standings import Grant, Standing, gained
from tests.builders import ALICE, BOB, NOW, VIEWER, a_group, a_member, a_user, an_assignment, on
from tests.platforms import Acting
from tests.unit.acme import DORA, ERIN, ORG, PROJECT, furnished

ACTIONS = [
    f"{product_}:{action}"
    for product_, action in product(
        ("Acme.Kettle", "Konnektr.KtrlPlane"), ("*", "water/*", "water/boil", "water", "read")
    )
]
EVERYTHING = [Permission.parse(text) for text in ACTIONS]
HERE: Scope = on("project web")


def holding(permissions: list[Permission]) -> Standing:
    grant = Grant(
        assignment_id=AssignmentId("asg_1"),
        role_id=RoleId("role_1"),
        scope=HERE,
        permissions=tuple(permissions),
    )
    return Standing((HERE,), [grant])


some = st.lists(st.sampled_from(EVERYTHING), max_size=4).map(holding)


@given(before=some, after=some)
def test_what_is_gained_is_what_was_not_held_and_is(before: Standing, after: Standing) -> None:
    told = gained(before, after)
    for permission in EVERYTHING:
        is_new = after.holds(permission) and not before.holds(permission)
        covered = any(one.covers(permission) for one in told)
        assert covered or not is_new
        assert is_new or permission not in told


@given(before=some, after=some)
def test_nothing_is_gained_where_nothing_is_held_that_was_not(
    before: Standing, after: Standing
) -> None:
    nothing_new = all(before.holds(p) for p in after.permissions())
    assert (gained(before, after) == []) == nothing_new


def test_of_permissions_that_cover_each_other_the_widest_is_told() -> None:
    everything = holding(EVERYTHING)
    assert [str(one) for one in gained(None, everything)] == [
        "Acme.Kettle:*",
        "Konnektr.KtrlPlane:*",
    ]
    assert gained(everything, None) == []


@pytest.fixture
def do(do: Acting) -> Acting:
    return furnished(do)


def told(do: Acting, command: GrantRole, by: PrincipalId = ALICE) -> list[tuple[str, list[str]]]:
    with do.arranging() as work:
        _, change = preview_grant(work, on(PROJECT), command, actor=by, platform=do.platform)
    assert change.losses == ()
    return [
        (str(effect.user_id or effect.email), [str(one) for one in effect.permissions])
        for effect in change.gains
    ]


def test_a_grant_tells_what_is_new_to_its_user(do: Acting) -> None:
    do.keep(an_assignment(BOB, VIEWER, ORG))
    command = GrantRole(user_id=BOB, role_id="Editor")
    assert told(do, command) == [(str(BOB), ["Konnektr.KtrlPlane:write"])]


def test_a_grant_to_a_group_tells_of_each_member(do: Acting) -> None:
    crew = a_group()
    do.keep(crew, a_member(crew, DORA), a_member(crew, ERIN), an_assignment(ERIN, VIEWER, PROJECT))
    command = GrantRole(group_id=crew.group_id, role_id="Viewer")
    assert told(do, command) == [(str(DORA), ["Konnektr.KtrlPlane:read"])]


def test_an_invitation_tells_what_its_address_stands_for(do: Acting) -> None:
    command = GrantRole(email="new@example.org", role_id="Viewer")
    assert told(do, command) == [("new@example.org", ["Konnektr.KtrlPlane:read"])]


def test_a_grant_by_a_known_address_does_not_tell_whose_it_is(do: Acting) -> None:
    command = GrantRole(email="BOB@example.org", role_id="Viewer")
    assert told(do, command) == [("BOB@example.org", ["Konnektr.KtrlPlane:read"])]


def test_who_may_not_do_it_is_told_nothing(do: Acting) -> None:
    do.keep(an_assignment(BOB, VIEWER, PROJECT))
    with pytest.raises(Forbidden):
        told(do, GrantRole(user_id=DORA, role_id="Viewer"), by=BOB)


def test_too_many_are_not_looked_at_and_that_is_said(do: Acting) -> None:
    people = [PrincipalId(f"user-{number:04}") for number in range(MAX_EFFECTS + 1)]
    do.keep(*(a_user(who) for who in people))
    pairs = [(who, on(PROJECT)) for who in people]
    with do.arranging() as work:
        for who in people:
            work.assignments.add(an_assignment(who, VIEWER, ORG))
        _, change = compared(work, pairs, lambda: None, NOW)
        assert (change.gains, change.is_whole) == ((), False)
        _, change = compared(work, pairs[:-1], lambda: None, NOW)
        assert change.is_whole
