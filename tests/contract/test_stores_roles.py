from collections.abc import Iterable

import pytest
from attrs import evolve

from ktrlplane.domain.access import PermissionEntry, Role
from ktrlplane.domain.ids import PermissionId, RoleId
from ktrlplane.domain.roles import CONTROL_PLANE_PERMISSIONS, CONTROL_PLANE_ROLES
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    CHECKER,
    DATA_OWNER,
    NOW,
    OWNER,
    PERMISSIONS,
    ROLES,
    a_permission,
    a_role,
    a_user,
    an_assignment,
    an_organization,
    keep,
    on,
)


def synchronize(
    units: UnitsOfWork,
    roles: Iterable[Role] = ROLES,
    permissions: Iterable[PermissionEntry] = PERMISSIONS,
) -> None:
    with units.begin() as work:
        work.roles.synchronize(list(roles), list(permissions))


def all_roles(units: UnitsOfWork) -> list[Role]:
    with units.view() as work:
        return list(work.roles.system())


def all_permissions(units: UnitsOfWork) -> list[PermissionEntry]:
    with units.view() as work:
        return list(work.roles.permissions())


def test_in_the_beginning_there_are_none(bare: UnitsOfWork) -> None:
    assert all_roles(bare) == []
    assert all_permissions(bare) == []


def test_roles_come_by_display_order_then_name_hidden_ones_too(bare: UnitsOfWork) -> None:
    same_order = [
        a_role(name, display_order=2, role_id=RoleId(str(number)))
        for number, name in enumerate(("b", "B", "a-b", "a0", "ä"))
    ]
    synchronize(bare, reversed([*CONTROL_PLANE_ROLES, *same_order]))
    expected = [
        *("Owner", "B", "Editor", "a-b", "a0", "b", "ä", "Viewer", "Billing Manager"),
        *("service-account-permission-checker", "service-account-reconciler"),
        "service-account-meter",
    ]
    assert [role.name for role in all_roles(bare)] == expected


def test_a_role_comes_back_as_it_was(bare: UnitsOfWork) -> None:
    role = a_role(
        "Odd 'one' \\ %",
        "Acme.Kettle:water/*",
        "Acme.Kettle:*",
        "read",
        role_id=RoleId("odd"),
        display_name="Ünï",
        description='Says "much".\nOn two lines.',
        is_hidden=True,
        display_order=-5,
    )
    empty = a_role("May nothing")
    synchronize(bare, [role, empty])
    kept = all_roles(bare)
    assert [set(found.permissions) for found in kept] == [set(role.permissions), set()]
    assert [evolve(found, permissions=()) for found in kept] == [
        evolve(role, permissions=()),
        empty,
    ]


def test_a_role_is_found_by_id_and_by_name(units: UnitsOfWork) -> None:
    with units.view() as work:
        assert work.roles.named(OWNER.role_id.value) == OWNER
        assert work.roles.named("Owner") == OWNER
        assert work.roles.named(CHECKER.name) == CHECKER
        assert work.roles.named("owner") is None
        assert work.roles.named("") is None
        assert work.roles.named("%") is None


def test_permissions_come_by_product_then_action(bare: UnitsOfWork) -> None:
    permissions = [
        a_permission("B", "read"),
        a_permission("a", "write"),
        a_permission("a", "*"),
        a_permission("a", "read/all"),
        a_permission("a", "read"),
        a_permission("B", "Read"),
    ]
    permissions = [
        evolve(entry, permission_id=type(entry.permission_id)(str(number)))
        for number, entry in enumerate(permissions)
    ]
    synchronize(bare, permissions=permissions)
    known = [(entry.resource_type, entry.action) for entry in all_permissions(bare)]
    assert known == [
        ("B", "Read"),
        ("B", "read"),
        ("a", "*"),
        ("a", "read"),
        ("a", "read/all"),
        ("a", "write"),
    ]
    assert {entry.description for entry in all_permissions(bare)} == {
        entry.description for entry in permissions
    }


def test_synchronizing_twice_is_synchronizing_once(units: UnitsOfWork) -> None:
    before = all_roles(units), all_permissions(units)
    synchronize(units)
    assert (all_roles(units), all_permissions(units)) == before
    assert set(before[0]) == set(ROLES)
    assert set(before[1]) == set(PERMISSIONS)


def test_what_a_role_is_now_holds_for_those_who_have_it(units: UnitsOfWork) -> None:
    keep(units, an_organization(), an_assignment(ALICE, DATA_OWNER, "organization acme"))
    wider = evolve(DATA_OWNER, permissions=OWNER.permissions, display_name="Wider")
    synchronize(units, [*CONTROL_PLANE_ROLES, wider])
    with units.view() as work:
        (standing,) = work.access.standings([(ALICE, on("organization acme"))], NOW)
        assert work.roles.named("Data Owner") == wider
    assert standing is not None
    assert set(standing.permissions()) == set(OWNER.permissions)


def test_a_role_that_nobody_holds_goes(units: UnitsOfWork) -> None:
    synchronize(units, CONTROL_PLANE_ROLES)
    assert all_roles(units) == list(CONTROL_PLANE_ROLES)


def test_a_role_that_somebody_holds_stays_until_nobody_does(units: UnitsOfWork) -> None:
    held = an_assignment(ALICE, DATA_OWNER, "organization acme")
    keep(units, an_organization(), held)
    synchronize(units, CONTROL_PLANE_ROLES)
    assert DATA_OWNER in all_roles(units)
    with units.view() as work:
        (standing,) = work.access.standings([(ALICE, on("organization acme"))], NOW)
    assert standing is not None
    assert standing.permissions() == list(DATA_OWNER.permissions)
    with units.begin() as work:
        work.assignments.remove(held.assignment_id)
    synchronize(units, CONTROL_PLANE_ROLES)
    assert DATA_OWNER not in all_roles(units)


def test_roles_may_trade_their_names(units: UnitsOfWork) -> None:
    one, other = a_role("One", display_order=20), a_role("Other", display_order=21)
    synchronize(units, [*ROLES, one, other])
    traded = [evolve(one, name="Other"), evolve(other, name="One")]
    synchronize(units, [*ROLES, *traded])
    with units.view() as work:
        assert work.roles.named("One") == traded[1]
        assert work.roles.named("Other") == traded[0]


def test_permissions_that_are_no_longer_known_go(units: UnitsOfWork) -> None:
    synchronize(units, permissions=CONTROL_PLANE_PERMISSIONS)
    assert set(all_permissions(units)) == set(CONTROL_PLANE_PERMISSIONS)


def test_a_permission_may_change_its_id_and_its_description(units: UnitsOfWork) -> None:
    new_id = PermissionId("new")
    renamed = a_permission("Acme.Kettle", "water/*", description="Boil", permission_id=new_id)
    synchronize(units, permissions=[*CONTROL_PLANE_PERMISSIONS, renamed])
    assert set(all_permissions(units)) == {*CONTROL_PLANE_PERMISSIONS, renamed}


def test_a_role_must_be_there_to_be_had(units: UnitsOfWork) -> None:
    keep(units, an_organization(), a_user())
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(units, an_assignment(ALICE, a_role("Imagined"), "organization acme"))
    with units.view() as work:
        assert work.assignments.of(None) == []
