from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.access import (
    CONTROL_PLANE,
    GLOBAL,
    Action,
    Permission,
    RoleAssignment,
    Scope,
    ScopeType,
)
from ktrlplane.domain.errors import Forbidden, NotFound
from ktrlplane.domain.ids import AssignmentId, OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.roles import CONTROL_PLANE_PERMISSIONS, CONTROL_PLANE_ROLES
from ktrlplane.domain.standings import Grant, Standing, missing_from
from tests.builders import ALICE, EDITOR, HOUR, NOW, OWNER, VIEWER, an_assignment, on

steps = st.sampled_from(["a", "b", "ab", "*"])
actions = st.lists(steps, min_size=1, max_size=4).map("/".join)
permissions = st.builds(Permission, st.sampled_from(["P", "Q", CONTROL_PLANE]), actions)

PATH = (on("organization acme"), on("project web"), on("resource kettle"))
ELSEWHERE = on("project app")


def standing(
    *held: tuple[Scope, Iterable[Permission]], path: tuple[Scope, ...] = PATH
) -> Standing:
    return Standing(
        path,
        [
            Grant(
                assignment_id=AssignmentId(f"asg_{number}"),
                role_id=VIEWER.role_id,
                scope=scope,
                permissions=tuple(permissions),
            )
            for number, (scope, permissions) in enumerate(held)
        ],
    )


class TestCovering:
    @pytest.mark.parametrize(
        ("held", "wanted", "covered"),
        [
            ("digitaltwins/*", "digitaltwins/read", True),
            ("digitaltwins/*", "digitaltwins/relationships/read", True),
            ("digitaltwins/*", "digitaltwins/*", True),
            ("digitaltwins/*", "digitaltwins/relationships/*", True),
            ("digitaltwins/*", "digitaltwins", False),
            ("digitaltwins/*", "digitaltwins2/read", False),
            ("digitaltwins/*", "*", False),
            ("digitaltwins/read", "digitaltwins/read/all", False),
            ("digitaltwins/read", "digitaltwins/*", False),
            ("*", "digitaltwins/read", True),
            ("*", "*", True),
            ("read", "read", True),
            ("read", "Read", False),
            ("rea*", "read", False),
            ("a/*/c", "a/b/c", False),
        ],
    )
    def test_a_wildcard_covers_all_below_it(
        self, held: str, wanted: str, *, covered: bool
    ) -> None:
        assert Permission("P", held).covers(Permission("P", wanted)) is covered

    @given(permissions, permissions)
    def test_never_reaches_another_product(self, one: Permission, other: Permission) -> None:
        if one.product != other.product:
            assert not one.covers(other)

    @given(permissions)
    def test_reaches_itself(self, one: Permission) -> None:
        assert one.covers(one)

    @given(permissions, permissions, permissions)
    def test_reaches_what_what_it_covers_covers(
        self, one: Permission, other: Permission, third: Permission
    ) -> None:
        if one.covers(other) and other.covers(third):
            assert one.covers(third)

    @given(permissions, permissions)
    def test_of_each_other_makes_equal(self, one: Permission, other: Permission) -> None:
        if one.covers(other) and other.covers(one):
            assert one == other

    @given(permissions, permissions)
    def test_is_by_whole_steps(self, one: Permission, other: Permission) -> None:
        mine, theirs = one.action.split("/"), other.action.split("/")
        wild = mine[-1] == "*"
        below = theirs[: len(mine) - 1] == mine[:-1] and len(theirs) >= len(mine)
        expected = one.product == other.product and (mine == theirs or (wild and below))
        assert one.covers(other) is expected


READ, WRITE = (Permission.control_plane(action) for action in (Action.READ, Action.WRITE))


@given(permissions)
def test_a_permission_is_read_as_it_is_written(permission: Permission) -> None:
    assert Permission.parse(str(permission)) == permission


def test_a_bare_action_is_the_control_planes() -> None:
    assert Permission.parse("read") == Permission.control_plane(Action.READ)


class TestStanding:
    @given(permissions, permissions, st.sampled_from([*PATH, ELSEWHERE, GLOBAL]))
    def test_counts_what_is_granted_on_the_path(
        self, held: Permission, wanted: Permission, scope: Scope
    ) -> None:
        assert standing((scope, [held])).holds(wanted) is (scope in PATH and held.covers(wanted))

    @given(st.lists(st.tuples(st.sampled_from([*PATH, ELSEWHERE]), st.lists(permissions))))
    def test_tells_what_is_held_each_once_in_order(
        self, held: list[tuple[Scope, list[Permission]]]
    ) -> None:
        told = standing(*held).permissions()
        counted = {one for scope, some in held if scope in PATH for one in some}
        assert told == sorted(counted)

    @given(st.lists(st.tuples(st.sampled_from([*PATH, ELSEWHERE]), st.lists(permissions))))
    def test_only_grows_with_more_grants(self, held: list[tuple[Scope, list[Permission]]]) -> None:
        before, after = standing(*held[:-1]), standing(*held)
        assert all(after.holds(permission) for permission in before.permissions())

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([*PATH, ELSEWHERE]), st.lists(st.sampled_from([READ, WRITE]))
            )
        )
    )
    def test_shows_of_the_path_what_may_be_read(
        self, held: list[tuple[Scope, list[Permission]]]
    ) -> None:
        readable = tuple(
            scope
            for number, scope in enumerate(PATH)
            if any(READ in some for where, some in held if where in PATH[: number + 1])
        )
        assert standing(*held).readable_path() == readable

    def test_names_the_grants_that_give_a_permission(self) -> None:
        held = standing(
            (PATH[0], [READ]), (PATH[1], [WRITE]), (ELSEWHERE, [READ]), (PATH[2], [READ])
        )
        assert [via.assignment_id.value for via in held.via(READ)] == ["asg_0", "asg_3"]

    @pytest.mark.parametrize(
        ("held", "wanted", "refusal"),
        [
            ([], [], NotFound),
            ([], [Action.READ], NotFound),
            ([Action.WRITE], [Action.WRITE], NotFound),
            ([Action.READ], [], None),
            ([Action.READ], [Action.READ], None),
            ([Action.READ], [Action.WRITE], Forbidden),
            ([Action.READ, Action.WRITE], [Action.WRITE], None),
            ([Action.READ, Action.WRITE], [Action.WRITE, Action.DELETE], Forbidden),
        ],
    )
    def test_refuses_no_more_plainly_than_the_caller_may_know(
        self, held: list[Action], wanted: list[Action], refusal: type[Exception] | None
    ) -> None:
        mine = standing((PATH[0], [Permission.control_plane(action) for action in held]))
        if refusal is None:
            mine.require(*wanted)
            return
        with pytest.raises(refusal, match="resource kettle"):
            mine.require(*wanted)

    def test_who_may_escalate_misses_nothing(self) -> None:
        anything = [Permission("P", "a"), Permission("Q", "*")]
        escalating = standing((PATH[0], [Permission.control_plane(Action.ESCALATE)]))
        assert missing_from(escalating, anything) == []
        holding = standing((PATH[0], [Permission("P", "*")]))
        assert missing_from(holding, anything) == [Permission("Q", "*")]
        elsewhere = standing((ELSEWHERE, [Permission.control_plane(Action.ESCALATE)]))
        assert missing_from(elsewhere, anything) == anything


class TestScope:
    @pytest.mark.parametrize(
        ("identity", "scope"),
        [
            (OrganizationId("same"), "organization same"),
            (ProjectId("same"), "project same"),
            (ResourceId("same"), "resource same"),
        ],
    )
    def test_is_of_a_thing(
        self, identity: OrganizationId | ProjectId | ResourceId, scope: str
    ) -> None:
        assert Scope.of(identity) == Scope.parse(*scope.split()) == on(scope)
        assert str(Scope.of(identity)) == scope

    def test_global_has_one_id(self) -> None:
        assert Scope.parse("global", "") == Scope.parse("global", "*") == GLOBAL

    def test_global_with_the_id_of_something_is_not_taken_for_everywhere(self) -> None:
        with pytest.raises(ValueError, match="has no id"):
            Scope.parse("global", "acme")

    @pytest.mark.parametrize(
        ("scope_type", "scope_id"),
        [("planet", "earth"), ("project", ""), ("project", "No Label"), ("organization", "*")],
    )
    def test_is_refused_where_there_can_be_none(self, scope_type: str, scope_id: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            Scope.parse(scope_type, scope_id)

    def test_every_type_but_global_has_ids(self) -> None:
        for scope_type in set(ScopeType) - {ScopeType.GLOBAL}:
            assert Scope.parse(scope_type, "x").scope_id == "x"


@pytest.mark.parametrize(
    ("assignment", "holds"),
    [
        (an_assignment(ALICE, OWNER, "global"), True),
        (an_assignment(ALICE, OWNER, "global", expires_at=NOW + NOW.resolution), True),
        (an_assignment(ALICE, OWNER, "global", expires_at=NOW), False),
        (an_assignment(ALICE, OWNER, "global", expires_at=NOW - HOUR), False),
    ],
)
def test_an_assignment_holds_until_it_expires(assignment: RoleAssignment, *, holds: bool) -> None:
    assert assignment.holds_at(NOW) is holds


def test_the_roles_are_those_of_the_rules() -> None:
    """product.md R1.3, told again."""
    expected = {
        "Owner": "read write delete manage_access manage_billing escalate",
        "Editor": "read write",
        "Viewer": "read",
        "Billing Manager": "read manage_billing",
        "service-account-permission-checker": "check_permissions_on_behalf_of",
        "service-account-reconciler": "report_status",
        "service-account-meter": "report_usage",
    }
    told = {
        role.name: " ".join(permission.action for permission in role.permissions)
        for role in CONTROL_PLANE_ROLES
    }
    assert told == expected
    assert {role.name for role in CONTROL_PLANE_ROLES if role.is_hidden} == {
        name for name in expected if name.startswith("service-account-")
    }
    assert {entry.action for entry in CONTROL_PLANE_PERMISSIONS} == set(Action)
    assert {role.role_id for role in (OWNER, EDITOR, VIEWER)} <= {
        role.role_id for role in CONTROL_PLANE_ROLES
    }
