"""Nobody hands out more than they hold, by whatever way (product.md R1.5)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import frozen

from ktrlplane.domain.access import Role
from ktrlplane.domain.errors import Forbidden, NotFound
from ktrlplane.domain.services.assignments import (
    ChangeAssignment,
    GrantRole,
    change_assignment,
    grant_role,
)
from ktrlplane.domain.services.custom_roles import create_role, update_role
from ktrlplane.domain.services.group_members import put_member
from ktrlplane.domain.services.invitations import resend_invitation
from ktrlplane.domain.services.role_wishes import CreateRole, UpdateRole
from tests.builders import (
    BOB,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    an_assignment,
    an_invitation,
    on,
)
from tests.platforms import Acting
from tests.unit.acme import (
    ACME,
    DORA,
    ERIN,
    ESCALATOR,
    MANAGER,
    ORG,
    PROJECT,
    RESOURCE,
    SCOPES,
    STEWARD,
    furnished,
    permissions,
    picture,
)

CREW, BACKERS = a_group("Crew"), a_group("Backers")


@pytest.fixture
def do(do: Acting) -> Acting:
    """With Dora in the group Crew, and Bob in Backers."""
    furnished(do).keep(CREW, a_member(CREW, DORA), BACKERS, a_member(BACKERS, BOB))
    return do


# -- the ways: each lets Dora (or Erin, where she was not there) have a role at a scope ---------

Way = Callable[[Acting, Role, str], Callable[[], object]]


def to_a_user(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    command = GrantRole(user_id=DORA, role_id=role.role_id.value)
    return lambda: do(grant_role, on(scope), command, by=BOB)


def to_ones_self(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    """Bob gives it to his group, where he may hold it already."""
    command = GrantRole(group_id=BACKERS.group_id, role_id=role.role_id.value)
    return lambda: do(grant_role, on(scope), command, by=BOB)


def to_an_address(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    command = GrantRole(email="DORA@example.org", role_id=role.role_id.value)
    return lambda: do(grant_role, on(scope), command, by=BOB)


def by_inviting(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    command = GrantRole(email="new@example.org", role_id=role.role_id.value)
    return lambda: do(grant_role, on(scope), command, by=BOB)


def by_inviting_again(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    made = an_invitation("new@example.org", role, scope)
    do.keep(made)
    return lambda: do(resend_invitation, on(scope), made.invitation_id, by=BOB)


def to_a_group(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    command = GrantRole(group_id=CREW.group_id, role_id=role.role_id.value)
    return lambda: do(grant_role, on(scope), command, by=BOB)


def by_letting_into_a_group(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    do.keep(an_assignment(CREW.group_id, role, scope))
    return lambda: do(put_member, CREW.group_id, ERIN, by=BOB)


def by_prolonging(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    held = an_assignment(DORA, role, scope, expires_at=NOW + HOUR)
    do.keep(held)
    command = ChangeAssignment(expires_at=NOW + 2 * HOUR)
    return lambda: do(change_assignment, on(scope), held.assignment_id, command, by=BOB)


def by_prolonging_for_a_group(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    held = an_assignment(CREW.group_id, role, scope, expires_at=NOW + HOUR)
    do.keep(held)
    command = ChangeAssignment(expires_at=None)
    return lambda: do(change_assignment, on(scope), held.assignment_id, command, by=BOB)


WAYS: list[Way] = [
    to_a_user,
    to_ones_self,
    to_an_address,
    by_inviting,
    by_inviting_again,
    to_a_group,
    by_letting_into_a_group,
    by_prolonging,
    by_prolonging_for_a_group,
]


def by_making_a_role(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    command = CreateRole(name="New", permissions=tuple(map(str, role.permissions)))
    return lambda: do(create_role, ACME, command, by=BOB)


def by_widening_a_role(do: Acting, role: Role, scope: str) -> Callable[[], object]:
    helper = a_custom_role("Helper", "read")
    do.keep(helper, an_assignment(DORA, helper, scope))
    command = UpdateRole(permissions=("read", *map(str, role.permissions)))
    return lambda: do(update_role, ACME, "Helper", command, by=BOB)


ON_THE_ORGANIZATION: list[Way] = [*WAYS, by_making_a_role, by_widening_a_role]

CASES = [
    *((way, ORG) for way in ON_THE_ORGANIZATION),
    *((way, scope) for way in WAYS for scope in (PROJECT, RESOURCE)),
]


# -- who does it --------------------------------------------------------------------------------


@frozen
class Strength:
    """What Bob has: roles on the organization, at the scope, there until it expired, there by
    a group, and on a neighbour of it. ``IT`` stands for what is handed out."""

    above: Sequence[Role | None] = ()
    there: Sequence[Role | None] = ()
    expired: Sequence[Role | None] = ()
    by_group: Sequence[Role | None] = ()
    beside: Sequence[Role | None] = ()


IT = None
BESIDE = {ORG: "organization other", PROJECT: "project app", RESOURCE: "project app"}


def strengthen(do: Acting, role: Role, scope: str, strength: Strength) -> None:
    def keep(holder: Any, roles: Sequence[Role | None], where: str, **but: Any) -> None:
        for one in roles:
            do.keep(an_assignment(holder, one or role, where, **but))

    keep(BOB, strength.above, ORG)
    keep(BOB, strength.there, scope)
    keep(BOB, strength.expired, scope, expires_at=NOW)
    keep(BACKERS.group_id, strength.by_group, scope)
    keep(BOB, strength.beside, BESIDE[scope])


STRONG_ENOUGH = {
    "holds it": Strength(above=[STEWARD], there=[IT]),
    "may escalate": Strength(above=[STEWARD], there=[ESCALATOR]),
}
STRONG_BY_A_GROUP = {
    "holds it by a group": Strength(above=[STEWARD], by_group=[IT]),
    "may escalate by a group": Strength(above=[STEWARD], by_group=[ESCALATOR]),
}
TOO_WEAK = {
    "manages access alone": (Strength(above=[STEWARD]), Forbidden),
    "held it": (Strength(above=[STEWARD], expired=[IT]), Forbidden),
    "might escalate": (Strength(above=[STEWARD], expired=[ESCALATOR]), Forbidden),
    "holds it elsewhere": (Strength(above=[STEWARD], beside=[IT]), Forbidden),
    "may escalate elsewhere": (Strength(above=[STEWARD], beside=[ESCALATOR]), Forbidden),
    "holds it and manages nothing": (Strength(above=[VIEWER], there=[IT]), Forbidden),
    "may escalate and manages nothing": (Strength(above=[ESCALATOR]), Forbidden),
    "does not see the thing": (Strength(there=[IT, MANAGER]), NotFound),
    "has nothing": (Strength(), NotFound),
}


@pytest.mark.parametrize("strength", STRONG_ENOUGH.values(), ids=STRONG_ENOUGH)
@pytest.mark.parametrize(("way", "scope"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_who_holds_it_or_may_escalate_there_hands_it_out(
    do: Acting, way: Way, scope: str, strength: Strength
) -> None:
    act = way(do, DATA_OWNER, scope)
    strengthen(do, DATA_OWNER, scope, strength)
    before = picture(do)
    act()
    assert picture(do) != before


@pytest.mark.parametrize("strength", STRONG_BY_A_GROUP.values(), ids=STRONG_BY_A_GROUP)
@pytest.mark.parametrize(
    ("way", "scope"),
    [case for case in CASES if case[0] is not to_ones_self],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_what_one_holds_by_a_group_counts(
    do: Acting, way: Way, scope: str, strength: Strength
) -> None:
    test_who_holds_it_or_may_escalate_there_hands_it_out(do, way, scope, strength)


@pytest.mark.parametrize(("strength", "refusal"), TOO_WEAK.values(), ids=TOO_WEAK)
@pytest.mark.parametrize(("way", "scope"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_everybody_else_is_refused_and_changes_nothing(
    do: Acting, way: Way, scope: str, strength: Strength, refusal: type[Exception]
) -> None:
    act = way(do, DATA_OWNER, scope)
    strengthen(do, DATA_OWNER, scope, strength)
    before, theirs = picture(do), permissions(do, DORA, scope)
    with pytest.raises(refusal):
        act()
    assert picture(do) == before
    assert permissions(do, DORA, scope) == theirs


@pytest.mark.parametrize(("way", "scope"), CASES, ids=lambda one: getattr(one, "__name__", one))
def test_part_of_it_is_not_enough(do: Acting, way: Way, scope: str) -> None:
    act = way(do, EDITOR, scope)  # read and write
    strengthen(do, EDITOR, scope, Strength(above=[STEWARD, DATA_OWNER]))
    before = picture(do)
    with pytest.raises(Forbidden, match=r"more than you hold.*write"):
        act()
    assert picture(do) == before


@pytest.mark.parametrize("scope", SCOPES)
def test_a_wildcard_is_more_than_what_it_covers_and_enough_for_it(do: Acting, scope: str) -> None:
    boiler = a_custom_role("Boiler", "Acme.Kettle:water/boil")
    held = an_assignment(BOB, boiler, scope)
    do.keep(boiler, held, an_assignment(BOB, STEWARD, ORG))
    with pytest.raises(Forbidden):
        to_a_user(do, DATA_OWNER, scope)()
    with do.arranging() as work:
        work.assignments.remove(held.assignment_id)
    do.keep(an_assignment(BOB, DATA_OWNER, scope))
    to_a_user(do, boiler, scope)()
