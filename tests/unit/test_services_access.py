from typing import Any

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import CONTROL_PLANE, Permission, ScopeType
from ktrlplane.domain.errors import Forbidden, NotFound, ValidationFailed
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.access import (
    Check,
    CheckPermissions,
    check_permissions,
    held_permissions,
    list_permissions,
    list_roles,
    read_role,
    role_permissions,
)
from tests.builders import (
    ALICE,
    BOB,
    CHECKER,
    DATA_OWNER,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting


@pytest.fixture
def do(do: Acting) -> Acting:
    do.keep(an_organization(), a_project(), a_resource())
    do.keep(an_assignment(ALICE, VIEWER, "organization acme"))
    do.keep(an_assignment(ALICE, DATA_OWNER, "project web", expires_at=NOW + HOUR))
    return do


def a_check(action: str, scope: str = "resource kettle", **but: Any) -> Check:
    asked = on(scope)
    return Check(scope_type=asked.scope_type, scope_id=asked.scope_id, action=action, **but)


def allowed(do: Acting, *checks: Check, by: PrincipalId = ALICE) -> list[bool]:
    command = CheckPermissions(checks=checks)
    return [verdict.allowed for verdict in do(check_permissions, command, by=by)]


def test_what_is_held_comes_as_granted_in_order(do: Acting) -> None:
    held = do(held_permissions, on("resource kettle"))
    assert held.permissions == (
        Permission("Acme.Kettle", "water/*"),
        Permission(CONTROL_PLANE, "read"),
    )
    assert (held.user_id, held.scope, held.allowed) == (ALICE, on("resource kettle"), None)


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("read", True),
        ("write", False),
        ("Konnektr.KtrlPlane:read", True),
        ("Acme.Kettle:read", False),
        ("Acme.Kettle:water/cool/slowly", True),
        ("water/boil", True),
        ("Acme.Kettle:water/boil", True),
        ("Acme.Toaster:read", False),
        ("Unheard.Of:anything", False),
        ("toast/burn", False),
    ],
)
def test_an_action_belongs_to_its_product(do: Acting, action: str, *, answer: bool) -> None:
    assert do(held_permissions, on("resource kettle"), action=action).allowed is answer
    assert allowed(do, a_check(action)) == [answer]


@pytest.mark.parametrize("action", ["", "boil", "nosuch/action"])
def test_a_bare_action_that_no_product_has_is_refused(do: Acting, action: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        do(held_permissions, on("resource kettle"), action=action)
    assert [(f.pointer, f.code) for f in refused.value.faults] == [("/action", "unknown_action")]


def test_what_expired_is_not_held(do: Acting, clock: ManualClock) -> None:
    boil = a_check("Acme.Kettle:water/boil")
    assert allowed(do, boil, a_check("read")) == [True, True]
    clock.advance(HOUR)
    assert allowed(do, boil, a_check("read")) == [False, True]
    held = do(held_permissions, on("resource kettle"))
    assert held.permissions == (Permission(CONTROL_PLANE, "read"),)


def test_nobody_holds_anything_where_nothing_is(do: Acting) -> None:
    for scope in ("organization nowhere", "project nowhere", "resource nowhere"):
        held = do(held_permissions, on(scope), action="read")
        assert (held.permissions, held.allowed) == ((), False)
        assert allowed(do, a_check("read", scope)) == [False]


def test_verdicts_come_in_the_order_asked(do: Acting) -> None:
    do.keep(an_assignment(ROBOT, CHECKER, "global"))
    checks = [
        a_check("read", user_id=BOB),
        a_check("read", user_id=ALICE),
        a_check("check_permissions_on_behalf_of", "global"),
        a_check("read"),
        a_check("write", user_id=ALICE),
        a_check("read", "organization acme", user_id=ALICE),
        a_check("water/boil", "organization acme", user_id=ALICE),
    ]
    assert allowed(do, *checks, by=ROBOT) == [False, True, True, False, False, True, False]


def test_asking_for_another_needs_the_permission_at_global_scope(do: Acting) -> None:
    check = CheckPermissions(checks=(a_check("read"), a_check("read", user_id=ALICE)))
    do.keep(an_assignment(BOB, CHECKER, "organization acme"))
    do.keep(an_assignment(BOB, OWNER, "global"))
    with pytest.raises(Forbidden):
        do(check_permissions, check, by=BOB)
    with pytest.raises(Forbidden):
        do(held_permissions, on("resource kettle"), user_id=ALICE, by=BOB)
    with pytest.raises(Forbidden):
        do(held_permissions, on("resource nowhere"), user_id=ALICE, by=BOB)
    do.keep(an_assignment(ROBOT, CHECKER, "global"))
    held = do(held_permissions, on("resource kettle"), user_id=ALICE, action="read", by=ROBOT)
    assert (held.user_id, held.allowed) == (ALICE, True)


def test_naming_oneself_is_not_asking_for_another(do: Acting) -> None:
    assert allowed(do, a_check("read", user_id=ALICE)) == [True]
    assert do(held_permissions, on("resource kettle"), user_id=ALICE).permissions


def test_who_asks_why_is_told_the_grants_that_allow_it(do: Acting) -> None:
    above = an_assignment(ALICE, OWNER, "project web")
    do.keep(above)
    command = CheckPermissions(
        checks=(
            a_check("read", explain=True),
            a_check("read"),
            a_check("escalate", explain=True),
            a_check("report_usage", explain=True),
        )
    )
    why, silent, owner, no = do(check_permissions, command)
    assert {(via.role_id, via.scope) for via in why.via} == {
        (VIEWER.role_id, on("organization acme")),
        (OWNER.role_id, on("project web")),
    }
    assert (silent.allowed, silent.via) == (True, ())
    assert [via.assignment_id for via in owner.via] == [above.assignment_id]
    assert (no.allowed, no.via) == (False, ())


def test_every_fault_of_a_batch_is_told_at_once(do: Acting) -> None:
    bad_scope = Check(scope_type=ScopeType.PROJECT, scope_id="No Label", action="nosuch")
    command = CheckPermissions(checks=(a_check("read"), bad_scope, a_check("boil")))
    with pytest.raises(ValidationFailed) as refused:
        do(check_permissions, command)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/checks/1/scope_id", "pattern"),
        ("/checks/1/action", "unknown_action"),
        ("/checks/2/action", "unknown_action"),
    ]


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_has_between_1_and_100_checks(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        CheckPermissions(checks=(a_check("read"),) * count)


def test_hidden_roles_are_not_to_be_seen(do: Acting) -> None:
    with do.units.view() as work:
        asked = {"actor": ALICE, "platform": do.platform}
        listed = list_roles(work)
        assert [role.name for role in listed][:2] == ["Owner", "Editor"]
        assert all(not role.is_hidden for role in listed)
        assert read_role(work, "Owner", **asked) == OWNER
        assert read_role(work, OWNER.role_id.value, **asked) == OWNER
        for name in (CHECKER.name, "nosuch"):
            with pytest.raises(NotFound):
                read_role(work, name, **asked)
            with pytest.raises(NotFound):
                role_permissions(work, name, **asked)


def test_a_role_shows_its_permissions_as_entries(do: Acting) -> None:
    with do.units.view() as work:
        asked = {"actor": ALICE, "platform": do.platform}
        assert [p.action for p in role_permissions(work, "Billing Manager", **asked)] == [
            "manage_billing",
            "read",
        ]
        everything = [(p.resource_type, p.action) for p in list_permissions(work)]
    assert everything == sorted(everything)
    assert ("Acme.Toaster", "toast/*") in everything
