"""What somebody can reach, and by what; checks through groups and for machines."""

from datetime import timedelta
from typing import Any, Final

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import SCOPES, Caller, World, faults, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

CHECKER: Final = "service-account-permission-checker"


def _reach(user: Caller) -> str:
    return f"/users/{user.principal.replace('|', '%7C')}/access"


@pytest.fixture
def crew(ada: Caller, grace: Caller) -> str:
    """The id of a group that Grace is in."""
    group_id = str(ada.makes("/organizations/acme/groups", {"name": "Crew"})["group_id"])
    assert ada.put(f"/groups/{group_id}/members/{grace.principal}").status_code == 200
    return group_id


def test_ones_own_reach_is_told_whole(ada: Caller, grace: Caller, crew: str) -> None:
    held = {"user_id": grace.principal, "role_id": "Viewer", "expires_at": "2026-02-01T00:00:00Z"}
    own = ada.makes("/organizations/acme/rbac", held)
    by_group = ada.makes("/resources/one/rbac", {"group_id": crew, "role_id": "Editor"})
    listed = grace.sees(_reach(grace))
    assert listed["next_cursor"] is None
    names = {"organization": "Acme", "resource": "One"}
    permissions = ["Konnektr.KtrlPlane:read", "Konnektr.KtrlPlane:write"]
    assert {one["assignment_id"]: one for one in listed["items"]} == {
        made["assignment_id"]: {
            "assignment_id": made["assignment_id"],
            "scope_type": made["scope_type"],
            "scope_id": made["scope_id"],
            "scope_name": names[made["scope_type"]],
            "role": made["role"],
            "permissions": permissions[: 1 if made is own else 2],
            "group": made["group"],
            "assigned_by": ada.principal,
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": made["expires_at"],
        }
        for made in (own, by_group)
    }
    assert by_group["group"] == {"group_id": crew, "name": "Crew"}


def test_who_manages_access_somewhere_sees_what_others_reach_there(
    world: World, ada: Caller, grace: Caller
) -> None:
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    bob.makes("/organizations/bobs/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    for path in SCOPES.values():
        ada.makes(f"{path}/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    assert len(grace.sees(_reach(grace))["items"]) == 4
    assert set(ids(ada.sees(_reach(grace)), "scope_id")) == {"acme", "plant", "one"}
    assert ids(bob.sees(_reach(grace)), "scope_id") == ["bobs"]
    ada.makes("/projects/plant/rbac", {"user_id": bob.principal, "role_id": "Owner"})
    assert set(ids(bob.sees(_reach(grace)), "scope_id")) == {"bobs", "plant", "one"}


def test_who_manages_access_nowhere_there_learns_nothing(
    world: World, ada: Caller, grace: Caller
) -> None:
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    ada.makes("/organizations/acme/rbac", {"user_id": bob.principal, "role_id": "Editor"})
    told = []
    for user_id in (ada.principal, "auth0|nobody"):
        result = bob.get(f"/users/{user_id}/access")
        assert refusal(result) == (404, "not_found")
        told.append(result.json["detail"].replace(user_id, "ID"))
    assert told[0] == told[1]
    assert refusal(bob.get("/users/%20/access")) == (404, "not_found")


def test_what_has_expired_is_reached_no_more(world: World, ada: Caller, grace: Caller) -> None:
    soon = {"expires_at": "2026-01-01T00:10:00Z"}
    ada.makes("/projects/plant/rbac", {"user_id": grace.principal, "role_id": "Viewer"} | soon)
    assert len(grace.sees(_reach(grace))["items"]) == 1
    world.clock.advance(timedelta(minutes=10))
    assert grace.sees(_reach(grace))["items"] == []
    assert refusal(ada.get(_reach(grace))) == (404, "not_found")


def test_reach_is_walked_by_cursor(ada: Caller, grace: Caller) -> None:
    for path in SCOPES.values():
        ada.makes(f"{path}/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    for caller in (ada, grace):
        first = caller.sees(f"{_reach(grace)}?limit=2&include_total=true")
        second = caller.sees(f"{_reach(grace)}?limit=2&cursor={first['next_cursor']}")
        assert first["total"] == 3
        walked = ids(first, "scope_id") + ids(second, "scope_id")
        assert sorted(walked) == ["acme", "one", "plant"]
        assert second["next_cursor"] is None
        past = caller.sees(f"{_reach(grace)}?offset=3")
        assert past["items"] == []
    assert refusal(ada.get(f"{_reach(grace)}?q=plant")) == (400, "unknown_parameter")
    assert faults(ada.get(f"{_reach(grace)}?limit=201")) == {"/limit": "range"}


def test_a_global_role_is_ones_own_to_see(world: World, ada: Caller) -> None:
    graph = world.machine("graph")
    world.grants(graph, CHECKER, "global")
    (held,) = graph.sees("/users/graph@clients/access")["items"]
    assert (held["scope_type"], held["scope_id"], held["scope_name"]) == ("global", "*", "*")
    assert held["assigned_by"] is None
    assert refusal(ada.get("/users/graph@clients/access")) == (404, "not_found")


# -- checks --------------------------------------------------------------------------------------


def _explained(caller: Caller, **but: Any) -> Any:
    check = {"scope_type": "resource", "scope_id": "one", "action": "read", "explain": True}
    result = caller.post("/permissions/check", {"checks": [check | but]})
    assert result.status_code == 200, result.text
    return result.json["results"][0]


def test_an_explanation_names_the_group(ada: Caller, grace: Caller, crew: str) -> None:
    held = {"group_id": crew, "role_id": "Viewer", "expires_at": "2026-02-01T00:00:00Z"}
    granted = ada.makes("/projects/plant/rbac", held)
    assert _explained(grace) == {
        "allowed": True,
        "via": [
            {
                "assignment_id": granted["assignment_id"],
                "role_id": granted["role_id"],
                "scope_type": "project",
                "scope_id": "plant",
                "group_id": crew,
                "expires_at": "2026-02-01T00:00:00Z",
            }
        ],
    }
    own = ada.makes("/resources/one/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    via = _explained(grace)["via"]
    assert {(one["assignment_id"], one["group_id"]) for one in via} == {
        (granted["assignment_id"], crew),
        (own["assignment_id"], None),
    }
    ada.delete(f"/groups/{crew}/members/{grace.principal}")
    assert [one["assignment_id"] for one in _explained(grace)["via"]] == [own["assignment_id"]]


def test_what_a_group_has_is_held(ada: Caller, grace: Caller, crew: str) -> None:
    ada.makes("/projects/plant/rbac", {"group_id": crew, "role_id": "Editor"})
    held = grace.sees("/permissions/check?scopeType=resource&scopeId=one&action=write")
    assert (held["permissions"], held["allowed"]) == (["read", "write"], True)
    above = grace.sees("/permissions/check?scopeType=organization&scopeId=acme&action=write")
    assert (above["permissions"], above["allowed"]) == ([], False)


def test_a_product_asks_about_members_and_machines(
    world: World, ada: Caller, grace: Caller, crew: str
) -> None:
    graph = world.machine("graph")
    world.grants(graph, CHECKER, "global")
    ada.makes("/organizations/acme/service-accounts", {"client_id": "robot", "name": "Robot"})
    ada.makes("/projects/plant/rbac", {"group_id": crew, "role_id": "Konnektr.Graph.Viewer"})
    ada.put(f"/groups/{crew}/members/robot@clients")
    action = "Konnektr.Graph:models/read"
    for user_id, allowed in (
        (grace.principal, True),
        ("robot@clients", True),
        ("auth0|nobody", False),
    ):
        told = _explained(graph, user_id=user_id, action=action)
        assert told["allowed"] is allowed
        assert [one["group_id"] for one in told["via"]] == [crew] * allowed


def test_a_custom_role_counts_in_checks_until_it_is_taken(ada: Caller, grace: Caller) -> None:
    roles = "/organizations/acme/roles"
    body = {"name": "Modeller", "permissions": ["Konnektr.Graph:models/*"]}
    ada.makes(roles, body)
    ada.makes("/projects/plant/rbac", {"user_id": grace.principal, "role_id": "Modeller"})
    action = "Konnektr.Graph:models/write"
    assert _explained(grace, action=action)["allowed"] is True
    ada.patch(f"{roles}/Modeller", {"permissions": ["Konnektr.Graph:models/read"]})
    assert _explained(grace, action=action) == {"allowed": False, "via": []}
