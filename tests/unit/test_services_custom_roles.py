"""Roles that organizations make for themselves: product.md R1.3 to R1.5."""

from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import OPERATORS_ACTIONS, Permission, Role
from ktrlplane.domain.errors import (
    AlreadyExists,
    Forbidden,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from ktrlplane.domain.roles import CONTROL_PLANE_ROLES
from ktrlplane.domain.services import custom_roles
from ktrlplane.domain.services.custom_roles import (
    create_role,
    delete_role,
    read_custom_role,
    update_role,
)
from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.domain.services.role_wishes import CreateRole, UpdateRole
from tests.builders import (
    BOB,
    CAROL,
    CHECKER,
    DATA_OWNER,
    OWNER,
    a_custom_role,
    a_group,
    a_member,
    an_assignment,
)
from tests.platforms import CATALOG, TOAST_MAKER, Acting
from tests.unit.acme import (
    ACME,
    DORA,
    ERIN,
    ORG,
    OTHER,
    PROJECT,
    RESOURCE,
    STEWARD,
    faults,
    furnished,
    permissions,
    picture,
)

HELPER = a_custom_role("Helper", "read", "Acme.Kettle:water/boil")
THEIRS = a_custom_role("Helper", "read", org_id="other")
WATER = "Acme.Kettle:water/*"
OPERATORS_ALONE = sorted(map(Permission.control_plane, OPERATORS_ACTIONS))


@pytest.fixture
def do(do: Acting) -> Acting:
    """With a role Helper of acme, and one of other."""
    furnished(do).keep(HELPER, THEIRS)
    return do


def permit(*texts: str) -> tuple[Permission, ...]:
    return tuple(map(Permission.parse, texts))


class TestMaking:
    def test_a_role_is_the_organizations_own(self, do: Acting) -> None:
        command = CreateRole(
            name="Stoker", description="Boils.", permissions=("read", WATER, "read", WATER)
        )
        made = do(create_role, ACME, command)
        assert made == Role(
            role_id=made.role_id,
            name="Stoker",
            display_name="Stoker",
            description="Boils.",
            permissions=permit("read", WATER),
            is_system=False,
            org_id=ACME,
            display_order=500,
        )
        assert made.role_id.value.startswith("role_")
        assert do(read_custom_role, ACME, "Stoker") == made
        shown = do(
            create_role, ACME, CreateRole(name="B", display_name="Bee", permissions=("read",))
        )
        assert shown.display_name == "Bee"

    @pytest.mark.parametrize("name", ["Helper", "hELPER"])
    def test_its_name_is_unique_there(self, do: Acting, name: str) -> None:
        with pytest.raises(AlreadyExists):
            do(create_role, ACME, CreateRole(name=name, permissions=("read",)))

    def test_several_may_be_shown_by_the_same_name(self, do: Acting) -> None:
        for name in ("One", "Two"):
            command = CreateRole(name=name, display_name="Same", permissions=("read",))
            assert do(create_role, ACME, command).display_name == "Same"

    @pytest.mark.parametrize("field", ["name", "display_name"])
    @pytest.mark.parametrize(
        "text",
        ["Owner", "OWNER", "data owner", CHECKER.name, CHECKER.display_name, OWNER.role_id.value],
    )
    def test_nobody_takes_it_for_one_of_the_platforms(
        self, do: Acting, field: str, text: str
    ) -> None:
        names: dict[str, Any] = {"name": "Innocent", field: text}
        with pytest.raises(ValidationFailed) as refused:
            do(create_role, ACME, CreateRole(permissions=("read",), **names))
        assert faults(refused) == [(f"/{field}", "reserved")]
        wanted: dict[str, Any] = {field: text}
        with pytest.raises(ValidationFailed) as refused:
            do(update_role, ACME, "Helper", UpdateRole(**wanted))
        assert faults(refused) == [(f"/{field}", "reserved")]

    def test_every_fault_is_told_at_once(self, do: Acting) -> None:
        unknown = (
            "Acme.Kettle:water/spill",
            "Nosuch:read",
            "nosuch",
            "",
            "a:b:c",
            "Acme.Kettle:*",
        )
        command = CreateRole(
            name="Owner", permissions=("read", *unknown, *map(str, OPERATORS_ALONE))
        )
        with pytest.raises(ValidationFailed) as refused:
            do(create_role, ACME, command)
        assert faults(refused) == [
            *((f"/permissions/{number}", "unknown_permission") for number in range(1, 7)),
            *((f"/permissions/{number}", "operators_alone") for number in range(7, 10)),
            ("/name", "reserved"),
        ]

    @pytest.mark.parametrize("permission", OPERATORS_ALONE, ids=str)
    def test_what_the_operator_alone_gives_no_role_gives(
        self, do: Acting, permission: Permission
    ) -> None:
        for text in (str(permission), permission.action):
            with pytest.raises(ValidationFailed) as refused:
                do(create_role, ACME, CreateRole(name="New", permissions=(text,)))
            assert faults(refused) == [("/permissions/0", "operators_alone")]
            with pytest.raises(ValidationFailed) as refused:
                do(update_role, ACME, "Helper", UpdateRole(permissions=("read", text)))
            assert faults(refused) == [("/permissions/1", "operators_alone")]

    def test_everything_of_the_control_plane_is_no_permission_of_a_role(self, do: Acting) -> None:
        """It would cover what the operator alone gives."""
        for text in ("*", "Konnektr.KtrlPlane:*"):
            with pytest.raises(ValidationFailed):
                do(create_role, ACME, CreateRole(name="New", permissions=(text,)))

    @pytest.mark.parametrize("number", [0, 201])
    def test_a_role_has_permissions_and_not_too_many(self, number: int) -> None:
        with pytest.raises(ValueError, match="1 to 200"):
            CreateRole(name="New", permissions=("read",) * number)
        with pytest.raises(ValueError, match="1 to 200"):
            UpdateRole(permissions=("read",) * number)

    def test_an_organization_has_so_many_and_no_more(
        self, do: Acting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(custom_roles, "MAX_ROLES", 2)
        do(create_role, ACME, CreateRole(name="Second", permissions=("read",)))
        with pytest.raises(LimitExceeded):
            do(create_role, ACME, CreateRole(name="Third", permissions=("read",)))
        do(create_role, OTHER, CreateRole(name="Second", permissions=("read",)), by=CAROL)


class TestChanging:
    def test_what_is_left_out_stays_as_it_is(self, do: Acting) -> None:
        changes: list[tuple[UpdateRole, dict[str, Any]]] = [
            (UpdateRole(), {}),
            (UpdateRole(name="Aide"), {"name": "Aide"}),
            (UpdateRole(display_name="Shown"), {"display_name": "Shown"}),
            (UpdateRole(description=""), {"description": ""}),
            (UpdateRole(permissions=("write",)), {"permissions": permit("write")}),
        ]
        for command, expected in changes:
            changed = do(update_role, ACME, HELPER.role_id.value, command)
            assert changed == evolve(HELPER, **expected)
            assert do(read_custom_role, ACME, HELPER.role_id.value) == changed
            do(update_role, ACME, HELPER.role_id.value, all_of(HELPER))

    def test_its_holders_have_what_it_gives_now(self, do: Acting) -> None:
        crew = a_group()
        do.keep(crew, a_member(crew, DORA), an_assignment(crew.group_id, HELPER, PROJECT))
        do.keep(an_assignment(ERIN, HELPER, ORG))
        do(update_role, ACME, "Helper", UpdateRole(permissions=("write", WATER)))
        assert permissions(do, DORA, PROJECT) == set(permit("write", WATER))
        assert permissions(do, ERIN, RESOURCE) == set(permit("write", WATER))

    def test_the_too_weak_may_narrow_and_not_widen(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, ORG))
        narrower = UpdateRole(description="New", permissions=("Acme.Kettle:water/boil",))
        do(update_role, ACME, "Helper", narrower, by=BOB)
        for wider in (WATER, "write", "Acme.Toaster:toast/*"):
            command = UpdateRole(permissions=("Acme.Kettle:water/boil", wider))
            with pytest.raises(Forbidden, match="gives more than you hold on organization acme"):
                do(update_role, ACME, "Helper", command, by=BOB)
        do(update_role, ACME, "Helper", UpdateRole(permissions=("read",)), by=BOB)

    @pytest.mark.parametrize(
        "command", [UpdateRole(name="Aide"), UpdateRole(display_name="Aide")], ids=str
    )
    def test_the_too_weak_do_not_swap_names(self, do: Acting, command: UpdateRole) -> None:
        """Whoever grants by name would grant something else."""
        do.keep(an_assignment(BOB, STEWARD, ORG))
        with pytest.raises(Forbidden, match="gives more than you hold"):
            do(update_role, ACME, "Helper", command, by=BOB)
        do(update_role, ACME, "Helper", UpdateRole(permissions=("read",)), by=BOB)
        do(update_role, ACME, "Helper", command, by=BOB)

    def test_what_a_wildcard_of_it_covers_is_not_new(self, do: Acting) -> None:
        stoker = a_custom_role("Stoker", WATER)
        do.keep(stoker, an_assignment(BOB, STEWARD, ORG))
        command = UpdateRole(permissions=("Acme.Kettle:water/boil",))
        assert do(update_role, ACME, "Stoker", command, by=BOB).permissions == permit(
            "Acme.Kettle:water/boil"
        )
        with pytest.raises(Forbidden):
            do(update_role, ACME, "Stoker", UpdateRole(permissions=(WATER,)), by=BOB)

    def test_holding_it_below_is_not_holding_it_on_the_organization(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, STEWARD, ORG), an_assignment(BOB, OWNER, PROJECT))
        do.keep(an_assignment(DORA, HELPER, PROJECT))
        with pytest.raises(Forbidden):
            do(update_role, ACME, "Helper", UpdateRole(permissions=("read", "write")), by=BOB)

    def test_what_the_catalog_no_longer_knows_it_may_keep_and_not_gain(self, do: Acting) -> None:
        smaller = evolve(CATALOG, permissions=CATALOG.permissions[-1:])
        later = Acting(do.units, evolve(do.platform, catalog=smaller))
        later.alone(synchronize_catalog)
        command = UpdateRole(name="Aide", permissions=("Acme.Kettle:water/boil", "write"))
        kept = later(update_role, ACME, "Helper", command)
        assert kept.permissions == permit("Acme.Kettle:water/boil", "write")
        with pytest.raises(ValidationFailed) as refused:
            later(update_role, ACME, "Aide", UpdateRole(permissions=(WATER,)))
        assert faults(refused) == [("/permissions/0", "unknown_permission")]

    def test_who_saw_something_else_may_not_change_it(self, do: Acting) -> None:
        with pytest.raises(PreconditionFailed):
            do(update_role, ACME, "Helper", UpdateRole(name="N"), as_seen=lambda _: False)
        with pytest.raises(PreconditionFailed):
            do(delete_role, ACME, "Helper", as_seen=lambda _: False)
        do(delete_role, ACME, "Helper", as_seen=lambda role: role == HELPER)


def all_of(role: Role) -> UpdateRole:
    return UpdateRole(
        name=role.name,
        display_name=role.display_name,
        description=role.description,
        permissions=tuple(map(str, role.permissions)),
    )


ROLES_OF_THE_PLATFORM = [*CONTROL_PLANE_ROLES, DATA_OWNER, TOAST_MAKER]


@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize("role", ROLES_OF_THE_PLATFORM, ids=lambda role: role.name)
def test_nobody_changes_a_role_of_the_platform(do: Acting, role: Role, *, by_id: bool) -> None:
    named = role.role_id.value if by_id else role.name
    refusal = NotFound if role.is_hidden else Forbidden
    before = picture(do)
    with pytest.raises(refusal):
        do(update_role, ACME, named, UpdateRole(permissions=("read",)))
    with pytest.raises(refusal):
        do(delete_role, ACME, named, cascade=True)
    assert picture(do) == before
    if not role.is_hidden:
        assert do(read_custom_role, ACME, named) == role
