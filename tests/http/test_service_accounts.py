"""Machines that an organization works with, named with or without @clients."""

from typing import Any, Final

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

ACCOUNTS: Final = "/organizations/acme/service-accounts"
ROBOT: Final = {"client_id": "robot", "name": "Robot"}


@pytest.mark.parametrize("client_id", ["robot", "robot@clients"])
def test_an_account_goes_by_its_client_with_and_without_the_ending(
    ada: Caller, client_id: str
) -> None:
    result = ada.post(ACCOUNTS, {"client_id": client_id, "name": "Robot"})
    made = result.json
    assert made == {
        "org_id": "acme",
        "client_id": "robot",
        "user_id": "robot@clients",
        "name": "Robot",
        "created_by": ada.principal,
        "created_at": "2026-01-01T00:00:00Z",
    }
    assert result.headers["location"] == f"/api/v1{ACCOUNTS}/robot"
    for named in ("robot", "robot@clients", "robot%40clients"):
        assert ada.sees(f"{ACCOUNTS}/{named}") == made
        assert ada.get(f"{ACCOUNTS}/{named}").headers["etag"] == result.headers["etag"]
    assert ada.sees(ACCOUNTS) == {"items": [made], "next_cursor": None}
    for again in ("robot", "robot@clients"):
        body = {"client_id": again, "name": "Again"}
        assert refusal(ada.post(ACCOUNTS, body)) == (409, "already_exists")
    assert ada.delete(f"{ACCOUNTS}/{client_id}").status_code == 204
    assert refusal(ada.get(f"{ACCOUNTS}/robot")) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, {"/client_id": "required", "/name": "required"}),
        ({"client_id": "", "name": "R"}, {"/client_id": "invalid"}),
        ({"client_id": "@clients", "name": "R"}, {"/client_id": "invalid"}),
        ({"client_id": "a b", "name": "R"}, {"/client_id": "invalid"}),
        ({"client_id": "x" * 248, "name": "R"}, {"/client_id": "invalid"}),
        (
            {"client_id": 1, "name": "", "secret": "s"},
            {"/client_id": "type", "/name": "invalid", "/secret": "unknown_field"},
        ),
    ],
)
def test_all_that_is_wrong_with_an_account_is_told(
    ada: Caller, body: dict[str, Any], told: dict[str, str]
) -> None:
    assert faults(ada.post(ACCOUNTS, body)) == told


def test_the_location_of_an_odd_client_leads_to_it(ada: Caller) -> None:
    result = ada.post(ACCOUNTS, {"client_id": "a/b|c%20?#", "name": "Odd"})
    location = str(result.headers["location"])
    assert location == f"/api/v1{ACCOUNTS}/a%2Fb%7Cc%2520%3F%23"
    there = location.removeprefix("/api/v1")
    assert ada.sees(there)["name"] == "Odd"
    assert ada.delete(there).status_code == 204


def test_the_same_key_makes_one_account(ada: Caller) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (ada.post(ACCOUNTS, ROBOT, headers=key) for _ in "ab")
    assert (first.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"


def test_an_account_is_granted_roles_before_it_has_called(world: World, ada: Caller) -> None:
    grant = {"user_id": "robot@clients", "role_id": "Editor"}
    assert faults(ada.post("/projects/plant/rbac", grant)) == {"/user_id": "unknown_user"}
    ada.makes(ACCOUNTS, ROBOT)
    robot = world.machine("robot")
    assert refusal(robot.get("/projects/plant")) == (404, "not_found")
    granted = ada.makes("/projects/plant/rbac", grant)
    assert granted["user"] == {"id": "robot@clients", "email": None, "name": None}
    assert robot.patch("/resources/one", {"name": "New"}).status_code == 200


def test_to_be_registered_gives_nothing(world: World, ada: Caller) -> None:
    ada.makes(ACCOUNTS, ROBOT)
    robot = world.machine("robot")
    for path in ("/organizations/acme", "/projects/plant", "/resources/one", ACCOUNTS):
        assert refusal(robot.get(path)) == (404, "not_found")


def test_who_is_taken_out_loses_every_role_there(world: World, ada: Caller) -> None:
    ada.makes(ACCOUNTS, ROBOT)
    group = ada.makes("/organizations/acme/groups", {"name": "Crew"})["group_id"]
    assert ada.put(f"/groups/{group}/members/robot@clients").status_code == 200
    ada.makes("/organizations/acme/rbac", {"group_id": group, "role_id": "Viewer"})
    for path in ("/projects/plant", "/resources/one"):
        ada.makes(f"{path}/rbac", {"user_id": "robot@clients", "role_id": "Viewer"})
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    ada.makes("/organizations/other/rbac", {"user_id": "robot@clients", "role_id": "Viewer"})
    robot = world.machine("robot")
    tag = ada.get(f"{ACCOUNTS}/robot").headers["etag"]
    stale = {"If-Match": '"stale"'}
    assert refusal(ada.delete(f"{ACCOUNTS}/robot", headers=stale)) == (412, "precondition_failed")
    result = ada.delete(f"{ACCOUNTS}/robot", headers={"If-Match": tag})
    assert (result.status_code, result.content) == (204, b"")
    for path in ("/organizations/acme", "/projects/plant", "/resources/one"):
        assert refusal(robot.get(path)) == (404, "not_found")
    assert robot.sees("/organizations/other")["org_id"] == "other"
    assert ada.sees(f"/groups/{group}/members")["items"] == []


def test_several_organizations_work_with_one_client(world: World, ada: Caller) -> None:
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    ada.makes(ACCOUNTS, ROBOT)
    theirs = "/organizations/bobs/service-accounts"
    assert refusal(bob.get(f"{theirs}/robot")) == (404, "not_found")
    assert bob.makes(theirs, ROBOT | {"name": "Ours"})["name"] == "Ours"
    assert bob.delete(f"{theirs}/robot").status_code == 204
    assert ada.sees(f"{ACCOUNTS}/robot")["name"] == "Robot"


def test_an_account_elsewhere_looks_like_one_that_is_nowhere(world: World, ada: Caller) -> None:
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    ada.makes(ACCOUNTS, ROBOT)
    for form in ("/organizations/bobs/service-accounts/%s", f"{ACCOUNTS}/%s"):
        for method in ("GET", "DELETE"):
            told = []
            for client_id in ("robot", "nothing"):
                result = bob.ask(method, form % client_id)
                assert refusal(result) == (404, "not_found")
                told.append(result.json["detail"].replace(client_id, "ID"))
            assert told[0] == told[1]


def test_accounts_are_walked_by_cursor(ada: Caller) -> None:
    for number in range(3):
        ada.makes(ACCOUNTS, {"client_id": f"c{number}", "name": "Same"})
    first = ada.sees(f"{ACCOUNTS}?limit=2&include_total=true")
    second = ada.sees(f"{ACCOUNTS}?limit=2&cursor={first['next_cursor']}")
    assert first["total"] == 3
    assert sorted(ids(first, "client_id") + ids(second, "client_id")) == ["c0", "c1", "c2"]
    assert second["next_cursor"] is None
    other = ada.get(f"/organizations/acme/groups?cursor={first['next_cursor']}")
    assert faults(other) == {"/cursor": "cursor"}


@pytest.mark.parametrize("client_id", ["%00", "a%20b", "@clients", "x" * 300])
def test_what_is_no_client_is_not_found(ada: Caller, client_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert refusal(ada.ask(method, f"{ACCOUNTS}/{client_id}")) == (404, "not_found")
