"""Whom people find by the groups that they and others are in (product.md R1.11)."""

from datetime import datetime

import pytest

from ktrlplane.domain.access import Role
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DATA_OWNER,
    HOUR,
    NOW,
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
)

CREW, STAFF = a_group("Crew"), a_group("Staff")
READER, BOILER = a_custom_role("Reader", "read"), a_custom_role("Boiler", "Acme.Kettle:water/*")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """Alice in the group Crew, Bob in Staff; both may nothing yet."""
    keep(units, an_organization(), an_organization("other"), CREW, STAFF, READER, BOILER)
    keep(units, a_project(), a_project("app"), a_resource())
    keep(units, a_member(CREW, ALICE), a_member(STAFF, BOB))
    return units


def search(units: UnitsOfWork, text: str = "example", at: datetime = NOW) -> list[str | None]:
    with units.view() as work:
        return [user.name for user in work.users.search(ALICE, at, text, 10)]


SHARED = [
    ("organization acme", "organization acme", True),
    ("organization acme", "project web", True),
    ("organization acme", "resource kettle", False),
    ("project web", "organization acme", True),
    ("project web", "project web", True),
    ("project web", "project app", False),
    ("project web", "resource kettle", False),
    ("resource kettle", "organization acme", False),
    ("resource kettle", "resource kettle", False),
]


@pytest.mark.parametrize(("mine", "theirs", "seen"), SHARED)
@pytest.mark.parametrize("how", ["I", "they", "both"])
def test_a_role_that_comes_by_a_group_shares_as_ones_own_does(
    inside: UnitsOfWork, mine: str, theirs: str, how: str, *, seen: bool
) -> None:
    me = ALICE if how == "they" else CREW.group_id
    them = BOB if how == "I" else STAFF.group_id
    keep(inside, an_assignment(me, VIEWER, mine), an_assignment(them, DATA_OWNER, theirs))
    assert ("Bob" in search(inside)) is seen


@pytest.mark.parametrize(
    ("role", "seen"),
    [(VIEWER, True), (READER, True), (DATA_OWNER, False), (BOILER, False)],
    ids=lambda value: value.name if isinstance(value, Role) else str(value),
)
@pytest.mark.parametrize("scope", ["organization acme", "project web"])
def test_one_finds_people_only_where_one_may_read(
    inside: UnitsOfWork, scope: str, role: Role, *, seen: bool
) -> None:
    keep(inside, an_assignment(CREW.group_id, role, scope))
    keep(inside, an_assignment(STAFF.group_id, BOILER, scope))
    assert ("Bob" in search(inside)) is seen


def test_being_in_one_group_or_in_groups_without_roles_shares_nothing(
    inside: UnitsOfWork,
) -> None:
    keep(inside, a_member(CREW, BOB))
    assert search(inside) == []
    keep(inside, an_assignment(ALICE, VIEWER, "organization acme"))
    assert search(inside) == ["Alice"]


def test_an_expired_role_of_a_group_shares_nothing(inside: UnitsOfWork) -> None:
    scope = "organization acme"
    keep(inside, an_assignment(CREW.group_id, VIEWER, scope, expires_at=NOW + 2 * HOUR))
    keep(inside, an_assignment(STAFF.group_id, VIEWER, scope, expires_at=NOW + HOUR))
    assert search(inside) == ["Alice", "Bob"]
    assert search(inside, at=NOW + HOUR) == ["Alice"]
    assert search(inside, at=NOW + 2 * HOUR) == []


def test_who_left_the_group_is_found_no_more_and_finds_nobody(inside: UnitsOfWork) -> None:
    for group in (CREW, STAFF):
        keep(inside, an_assignment(group.group_id, VIEWER, "organization acme"))
    assert search(inside) == ["Alice", "Bob"]
    with inside.begin() as work:
        work.groups.remove_member(STAFF.group_id, BOB)
    assert search(inside) == ["Alice"]
    with inside.begin() as work:
        work.groups.leave(ALICE, OrganizationId("acme"))
    assert search(inside) == []


def test_everybody_comes_once_by_name_and_no_machines(inside: UnitsOfWork) -> None:
    nameless = a_user(PrincipalId("x|zoe"), name=None)
    keep(inside, nameless, a_user(ROBOT, name="Robot", email="robot@example.org"))
    for who in (BOB, CAROL, ROBOT, nameless.user_id):
        keep(inside, a_member(CREW, who))
    for scope in ("organization acme", "project web", "project app"):
        keep(inside, an_assignment(CREW.group_id, VIEWER, scope))
        keep(inside, an_assignment(STAFF.group_id, VIEWER, scope))
        keep(inside, an_assignment(CAROL, VIEWER, scope))
    assert search(inside) == ["Alice", "Bob", "Carol", None]
    assert search(inside, "BOB@") == ["Bob"]
    assert search(inside, "_") == []
