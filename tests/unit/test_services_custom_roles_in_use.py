"""Roles of organizations: who may make them, who has them and how they end."""

from collections.abc import Callable
from typing import Any

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Permission, Role
from ktrlplane.domain.errors import Forbidden, NotEmpty, NotFound, ValidationFailed
from ktrlplane.domain.services.access import list_roles, read_role, role_permissions
from ktrlplane.domain.services.assignments import GrantRole, grant_role
from ktrlplane.domain.services.custom_roles import (
    create_role,
    delete_role,
    list_custom_roles,
    read_custom_role,
    update_role,
)
from ktrlplane.domain.services.role_wishes import CreateRole, UpdateRole
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    CHECKER,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_custom_role,
    a_group,
    a_member,
    a_project,
    an_assignment,
    an_invitation,
    on,
)
from tests.platforms import Acting
from tests.unit.acme import (
    ACME,
    DORA,
    ERIN,
    MANAGER,
    ORG,
    OTHER,
    PROJECT,
    RESOURCE,
    STEWARD,
    faults,
    furnished,
    granted,
    invited,
    permissions,
    picture,
)

HELPER = a_custom_role("Helper", "read", "Acme.Kettle:water/boil")
THEIRS = a_custom_role("Helper", "read", org_id="other")
WATER = "Acme.Kettle:water/*"


@pytest.fixture
def do(do: Acting) -> Acting:
    """With a role Helper of acme, and one of other."""
    furnished(do).keep(HELPER, THEIRS)
    return do


def permit(*texts: str) -> tuple[Permission, ...]:
    return tuple(map(Permission.parse, texts))


class TestDeleting:
    def test_one_that_is_granted_needs_to_be_meant(self, do: Acting, clock: ManualClock) -> None:
        crew = a_group()
        do.keep(crew, a_member(crew, DORA), an_assignment(crew.group_id, HELPER, PROJECT))
        do.keep(an_assignment(ERIN, HELPER, ORG, expires_at=NOW + HOUR))
        with pytest.raises(NotEmpty):
            do(delete_role, ACME, "Helper")
        do(delete_role, ACME, "Helper", cascade=True)
        assert (permissions(do, DORA, PROJECT), permissions(do, ERIN, ORG)) == (set(), set())
        assert do(list_custom_roles, ACME) == []
        assert do(list_custom_roles, OTHER, by=CAROL) == [THEIRS]

    def test_expired_grants_do_not_keep_it(self, do: Acting, clock: ManualClock) -> None:
        do.keep(an_assignment(ERIN, HELPER, ORG, expires_at=NOW + HOUR))
        clock.advance(HOUR)
        do(delete_role, ACME, "Helper")
        with do.units.view() as work:
            assert work.assignments.of(ERIN) == []

    def test_invitations_to_it_go_too(self, do: Acting) -> None:
        do.keep(an_invitation(role=HELPER), an_invitation(role=VIEWER))
        do(delete_role, ACME, "Helper")
        assert [one.role_id for one in invited(do, "dora@example.org")] == [VIEWER.role_id]

    def test_a_new_one_of_its_name_is_another_role(self, do: Acting) -> None:
        do.keep(an_assignment(ERIN, HELPER, ORG))
        do(delete_role, ACME, "Helper", cascade=True)
        again = do(create_role, ACME, CreateRole(name="Helper", permissions=("read",)))
        assert again.role_id != HELPER.role_id
        assert permissions(do, ERIN, ORG) == set()


WRITES: dict[str, Callable[..., Any]] = {
    "create": lambda do, **by: do(
        create_role, ACME, CreateRole(name="New", permissions=("read",)), **by
    ),
    "update": lambda do, **by: do(
        update_role, ACME, "Helper", UpdateRole(description="New"), **by
    ),
    "delete": lambda do, **by: do(delete_role, ACME, "Helper", **by),
}


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    ("held", "scope", "refusal"),
    [
        (None, ORG, NotFound),
        (DATA_OWNER, ORG, NotFound),
        (MANAGER, ORG, NotFound),
        (OWNER, PROJECT, NotFound),
        (OWNER, "organization other", NotFound),
        (VIEWER, ORG, Forbidden),
        (EDITOR, ORG, Forbidden),
        (STEWARD, ORG, None),
    ],
)
def test_changes_need_manage_access_on_the_organization(
    do: Acting,
    act: Callable[..., Any],
    held: Role | None,
    scope: str,
    refusal: type[Exception] | None,
) -> None:
    if held is not None:
        do.keep(an_assignment(BOB, held, scope))
    before = picture(do)
    if refusal is None:
        act(do, by=BOB)
        assert picture(do) != before
        return
    with pytest.raises(refusal):
        act(do, by=BOB)
    assert picture(do) == before


class TestReading:
    def test_is_for_who_may_read_the_organization(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, VIEWER, ORG), an_assignment(ERIN, OWNER, PROJECT))
        identity = HELPER.role_id.value
        assert do(list_custom_roles, ACME, by=BOB) == [HELPER]
        for named in (identity, "Helper"):
            assert do(read_custom_role, ACME, named, by=BOB) == HELPER
        assert do(read_role, identity, by=BOB) == HELPER
        known = [entry.action for entry in do(role_permissions, identity, by=BOB)]
        assert known == ["water/boil", "read"]
        for stranger in (ERIN, CAROL, DORA):
            for act in (
                lambda by: do(list_custom_roles, ACME, by=by),
                lambda by: do(read_custom_role, ACME, identity, by=by),
                lambda by: do(read_role, identity, by=by),
                lambda by: do(role_permissions, identity, by=by),
            ):
                with pytest.raises(NotFound):
                    act(stranger)

    def test_those_of_others_and_hidden_ones_are_not_there(self, do: Acting) -> None:
        for named in (THEIRS.role_id.value, CHECKER.name, CHECKER.role_id.value, "Nosuch", ""):
            for service, args in (
                (read_custom_role, ()),
                (update_role, (UpdateRole(),)),
                (delete_role, ()),
            ):
                with pytest.raises(NotFound):
                    do(service, ACME, named, *args)
        for named in (
            THEIRS.role_id.value,
            "Helper",
        ):  # by its id alone, where it is not asked for
            with pytest.raises(NotFound):
                do(read_role, named)
        with do.units.view() as work:
            assert HELPER not in list_roles(work)


class TestGranting:
    def test_one_is_granted_everywhere_in_its_organization(self, do: Acting) -> None:
        for scope in (ORG, PROJECT, RESOURCE):
            for named in ("Helper", HELPER.role_id.value):
                to = DORA if named == "Helper" else ERIN
                held = granted(do, scope, GrantRole(user_id=to, role_id=named))
                assert held.role_id == HELPER.role_id

    def test_one_of_another_organization_is_unknown(self, do: Acting) -> None:
        do.keep(a_project("solo", None), an_assignment(ALICE, OWNER, "project solo"))
        wrong = [(ORG, THEIRS), (PROJECT, THEIRS), (RESOURCE, THEIRS), ("project solo", HELPER)]
        for scope, role in wrong:
            command = GrantRole(user_id=DORA, role_id=role.role_id.value)
            with pytest.raises(ValidationFailed) as refused:
                do(grant_role, on(scope), command)
            assert faults(refused) == [("/role_id", "unknown_role")]

    def test_who_may_not_read_the_organization_grants_none_of_its_roles(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, OWNER, PROJECT))
        for named in ("Helper", HELPER.role_id.value):
            command = GrantRole(user_id=DORA, role_id=named)
            with pytest.raises(ValidationFailed) as refused:
                do(grant_role, on(PROJECT), command, by=BOB)
            assert faults(refused) == [("/role_id", "unknown_role")]
