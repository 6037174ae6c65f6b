"""permissions/check, as the products that call it expect it."""

from typing import Any, Final

import pytest

from tests.http.marks import on_both_catalogs, on_both_stores
from tests.http.world import Caller, World, faults, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

HERE: Final = "scopeType=resource&scopeId=one"
OWNED: Final = ["delete", "escalate", "manage_access", "manage_billing", "read", "write"]
DATA_OWNED: Final = ["digitaltwins/*", "jobs/*", "mcp/*", "models/*", "query/*"]
CHECKER: Final = "service-account-permission-checker"


def _held(caller: Caller, query: str) -> Any:
    return caller.sees(f"/permissions/check?{query}")


def test_what_one_holds_is_told_as_granted(ada: Caller) -> None:
    assert _held(ada, HERE) == {
        "user_id": ada.principal,
        "scope_type": "resource",
        "scope_id": "one",
        "permissions": DATA_OWNED + OWNED,
    }


@pytest.mark.parametrize(
    ("scope_type", "scope_id"),
    [("organization", "acme"), ("project", "plant"), ("resource", "one")],
)
def test_every_scope_can_be_asked_about(ada: Caller, scope_type: str, scope_id: str) -> None:
    held = _held(ada, f"scopeType={scope_type}&scopeId={scope_id}")
    assert (held["scope_type"], held["scope_id"]) == (scope_type, scope_id)
    assert set(OWNED) <= set(held["permissions"])


@pytest.mark.parametrize(
    "query",
    [
        HERE,
        "scopeType=resource&scopeId=nowhere",
        "scopeType=project&scopeId=nowhere",
        "scopeType=organization&scopeId=nowhere",
        "scopeType=global",
        "scopeType=global&scopeId=*",
        "scopeType=global&scopeId=",
    ],
)
def test_who_holds_nothing_is_told_an_empty_list(grace: Caller, query: str) -> None:
    assert _held(grace, query)["permissions"] == []


def test_wildcards_stay_as_they_are_and_products_are_left_out(ada: Caller, grace: Caller) -> None:
    for role in ("Konnektr.Graph.Viewer", "Konnektr.Graph.Owner", "Viewer"):
        ada.makes("/resources/one/rbac", {"user_id": grace.principal, "role_id": role})
    permissions = _held(grace, HERE)["permissions"]
    assert {"read", "digitaltwins/*", "digitaltwins/read"} <= set(permissions)
    assert not [permission for permission in permissions if ":" in permission]
    assert len(permissions) == len(set(permissions))


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("read", True),
        ("write", False),
        ("digitaltwins/read", True),
        ("digitaltwins/relationships/write", True),
        ("digitaltwins/*", True),
        ("Konnektr.Graph:models/read", True),
        ("Konnektr.Graph:models/new-action", True),
        ("Konnektr.Graph:read", False),
        ("Konnektr.Flow:models/read", False),
        ("Konnektr.KtrlPlane:read", True),
        ("Konnektr.KtrlPlane:digitaltwins/read", False),
    ],
)
def test_an_action_is_answered_beside_what_is_held(
    ada: Caller, grace: Caller, action: str, *, allowed: bool
) -> None:
    for role in ("Konnektr.Graph.Owner", "Viewer"):
        ada.makes("/resources/one/rbac", {"user_id": grace.principal, "role_id": role})
    held = _held(grace, f"{HERE}&action={action}")
    assert held["allowed"] is allowed
    assert set(held) == {"user_id", "scope_type", "scope_id", "permissions", "allowed"}


def test_an_action_that_no_product_has_is_told(ada: Caller) -> None:
    for action in ("", "fly", "digital", "*"):
        result = ada.get(f"/permissions/check?{HERE}&action={action}")
        assert faults(result) == {"/action": "unknown_action"}


def test_who_asks_for_another_needs_the_permission_at_global_scope(
    world: World, ada: Caller, grace: Caller
) -> None:
    query = f"/permissions/check?{HERE}&userId=auth0%7Cgrace"
    result = ada.get(query)
    assert refusal(result) == (403, "forbidden")
    assert "check_permissions_on_behalf_of" in result.json["detail"]
    world.grants(ada, CHECKER, "organization acme")
    assert refusal(ada.get(query)) == (403, "forbidden")
    world.grants(ada, CHECKER, "global")
    assert ada.sees(query)["permissions"] == []


def test_one_may_name_oneself(ada: Caller) -> None:
    assert _held(ada, f"{HERE}&userId=auth0%7Cada") == _held(ada, HERE)


def test_a_product_asks_for_its_users(world: World, ada: Caller, grace: Caller) -> None:
    """As Konnektr.Graph does, with a token of its own and no role but the hidden one."""
    graph = world.machine("graph")
    world.grants(graph, CHECKER, "global")
    ada.makes(
        "/organizations/acme/rbac",
        {"user_id": grace.principal, "role_id": "Konnektr.Graph.Viewer"},
    )
    held = _held(graph, f"{HERE}&userId=auth0%7Cgrace")
    assert held["user_id"] == grace.principal
    assert held["permissions"] == sorted(
        [
            "digitaltwins/read",
            "digitaltwins/relationships/read",
            "models/read",
            "query/action",
            "jobs/imports/read",
            "jobs/deletions/read",
        ]
    )
    for unknown in ("auth0%7Cnobody", "%5Bobject%5D", "x" * 255):
        assert _held(graph, f"{HERE}&userId={unknown}")["permissions"] == []
    assert refusal(graph.get("/resources/one")) == (404, "not_found")


def test_a_machine_without_the_hidden_role_asks_for_nobody(world: World) -> None:
    result = world.machine("flow").get(f"/permissions/check?{HERE}&userId=auth0%7Cada")
    assert refusal(result) == (403, "forbidden")


# -- many questions ----------------------------------------------------------------------------


def _check(action: str, scope: str = "resource one", **but: Any) -> dict[str, Any]:
    scope_type, _, scope_id = scope.partition(" ")
    return {"scope_type": scope_type, "scope_id": scope_id, "action": action} | but


def _verdicts(caller: Caller, *checks: Any) -> list[Any]:
    result = caller.post("/permissions/check", {"checks": list(checks)})
    assert result.status_code == 200, result.text
    results: list[Any] = result.json["results"]
    return results


def test_questions_are_answered_in_their_order(ada: Caller, grace: Caller) -> None:
    ada.makes("/projects/plant/rbac", {"user_id": grace.principal, "role_id": "Editor"})
    actions = ["read", "delete", "write", "manage_access", "read", "models/read"]
    verdicts = _verdicts(grace, *(_check(action) for action in actions))
    assert [one["allowed"] for one in verdicts] == [True, False, True, False, True, False]
    scopes = ["organization acme", "project plant", "resource one", "resource nowhere", "global"]
    verdicts = _verdicts(grace, *(_check("read", scope) for scope in scopes))
    assert [one["allowed"] for one in verdicts] == [False, True, True, False, False]


def test_an_explanation_names_every_grant_that_allows(ada: Caller, grace: Caller) -> None:
    granted = [
        ada.makes(f"{path}/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
        for path in ("/organizations/acme", "/projects/plant", "/resources/one")
    ]
    (explained,) = _verdicts(grace, _check("read", explain=True))
    names = ("assignment_id", "role_id", "scope_type", "scope_id", "group_id", "expires_at")
    expected = [{name: one[name] for name in names} for one in granted]
    assert sorted(explained["via"], key=str) == sorted(expected, key=str)
    plain, denied = _verdicts(grace, _check("read"), _check("write", explain=True))
    assert (plain["allowed"], plain["via"]) == (True, [])
    assert denied == {"allowed": False, "via": []}


@pytest.mark.parametrize("count", [0, 101, 1_000])
def test_there_are_one_to_a_hundred_questions(ada: Caller, count: int) -> None:
    body = {"checks": [_check("read")] * count}
    result = ada.post("/permissions/check", body)
    assert set(faults(result)) == {"/checks"}
    assert "1 to 100" in result.json["detail"]


def test_a_hundred_questions_are_answered(ada: Caller) -> None:
    verdicts = _verdicts(ada, *[_check("read")] * 100)
    assert [one["allowed"] for one in verdicts] == [True] * 100


def test_every_wrong_question_is_told(ada: Caller) -> None:
    body = {
        "checks": [
            _check("read"),
            _check("fly"),
            _check("read", "resource NOT-AN-ID"),
            _check("fly", "project"),
        ]
    }
    assert faults(ada.post("/permissions/check", body)) == {
        "/checks/1/action": "unknown_action",
        "/checks/2/scope_id": "pattern",
        "/checks/3/scope_id": "pattern",
        "/checks/3/action": "unknown_action",
    }


@pytest.mark.parametrize("body", [{}, {"checks": None}, {"checks": {}}, {"checks": "all"}])
def test_questions_are_a_list(ada: Caller, body: Any) -> None:
    assert set(faults(ada.post("/permissions/check", body))) == {"/checks"}


def test_questions_about_others_need_the_same_permission(
    world: World, ada: Caller, grace: Caller
) -> None:
    about = [_check("read"), _check("read", user_id=grace.principal)]
    result = ada.post("/permissions/check", {"checks": about})
    assert refusal(result) == (403, "forbidden")
    assert _verdicts(ada, _check("read", user_id=ada.principal))[0]["allowed"] is True
    world.grants(ada, CHECKER, "global")
    assert [one["allowed"] for one in _verdicts(ada, *about)] == [True, False]


@on_both_catalogs
def test_products_of_any_catalog_are_asked_about_by_name(
    world: World, ada: Caller, grace: Caller
) -> None:
    role = world.catalog.roles[-1]
    ada.makes("/resources/one/rbac", {"user_id": grace.principal, "role_id": role.name})
    held = _held(grace, HERE)["permissions"]
    assert held == sorted(permission.action for permission in role.permissions)
    verdicts = _verdicts(grace, *(_check(str(permission)) for permission in role.permissions))
    assert [one["allowed"] for one in verdicts] == [True] * len(role.permissions)
