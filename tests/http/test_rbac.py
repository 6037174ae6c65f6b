"""Role assignments on the three scopes."""

from datetime import timedelta
from typing import Any, Final

import pytest

from tests.http.marks import on_stores_and_catalogs
from tests.http.world import SCOPES, Caller, World, faults, ids, refusal

pytestmark = [on_stores_and_catalogs, pytest.mark.usefixtures("one")]

OWNER: Final = "10000000-0001-0000-0000-000000000001"
EDITOR: Final = "10000000-0001-0000-0000-000000000002"
VIEWER: Final = "10000000-0001-0000-0000-000000000003"
LATER: Final = "2026-02-01T00:00:00Z"


@pytest.fixture(params=SCOPES)
def scope(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(scope: str) -> str:
    return f"{SCOPES[scope]}/rbac"


def _grant(user: Caller, role: str = "Viewer", **but: Any) -> dict[str, Any]:
    return {"user_id": user.principal, "role_id": role} | but


def test_a_grant_is_answered_with_the_whole_assignment(
    ada: Caller, grace: Caller, scope: str, path: str
) -> None:
    result = ada.post(path, _grant(grace, expires_at=LATER))
    made = result.json
    assert made == {
        "assignment_id": made["assignment_id"],
        "status": "active",
        "principal_type": "user",
        "user_id": grace.principal,
        "group_id": None,
        "role_id": VIEWER,
        "scope_type": scope,
        "scope_id": SCOPES[scope].rpartition("/")[2],
        "assigned_by": ada.principal,
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": LATER,
        "user": {"id": grace.principal, "email": "grace@example.com", "name": "Grace"},
        "group": None,
        "role": {"role_id": VIEWER, "name": "Viewer", "display_name": "Viewer"},
        "inheritance_type": "direct",
        "inherited_from_scope_type": None,
        "inherited_from_scope_id": None,
        "inherited_from_name": None,
    }
    assert made["assignment_id"].startswith("asg_")
    assert result.headers["location"] == f"/api/v1{path}/{made['assignment_id']}"
    assert ada.sees(f"{path}/{made['assignment_id']}") == made
    assert made in ada.sees(path)["items"]


@pytest.mark.parametrize("role", ["Editor", EDITOR])
@pytest.mark.parametrize("who", ["user_id", "email", "EMAIL"])
def test_a_role_and_a_user_go_by_id_or_by_name(
    ada: Caller, grace: Caller, path: str, role: str, who: str
) -> None:
    named = {
        "user_id": {"user_id": grace.principal},
        "email": {"email": "grace@example.com"},
        "EMAIL": {"email": "GRACE@Example.COM"},
    }[who]
    made = ada.makes(path, named | {"role_id": role})
    assert (made["role_id"], made["user_id"]) == (EDITOR, grace.principal)
    assert made["expires_at"] is None


WRONG: Final[list[tuple[dict[str, Any], dict[str, str]]]] = [
    ({}, {"/role_id": "required"}),
    ({"role_id": "Viewer"}, {"/user_id": "one_of"}),
    (
        {"role_id": "Viewer", "user_id": "auth0|grace", "email": "grace@example.com"},
        {"/user_id": "one_of"},
    ),
    ({"role_id": "Viewer", "user_id": "auth0|nobody"}, {"/user_id": "unknown_user"}),
    ({"role_id": "Viewer", "email": "%"}, {"/email": "invalid"}),
    ({"role_id": "Viewer", "email": "a b@example.com"}, {"/email": "invalid"}),
    ({"role_id": "Viewer", "group_id": "grp_none"}, {"/group_id": "unknown_group"}),
    ({"role_id": "Viewer", "user_id": "a b"}, {"/user_id": "pattern"}),
    ({"role_id": "viewer", "user_id": "auth0|grace"}, {"/role_id": "unknown_role"}),
    ({"role_id": "", "user_id": "auth0|grace"}, {"/role_id": "unknown_role"}),
    (
        {"role_id": "service-account-permission-checker", "user_id": "auth0|grace"},
        {"/role_id": "unknown_role"},
    ),
    (
        {
            "role_id": "Nothing",
            "user_id": "auth0|nobody",
            "expires_at": "2026-01-01T00:00:00Z",
        },
        {
            "/role_id": "unknown_role",
            "/user_id": "unknown_user",
            "/expires_at": "in_the_past",
        },
    ),
]


@pytest.mark.usefixtures("grace")
def test_what_is_wrong_with_a_grant_is_told(ada: Caller, path: str) -> None:
    for body, fault in WRONG:
        assert faults(ada.post(path, body)) == fault, body


def test_the_same_grant_twice_is_refused(ada: Caller, grace: Caller, path: str) -> None:
    ada.makes(path, _grant(grace))
    assert refusal(ada.post(path, _grant(grace))) == (409, "already_exists")
    assert ada.makes(path, _grant(grace, "Editor"))["role_id"] == EDITOR


def test_a_list_tells_what_is_inherited_and_from_where(ada: Caller, grace: Caller) -> None:
    names = {"organization": "Acme", "project": "Plant", "resource": "One"}
    for scope, path in SCOPES.items():
        ada.makes(f"{path}/rbac", _grant(grace))
        listed = ada.sees(f"{path}/rbac?include_total=true")
        hers = [one for one in listed["items"] if one["user_id"] == grace.principal]
        assert {one["scope_type"] for one in hers} == set(list(SCOPES)[: len(hers)])
        for one in hers:
            above = None if one["scope_type"] == scope else one["scope_type"]
            assert one["inheritance_type"] == ("inherited" if above else "direct")
            assert one["inherited_from_scope_type"] == above
            assert one["inherited_from_scope_id"] == (one["scope_id"] if above else None)
            assert one["inherited_from_name"] == (names[above] if above else None)
        assert listed["total"] == len(listed["items"])


def test_an_inherited_assignment_is_changed_where_it_is(ada: Caller, grace: Caller) -> None:
    held = ada.makes("/organizations/acme/rbac", _grant(grace))["assignment_id"]
    for path in ("/projects/plant", "/resources/one"):
        one = f"{path}/rbac/{held}"
        for result in (ada.get(one), ada.patch(one, {"expires_at": LATER}), ada.delete(one)):
            assert refusal(result) == (404, "not_found")
    assert ada.delete(f"/organizations/acme/rbac/{held}").status_code == 204


def test_an_expiry_is_set_and_lifted(world: World, ada: Caller, grace: Caller, path: str) -> None:
    one = f"{path}/{ada.makes(path, _grant(grace))['assignment_id']}"
    assert ada.patch(one, {"expires_at": LATER}).json["expires_at"] == LATER
    assert ada.patch(one, {"expires_at": None}).json["expires_at"] is None
    assert faults(ada.patch(one, {})) == {"/expires_at": "required"}
    past = {"expires_at": "2025-12-31T23:59:59Z"}
    assert faults(ada.patch(one, past)) == {"/expires_at": "in_the_past"}


def test_an_expired_assignment_is_over_everywhere_and_can_be_renewed(
    world: World, ada: Caller, grace: Caller, scope: str, path: str
) -> None:
    soon = "2026-01-01T00:10:00Z"
    one = ada.makes(path, _grant(grace, expires_at=soon))
    assert grace.get(SCOPES[scope]).status_code == 200
    world.clock.advance(timedelta(minutes=10))
    assert refusal(grace.get(SCOPES[scope])) == (404, "not_found")
    assert one["assignment_id"] not in ids(ada.sees(path), "assignment_id")
    single = f"{path}/{one['assignment_id']}"
    assert refusal(ada.get(single)) == (404, "not_found")
    assert refusal(ada.patch(single, {"expires_at": LATER})) == (404, "not_found")
    assert refusal(ada.delete(single)) == (404, "not_found")
    checked = grace.sees(f"/permissions/check?scopeType={scope}&scopeId={one['scope_id']}")
    assert checked["permissions"] == []
    ada.makes(path, _grant(grace))
    assert grace.get(SCOPES[scope]).status_code == 200


def test_a_revoked_role_is_over_at_once(ada: Caller, grace: Caller, scope: str, path: str) -> None:
    one = f"{path}/{ada.makes(path, _grant(grace))['assignment_id']}"
    assert grace.get(SCOPES[scope]).status_code == 200
    result = ada.delete(one)
    assert (result.status_code, result.content) == (204, b"")
    assert refusal(grace.get(SCOPES[scope])) == (404, "not_found")
    assert refusal(ada.delete(one)) == (404, "not_found")


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Billing Manager"])
def test_without_manage_access_nobody_grants(
    world: World, ada: Caller, grace: Caller, path: str, role: str
) -> None:
    ada.makes("/organizations/acme/rbac", _grant(grace, role))
    bob = world.person("bob")
    bob.sees("/users/me")
    for body in (_grant(bob), _grant(grace, "Owner")):
        assert refusal(grace.post(path, body)) == (403, "forbidden")


def test_an_organization_keeps_an_owner(ada: Caller, grace: Caller) -> None:
    path = "/organizations/acme/rbac"
    (mine,) = [one for one in ada.sees(path)["items"] if one["role_id"] == OWNER]
    one = f"{path}/{mine['assignment_id']}"
    assert refusal(ada.delete(one)) == (409, "last_owner")
    assert refusal(ada.patch(one, {"expires_at": LATER})) == (409, "last_owner")
    ada.makes(path, _grant(grace, "Owner", expires_at=LATER))
    assert refusal(ada.delete(one)) == (409, "last_owner")
    ada.makes("/projects/plant/rbac", _grant(grace, "Owner"))
    assert refusal(ada.delete(one)) == (409, "last_owner")


def test_a_project_does_not_leave_without_an_owner(
    world: World, ada: Caller, grace: Caller
) -> None:
    (own,) = [
        one["assignment_id"]
        for one in ada.sees("/projects/plant/rbac")["items"]
        if one["role_id"] == OWNER and one["inheritance_type"] == "direct"
    ]
    assert ada.delete(f"/projects/plant/rbac/{own}").status_code == 204
    result = ada.post("/projects/plant/move", {"org_id": None})
    assert refusal(result) == (409, "last_owner")


def test_the_creator_has_the_roles_that_the_catalog_says(world: World, ada: Caller) -> None:
    extra = {role_id.value for role_id in world.catalog.creator_roles}
    assert extra
    for path in ("/organizations/acme/rbac", "/projects/plant/rbac"):
        direct = [one for one in ada.sees(path)["items"] if one["inheritance_type"] == "direct"]
        assert {one["role_id"] for one in direct} == {OWNER} | extra
        assert {one["user_id"] for one in direct} == {ada.principal}


def test_what_is_no_assignment_is_not_found(ada: Caller, path: str) -> None:
    for number in ("x", "asg_", "asg_0", "x" * 255, "x" * 300, "%20", "..", "*"):
        for result in (
            ada.get(f"{path}/{number}"),
            ada.patch(f"{path}/{number}", {"expires_at": None}),
            ada.delete(f"{path}/{number}"),
        ):
            assert refusal(result) == (404, "not_found"), number


def test_an_assignment_is_known_on_its_own_scope_only(world: World, grace: Caller) -> None:
    """Not even to who manages access somewhere else."""
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    theirs = bob.sees("/organizations/bobs/rbac")["items"][0]["assignment_id"]
    one = f"/organizations/acme/rbac/{theirs}"
    ada = world.person("ada")
    for result in (ada.get(one), ada.delete(one), ada.patch(one, {"expires_at": None})):
        assert refusal(result) == (404, "not_found")
    assert bob.get(f"/organizations/bobs/rbac/{theirs}").status_code == 200


def test_roles_are_listed_and_hidden_ones_are_not(world: World, ada: Caller) -> None:
    listed = ada.sees("/roles")
    assert listed["next_cursor"] is None
    names = ids(listed, "name")
    assert names[:4] == ["Owner", "Editor", "Viewer", "Billing Manager"]
    assert {role.name for role in world.catalog.roles} <= set(names)
    assert not [name for name in names if name.startswith("service-account")]
    orders = ids(listed, "display_order")
    assert orders == sorted(orders)
    assert set(listed["items"][0]) == {
        "role_id",
        "name",
        "display_name",
        "description",
        "is_system",
        "org_id",
        "display_order",
    }
    hidden = "service-account-permission-checker"
    for path in (f"/roles/{hidden}", f"/roles/{hidden}/permissions", "/roles/nothing"):
        assert refusal(ada.get(path)) == (404, "not_found")


def test_a_role_is_read_by_id_or_name_with_what_it_grants(world: World, ada: Caller) -> None:
    assert ada.sees("/roles/Owner") == ada.sees(f"/roles/{OWNER}")
    assert ada.sees("/roles/Billing%20Manager")["name"] == "Billing Manager"
    actions = set(ids(ada.sees("/roles/Owner/permissions"), "action"))
    assert actions == {
        "read",
        "write",
        "delete",
        "manage_access",
        "manage_billing",
        "escalate",
    }
    role = world.catalog.roles[0]
    granted = ada.sees(f"/roles/{role.role_id}/permissions")["items"]
    told = {f"{one['resource_type']}:{one['action']}" for one in granted}
    assert told == {str(permission) for permission in role.permissions}


def test_permissions_are_those_of_the_platform(world: World, ada: Caller) -> None:
    listed = ada.sees("/permissions")["items"]
    assert set(listed[0]) == {"permission_id", "resource_type", "action", "description"}
    told = {(one["resource_type"], one["action"]) for one in listed}
    known = world.catalog.all_permissions()
    assert told == {(one.resource_type, one.action) for one in known}
    order = [(one["resource_type"], one["action"]) for one in listed]
    assert order == sorted(order)


def test_an_assignment_elsewhere_looks_like_one_that_is_nowhere(
    ada: Caller, grace: Caller, path: str
) -> None:
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    there = ada.makes("/organizations/other/rbac", _grant(grace))["assignment_id"]
    nowhere = there[:-1] + ("0" if there[-1] != "0" else "1")
    expiry = {"expires_at": LATER}
    for method, body in (("GET", None), ("PATCH", expiry), ("DELETE", None)):
        told = []
        for one in (there, nowhere):
            more = {} if body is None else {"body": body}
            result = ada.ask(method, f"{path}/{one}", **more)
            assert refusal(result) == (404, "not_found")
            told.append(result.json["detail"].replace(one, "ID"))
        assert told[0] == told[1], method


@pytest.mark.parametrize(
    ("role", "meant"),
    [("viewer", "Viewer"), ("Billing manager", "Billing Manager"), ("Edtor", "Editor")],
)
def test_a_role_that_is_nearly_one_is_guessed(ada: Caller, role: str, meant: str) -> None:
    answer = ada.post("/organizations/acme/rbac", {"user_id": "auth0|ada", "role_id": role})
    (fault,) = answer.json["errors"]
    assert fault["code"] == "unknown_role"
    assert f"did you mean {meant}?" in fault["detail"]
    assert "GET /roles" in fault["detail"]
