from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import RoleAssignment, Scope
from ktrlplane.domain.errors import (
    AlreadyExists,
    InvalidTransition,
    LastOwner,
    NotFound,
    ValidationFailed,
)
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.operator import (
    OperatorGrant,
    operator_grant,
    operator_grants,
    operator_revoke,
    synchronize_catalog,
)
from tests.builders import (
    ALICE,
    CHECKER,
    DATA_OWNER,
    NOW,
    OWNER,
    a_group,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import CATALOG, TOAST_MAKER, Acting

METER = PrincipalId("meter@clients")


def grant(do: Acting, principal: PrincipalId, role: str, scope: str, **but: Any) -> RoleAssignment:
    command = OperatorGrant(principal=principal, role=role, scope=on(scope), **but)
    return do.alone(operator_grant, command)


def grants(do: Acting, principal: PrincipalId | None = None) -> list[tuple[str, Scope]]:
    with do.units.view() as work:
        return [
            (view.assignment.role_id.value, view.assignment.scope)
            for view in operator_grants(work, principal)
        ]


def test_the_operator_grants_hidden_roles_and_global_scope(do: Acting) -> None:
    made = grant(do, METER, CHECKER.name, "global")
    assert (made.user_id, made.role_id, made.assigned_by) == (METER, CHECKER.role_id, None)
    assert grants(do) == grants(do, METER) == [(CHECKER.role_id.value, on("global"))]
    assert grants(do, ALICE) == []


def test_who_has_not_called_yet_is_announced(do: Acting) -> None:
    grant(do, METER, "Owner", "global")
    with do.units.view() as work:
        known = work.users.find(METER)
    assert known is not None
    assert known.is_service_account
    assert known.claims_at < NOW  # so that any token's word is newer


def test_the_scope_and_the_role_must_be_there(do: Acting) -> None:
    with pytest.raises(NotFound):
        grant(do, METER, "Owner", "project nowhere")
    with pytest.raises(ValidationFailed) as refused:
        grant(do, METER, "Nosuch", "global", expires_at=NOW)
    assert [(f.pointer, f.code) for f in refused.value.faults] == [
        ("/expires_at", "in_the_past"),
        ("/role", "unknown_role"),
    ]
    with do.units.view() as work:
        assert work.users.find(METER) is None


def test_nothing_is_granted_on_what_is_on_its_way_out(do: Acting) -> None:
    do.keep(a_project("going", None, status=ProjectStatus.DELETING))
    do.keep(a_project("gone", None, status=ProjectStatus.DELETED))
    do.keep(a_resource("falling", "going", None, status=Status.DELETING))
    for scope in ("project going", "project gone", "resource falling"):
        with pytest.raises(InvalidTransition):
            grant(do, ALICE, "Owner", scope)
    assert grants(do) == []


def test_the_same_again_is_refused(do: Acting) -> None:
    grant(do, METER, "Owner", "global")
    with pytest.raises(AlreadyExists):
        grant(do, METER, OWNER.role_id.value, "global")


def test_the_operator_takes_back_what_was_granted(do: Acting) -> None:
    grant(do, METER, CHECKER.name, "global")
    grant(do, METER, "Owner", "global")
    do.alone(operator_revoke, METER, CHECKER.name, on("global"))
    assert grants(do) == [(OWNER.role_id.value, on("global"))]
    for role in (CHECKER.name, "Nosuch"):
        with pytest.raises(NotFound):
            do.alone(operator_revoke, METER, role, on("global"))


def test_the_operator_too_leaves_an_owner(do: Acting) -> None:
    do.keep(an_organization(), a_project())
    do.keep(an_assignment(ALICE, OWNER, "organization acme"))
    do.keep(an_assignment(ALICE, OWNER, "project web"))
    with pytest.raises(LastOwner):
        do.alone(operator_revoke, ALICE, "Owner", on("organization acme"))
    do.alone(operator_revoke, ALICE, "Owner", on("project web"))


def test_synchronizing_makes_the_roles_those_of_the_catalog(do: Acting) -> None:
    smaller = evolve(CATALOG, roles=(TOAST_MAKER,))
    do.keep(an_organization(), an_assignment(ALICE, DATA_OWNER, "organization acme"))
    platform = evolve(do.platform, catalog=smaller)
    Acting(do.units, platform).alone(synchronize_catalog)
    with do.units.view() as work:
        assert work.roles.named("Data Owner") == DATA_OWNER  # somebody holds it
        assert set(work.roles.system()) == {*smaller.system_roles(), DATA_OWNER}
        assert set(work.roles.permissions()) == set(smaller.all_permissions())


def test_what_is_the_operators_to_give_goes_to_no_group(do: Acting) -> None:
    """Whoever manages the group would hand it out."""
    crew = a_group()
    do.keep(an_organization(), crew)
    role, scope = "service-account-reconciler", on("organization acme")
    hidden = OperatorGrant(principal=crew.group_id, role=role, scope=scope)
    with pytest.raises(ValidationFailed) as refused:
        do.alone(operator_grant, hidden)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/principal", "hidden_role")
    ]
