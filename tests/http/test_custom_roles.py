"""Roles that an organization makes for itself."""

from typing import Any, Final

import pytest

from ktrlplane.domain.roles import OWNER
from tests.http.marks import on_both_stores
from tests.http.world import NOTHING, SCOPES, Caller, World, faults, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

ROLES: Final = "/organizations/acme/roles"
OPERATE: Final = {
    "name": "Operator",
    "display_name": "Operator of graphs",
    "description": "Changes what runs.",
    "permissions": ["read", "Konnektr.KtrlPlane:write", "Konnektr.Graph:models/read", "read"],
}
PERMISSIONS: Final = [
    "Konnektr.KtrlPlane:read",
    "Konnektr.KtrlPlane:write",
    "Konnektr.Graph:models/read",
]


def test_a_role_is_answered_whole(ada: Caller) -> None:
    result = ada.post(ROLES, OPERATE)
    made = result.json
    assert made == {
        "role_id": made["role_id"],
        "org_id": "acme",
        "name": "Operator",
        "display_name": "Operator of graphs",
        "description": "Changes what runs.",
        "is_system": False,
        "display_order": 500,
        "permissions": PERMISSIONS,
    }
    assert made["role_id"].startswith("role_")
    assert result.headers["location"] == f"/api/v1{ROLES}/{made['role_id']}"
    for name in (made["role_id"], "Operator"):
        assert ada.sees(f"{ROLES}/{name}") == made
        assert ada.get(f"{ROLES}/{name}").headers["etag"] == result.headers["etag"]
    assert ada.sees(ROLES) == {"items": [made], "next_cursor": None}


def test_a_role_is_read_among_the_others_by_its_id(ada: Caller) -> None:
    made = ada.makes(ROLES, OPERATE)
    shown = ada.sees(f"/roles/{made['role_id']}")
    assert (shown["org_id"], shown["is_system"]) == ("acme", False)
    granted = ada.sees(f"/roles/{made['role_id']}/permissions")["items"]
    assert {f"{one['resource_type']}:{one['action']}" for one in granted} == set(PERMISSIONS)
    assert refusal(ada.get("/roles/Operator")) == (404, "not_found")
    assert "Operator" not in ids(ada.sees("/roles"), "name")


def test_what_is_left_out_is_made_from_the_rest(ada: Caller) -> None:
    made = ada.makes(ROLES, {"name": "Reader", "permissions": ["read"]})
    assert (made["display_name"], made["description"]) == ("Reader", "")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, {"/name": "required", "/permissions": "required"}),
        ({"name": "R", "permissions": []}, {"/permissions": "invalid"}),
        ({"name": "R", "permissions": ["read"] * 201}, {"/permissions": "invalid"}),
        ({"name": "R", "permissions": "read"}, {"/permissions": "type"}),
        ({"name": "R", "permissions": [1]}, {"/permissions/0": "type"}),
        (
            {"name": "R", "permissions": ["read", "fly", "Konnektr.Flow:models/read", "*"]},
            {
                "/permissions/1": "unknown_permission",
                "/permissions/2": "unknown_permission",
                "/permissions/3": "unknown_permission",
            },
        ),
        (
            {
                "name": "Owner",
                "permissions": ["report_status", "report_usage", "check_permissions_on_behalf_of"],
            },
            {
                "/name": "reserved",
                "/permissions/0": "operators_alone",
                "/permissions/1": "operators_alone",
                "/permissions/2": "operators_alone",
            },
        ),
        (
            {"name": "", "permissions": ["fly"], "is_hidden": True, "org_id": "other"},
            {
                "/name": "invalid",
                "/permissions/0": "unknown_permission",
                "/is_hidden": "unknown_field",
                "/org_id": "unknown_field",
            },
        ),
    ],
)
def test_all_that_is_wrong_with_a_role_is_told(
    ada: Caller, body: dict[str, Any], told: dict[str, str]
) -> None:
    assert faults(ada.post(ROLES, body)) == told


@pytest.mark.parametrize(
    "name",
    ["Owner", "owner", "BILLING MANAGER", "service-account-meter", f"{OWNER.role_id}"],
)
def test_no_role_is_named_like_one_of_the_platforms(ada: Caller, name: str) -> None:
    body = {"name": name, "permissions": ["read"]}
    assert faults(ada.post(ROLES, body)) == {"/name": "reserved"}
    ada.makes(ROLES, OPERATE)
    assert faults(ada.patch(f"{ROLES}/Operator", {"name": name})) == {"/name": "reserved"}


def test_a_name_is_taken_in_its_organization_alone(ada: Caller) -> None:
    ada.makes(ROLES, OPERATE)
    again = OPERATE | {"name": "OPERATOR"}
    assert refusal(ada.post(ROLES, again)) == (409, "already_exists")
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    ada.makes("/organizations/other/roles", again)


def test_the_same_key_makes_one_role(ada: Caller) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (ada.post(ROLES, OPERATE, headers=key) for _ in "ab")
    assert (first.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("named", ["id", "name"])
def test_a_role_is_changed_for_all_who_have_it(ada: Caller, grace: Caller, named: str) -> None:
    made = ada.makes(ROLES, {"name": "Operator", "permissions": ["read"]})
    path = f"{ROLES}/{made['role_id'] if named == 'id' else 'Operator'}"
    ada.makes("/projects/plant/rbac", {"user_id": grace.principal, "role_id": "Operator"})
    assert refusal(grace.patch("/resources/one", {"name": "New"})) == (403, "forbidden")
    tag = ada.get(path).headers["etag"]
    changed = ada.patch(path, {"permissions": ["read", "write"]}, headers={"If-Match": tag})
    assert changed.json["permissions"] == PERMISSIONS[:2]
    assert grace.patch("/resources/one", {"name": "New"}).status_code == 200
    assert refusal(ada.patch(path, {"description": "x"}, headers={"If-Match": tag})) == (
        412,
        "precondition_failed",
    )
    assert refusal(ada.delete(path, headers={"If-Match": tag})) == (412, "precondition_failed")
    assert ada.patch(path, {"name": "Op", "description": "x"}).json["name"] == "Op"
    assert refusal(ada.get(f"{ROLES}/Operator")) == (404, "not_found")
    assert faults(ada.patch(f"{ROLES}/Op", {"permissions": [], "foo": 1})) == {
        "/permissions": "invalid",
        "/foo": "unknown_field",
    }


def test_a_role_that_somebody_has_ends_only_with_cascade(ada: Caller, grace: Caller) -> None:
    ada.makes(ROLES, OPERATE)
    ada.makes("/projects/plant/rbac", {"user_id": grace.principal, "role_id": "Operator"})
    assert refusal(ada.delete(f"{ROLES}/Operator")) == (409, "not_empty")
    result = ada.delete(f"{ROLES}/Operator?cascade=true")
    assert (result.status_code, result.content) == (204, b"")
    assert refusal(grace.get("/projects/plant")) == (404, "not_found")
    assert refusal(ada.delete(f"{ROLES}/Operator")) == (404, "not_found")
    assert ada.sees(ROLES)["items"] == []


@pytest.mark.parametrize("role", ["Owner", "Viewer", "Konnektr.Graph.Owner"])
def test_the_platforms_roles_are_read_and_not_changed(ada: Caller, role: str) -> None:
    before = ada.sees(f"{ROLES}/{role}")
    assert before["is_system"] is True
    for result in (
        ada.patch(f"{ROLES}/{role}", {"permissions": ["read"]}),
        ada.delete(f"{ROLES}/{role}?cascade=true"),
    ):
        assert refusal(result) == (403, "forbidden")
        assert "platform" in result.json["detail"]
    assert ada.sees(f"{ROLES}/{role}") == before


def test_hidden_roles_are_neither_read_nor_changed(ada: Caller) -> None:
    for role in ("service-account-permission-checker", "nothing", "%00", "x" * 300):
        for result in (
            ada.get(f"{ROLES}/{role}"),
            ada.patch(f"{ROLES}/{role}", {"permissions": ["read"]}),
            ada.delete(f"{ROLES}/{role}"),
        ):
            assert refusal(result) == (404, "not_found")


def test_a_role_elsewhere_looks_like_one_that_is_nowhere(world: World, ada: Caller) -> None:
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    theirs = ada.makes(ROLES, OPERATE)["role_id"]
    nowhere = "role_" + "0" * 32
    for form, method, body in (
        ("/organizations/bobs/roles/%s", "GET", NOTHING),
        ("/organizations/bobs/roles/%s", "PATCH", {"permissions": ["read"]}),
        ("/organizations/bobs/roles/%s", "DELETE", NOTHING),
        ("/organizations/acme/roles/%s", "GET", NOTHING),
        ("/organizations/acme/roles/%s", "DELETE", NOTHING),
        ("/roles/%s", "GET", NOTHING),
        ("/roles/%s/permissions", "GET", NOTHING),
    ):
        told = []
        for role_id in (theirs, nowhere):
            result = bob.ask(method, form % role_id, body)
            assert refusal(result) == (404, "not_found"), form
            told.append(result.json["detail"].replace(role_id, "ID"))
        assert told[0] == told[1]
    for role in (theirs, "Operator"):
        grant = {"user_id": bob.principal, "role_id": role}
        result = bob.post("/organizations/bobs/rbac", grant)
        assert faults(result) == {"/role_id": "unknown_role"}


@pytest.mark.parametrize("path", SCOPES.values())
def test_a_role_is_granted_everywhere_in_its_organization(
    ada: Caller, grace: Caller, path: str
) -> None:
    made = ada.makes(ROLES, OPERATE)
    granted = ada.makes(f"{path}/rbac", {"user_id": grace.principal, "role_id": "Operator"})
    names = ("role_id", "name", "display_name")
    assert granted["role"] == {name: made[name] for name in names}
    assert grace.patch(path, {"name": "New"}).status_code == 200
