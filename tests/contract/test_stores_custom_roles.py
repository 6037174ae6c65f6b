"""The roles of organizations, as every store keeps them beside the platform's."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import Role
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import OrganizationId, RoleId
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    CHECKER,
    HOUR,
    NOW,
    OWNER,
    PERMISSIONS,
    ROLES,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    an_assignment,
    an_invitation,
    an_organization,
    keep,
    on,
)

ACME, OTHER = OrganizationId("acme"), OrganizationId("other")
NEVER = RoleId("role_never")
HELPER = a_custom_role("Helper", "read", "Acme.Kettle:water/*")


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    keep(units, an_organization(), an_organization("other"), a_project())
    return units


def change(units: UnitsOfWork, act: Callable[[UnitOfWork], Any]) -> None:
    with units.begin() as work:
        act(work)


def of(units: UnitsOfWork, org_id: OrganizationId = ACME) -> list[Role]:
    with units.view() as work:
        return list(work.roles.of(org_id))


def system(units: UnitsOfWork) -> list[Role]:
    with units.view() as work:
        return list(work.roles.system())


@pytest.mark.parametrize(
    "role",
    [
        HELPER,
        a_custom_role(
            "Ünï 'quoted' \\ %_",
            "Acme.Kettle:*",
            "read",
            "Acme.Kettle:water/boil",
            role_id=RoleId("role_odd"),
            display_name='Says "much"',
            description="On\ntwo lines.",
            display_order=-5,
        ),
        a_custom_role("May nothing"),
    ],
    ids=lambda role: str(role.role_id),
)
def test_what_was_added_comes_back(inside: UnitsOfWork, role: Role) -> None:
    keep(inside, role)
    with inside.view() as work:
        assert work.roles.find(role.role_id) == role
    assert (of(inside), of(inside, OTHER)) == ([role], [])


def test_those_of_organizations_are_not_the_platforms(inside: UnitsOfWork) -> None:
    before = system(inside)
    keep(inside, HELPER)
    assert system(inside) == before
    with inside.view() as work:
        assert work.roles.find(OWNER.role_id) == OWNER
        assert work.roles.find(CHECKER.role_id) == CHECKER
        assert work.roles.find(NEVER) is None


def test_they_come_by_name_then_id(inside: UnitsOfWork) -> None:
    names = ["b", "A", "a-b", "a0", "Z", "ä"]
    for number, name in enumerate(names):
        keep(inside, a_custom_role(name, role_id=RoleId(f"role_{9 - number}")))
    keep(inside, a_custom_role("A", org_id="other"))
    assert [role.name for role in of(inside)] == ["A", "a-b", "a0", "b", "Z", "ä"]
    assert of(inside, OrganizationId("nowhere")) == []


def test_one_is_found_by_id_then_by_name_where_it_belongs(inside: UnitsOfWork) -> None:
    theirs = a_custom_role("Helper", org_id="other")
    keep(inside, HELPER, theirs)
    with inside.view() as work:
        for role, org_id in ((HELPER, ACME), (theirs, OTHER)):
            assert work.roles.named("Helper", org_id) == role
            assert work.roles.named(role.role_id.value, org_id) == role
        assert work.roles.named(theirs.role_id.value, ACME) is None
        for text in ("Helper", HELPER.role_id.value):
            assert work.roles.named(text) is None
            assert work.roles.named(text, OrganizationId("nowhere")) is None
        for text in ("helper", "HELPER", "Help", "%", "_elper", "", "Helper\0"):
            assert work.roles.named(text, ACME) is None


def test_of_one_name_the_platforms_comes_first_and_an_id_before_any_name(
    inside: UnitsOfWork,
) -> None:
    as_named = a_custom_role("Viewer", role_id=RoleId("role_a"))
    as_system_id = a_custom_role(OWNER.role_id.value, role_id=RoleId("role_b"))
    as_own_id = a_custom_role("role_a", role_id=RoleId("role_c"))
    keep(inside, as_named, as_system_id, as_own_id)
    with inside.view() as work:
        assert work.roles.named("Viewer", ACME) == VIEWER
        assert work.roles.named(OWNER.role_id.value, ACME) == OWNER
        assert work.roles.named("role_a", ACME) == as_named
        assert work.roles.named("role_c", ACME) == as_own_id


@pytest.mark.parametrize("name", ["Helper", "helper", "HELPER"])
def test_a_name_is_taken_in_its_organization_whatever_its_case(
    inside: UnitsOfWork, name: str
) -> None:
    other = a_custom_role("Other")
    keep(inside, HELPER, other)
    with pytest.raises(AlreadyExists):
        keep(inside, a_custom_role(name, role_id=NEVER))
    with pytest.raises(AlreadyExists):
        change(inside, lambda work: work.roles.replace(evolve(other, name=name)))
    assert of(inside) == [HELPER, other]


def test_a_name_is_free_elsewhere_and_but_for_ascii_case(inside: UnitsOfWork) -> None:
    keep(inside, HELPER, a_custom_role("Helper", org_id="other"), a_custom_role("É"))
    keep(inside, a_custom_role("é", role_id=NEVER))
    assert [role.name for role in of(inside)] == ["Helper", "É", "é"]


def test_a_role_belongs_to_an_organization_that_is_there(inside: UnitsOfWork) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, a_custom_role("Helper", org_id="nowhere"))
    assert of(inside, OrganizationId("nowhere")) == []


def test_replacing_changes_this_one_alone_and_what_its_holders_have(inside: UnitsOfWork) -> None:
    crew, other = a_group(), a_custom_role("Other", "read")
    keep(inside, HELPER, other, crew, a_member(crew))
    keep(inside, an_assignment(ALICE, HELPER, "organization acme"))
    keep(inside, an_assignment(crew.group_id, HELPER, "project web"))
    changed = evolve(
        a_custom_role("hELPER", "write", "Acme.Kettle:*", role_id=HELPER.role_id),
        display_name="Changed",
        description="",
    )
    change(inside, lambda work: work.roles.replace(changed))
    assert of(inside) == [changed, other]
    asked = [(ALICE, on("organization acme")), (BOB, on("project web"))]
    with inside.view() as work:
        for standing in work.access.standings(asked, NOW):
            assert standing is not None
            assert set(standing.permissions()) == set(changed.permissions)


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    for act in (
        lambda work: work.roles.replace(HELPER),
        lambda work: work.roles.remove(HELPER.role_id),
    ):
        with pytest.raises(NotFound):
            change(inside, act)
    change(inside, lambda work: work.roles.remove_of(OrganizationId("nowhere")))
    assert of(inside) == []


def test_removing_takes_this_one_and_the_invitations_to_it(inside: UnitsOfWork) -> None:
    other = a_custom_role("Other", "read")
    kept = an_invitation(role=other)
    keep(inside, HELPER, other, kept, an_invitation(role=HELPER))
    change(inside, lambda work: work.roles.remove(HELPER.role_id))
    assert of(inside) == [other]
    with inside.view() as work:
        assert work.invitations.to(kept.email) == [kept]


def test_all_of_an_organization_go_and_no_others(inside: UnitsOfWork) -> None:
    theirs = a_custom_role("Helper", org_id="other")
    kept = an_invitation(role=theirs, scope="organization other")
    keep(inside, HELPER, a_custom_role("Other"), theirs, kept, an_invitation(role=HELPER))
    before = system(inside)
    change(inside, lambda work: work.roles.remove_of(ACME))
    assert (of(inside), of(inside, OTHER), system(inside)) == ([], [theirs], before)
    with inside.view() as work:
        assert work.invitations.to(kept.email) == [kept]


@pytest.mark.parametrize("expires_at", [None, NOW + HOUR])
def test_one_that_somebody_holds_cannot_go(inside: UnitsOfWork, expires_at: Any) -> None:
    held = an_assignment(ALICE, HELPER, "organization acme", expires_at=expires_at)
    keep(inside, HELPER, held)
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    for act in (
        lambda work: work.roles.remove(HELPER.role_id),
        lambda work: work.roles.remove_of(ACME),
    ):
        with pytest.raises(Exception, match=r"."):
            change(inside, act)
    assert of(inside) == [HELPER]


def test_a_new_catalog_leaves_them_alone(inside: UnitsOfWork) -> None:
    kept = an_invitation(role=HELPER)
    keep(inside, HELPER, kept)
    change(inside, lambda work: work.roles.synchronize(ROLES[:2], PERMISSIONS[:2]))
    assert of(inside) == [HELPER]
    with inside.view() as work:
        assert work.invitations.to(kept.email) == [kept]
