"""Groups of an organization, at both of their addresses."""

from datetime import timedelta
from typing import Any, Final

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import NOTHING, Caller, World, faults, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

GROUPS: Final = "/organizations/acme/groups"
KEY: Final = {"Idempotency-Key": "once"}


@pytest.fixture
def crew(ada: Caller) -> str:
    """The id of a group."""
    made = ada.makes(GROUPS, {"name": "Crew"})
    return str(made["group_id"])


@pytest.fixture(params=["nested", "alone"])
def path(request: pytest.FixtureRequest, crew: str) -> str:
    return f"{GROUPS}/{crew}" if request.param == "nested" else f"/groups/{crew}"


@pytest.fixture
def elsewhere(ada: Caller) -> str:
    """A group of another organization of hers."""
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    return str(ada.makes("/organizations/other/groups", {"name": "Crew"})["group_id"])


def test_a_group_is_answered_whole(ada: Caller) -> None:
    result = ada.post(GROUPS, {"name": "Crew", "description": "Who sail.\nAll of them."})
    made = result.json
    assert made == {
        "group_id": made["group_id"],
        "org_id": "acme",
        "name": "Crew",
        "description": "Who sail.\nAll of them.",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    assert made["group_id"].startswith("grp_")
    assert result.headers["location"] == f"/api/v1{GROUPS}/{made['group_id']}"
    for address in (f"{GROUPS}/{made['group_id']}", f"/groups/{made['group_id']}"):
        assert ada.sees(address) == made
        assert ada.get(address).headers["etag"] == result.headers["etag"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, {"/name": "required"}),
        ({"name": ""}, {"/name": "invalid"}),
        ({"name": " Crew"}, {"/name": "invalid"}),
        ({"name": 1, "description": []}, {"/name": "type", "/description": "type"}),
        ({"name": "Crew", "description": "x" * 1001}, {"/description": "invalid"}),
        (
            {"name": "a\u0007", "description": "\u0000", "member": "auth0|grace"},
            {"/name": "invalid", "/description": "nul", "/member": "unknown_field"},
        ),
    ],
)
def test_all_that_is_wrong_with_a_group_is_told(
    ada: Caller, body: dict[str, Any], told: dict[str, str]
) -> None:
    assert faults(ada.post(GROUPS, body)) == told


def test_a_name_is_taken_in_its_organization_alone(ada: Caller, crew: str, elsewhere: str) -> None:
    for name in ("Crew", "CREW"):
        assert refusal(ada.post(GROUPS, {"name": name})) == (409, "already_exists")
    watch = ada.makes(GROUPS, {"name": "Watch"})["group_id"]
    assert refusal(ada.patch(f"/groups/{watch}", {"name": "crew"})) == (409, "already_exists")
    assert ada.patch(f"/groups/{crew}", {"name": "crew"}).json["name"] == "crew"
    assert elsewhere != crew


def test_the_same_key_makes_one_group(ada: Caller) -> None:
    first, second = (ada.post(GROUPS, {"name": "Crew"}, headers=KEY) for _ in "ab")
    assert (first.status_code, second.content) == (201, first.content)
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    other = ada.post(GROUPS, {"name": "Watch"}, headers=KEY)
    assert refusal(other) == (422, "idempotency_key_reused")


def test_a_group_is_changed_at_both_addresses(world: World, ada: Caller, path: str) -> None:
    before = ada.get(path)
    changed = ada.patch(
        path, {"description": "New."}, headers={"If-Match": before.headers["etag"]}
    )
    assert changed.json["description"] == "New."
    assert changed.json["name"] == "Crew"
    assert changed.headers["etag"] == ada.get(path).headers["etag"] != before.headers["etag"]
    stale = {"If-Match": before.headers["etag"]}
    assert refusal(ada.patch(path, {"name": "Old"}, headers=stale)) == (412, "precondition_failed")
    assert refusal(ada.delete(path, headers=stale)) == (412, "precondition_failed")
    assert faults(ada.patch(path, {"name": "", "org_id": "other"})) == {
        "/name": "invalid",
        "/org_id": "unknown_field",
    }
    assert ada.patch(path, {"description": ""}).json["description"] == ""


def test_a_group_ends_with_all_that_it_had(ada: Caller, grace: Caller, path: str) -> None:
    group_id = path.rpartition("/")[2]
    ada.put(f"{path}/members/{grace.principal}")
    held = ada.makes("/projects/plant/rbac", {"group_id": group_id, "role_id": "Editor"})
    assert grace.get("/resources/one").status_code == 200
    result = ada.delete(path)
    assert (result.status_code, result.content) == (204, b"")
    assert refusal(ada.get(path)) == (404, "not_found")
    assert refusal(ada.delete(path)) == (404, "not_found")
    assert refusal(grace.get("/resources/one")) == (404, "not_found")
    assert held["assignment_id"] not in ids(ada.sees("/projects/plant/rbac"), "assignment_id")


# -- lists -------------------------------------------------------------------------------------


def test_groups_are_walked_by_cursor(ada: Caller) -> None:
    made = {ada.makes(GROUPS, {"name": f"G{number}"})["group_id"] for number in range(5)}
    address = f"{GROUPS}?limit=2&include_total=true"
    pages = [ada.sees(address)]
    while pages[-1]["next_cursor"]:
        pages.append(ada.sees(f"{address}&cursor={pages[-1]['next_cursor']}"))
    assert [(len(page["items"]), page["total"]) for page in pages] == [(2, 5), (2, 5), (1, 5)]
    assert {group_id for page in pages for group_id in ids(page, "group_id")} == made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=name", ["50%", "a_b", "back\\slash", "Crew"]),
        ("sort=-name", ["Crew", "back\\slash", "a_b", "50%"]),
        ("sort=created_at", ["Crew", "50%", "a_b", "back\\slash"]),
        ("q=CRE", ["Crew"]),
        ("q=%25", ["50%"]),
        ("q=_b", ["a_b"]),
        ("q=a_b", ["a_b"]),
        ("q=c_e", []),
        ("q=%5C", ["back\\slash"]),
        ("q=C%25w", []),
    ],
)
def test_groups_are_sorted_and_searched_literally(
    world: World, ada: Caller, query: str, names: list[str]
) -> None:
    for name in ("Crew", "50%", "a_b", "back\\slash"):
        ada.makes(GROUPS, {"name": name})
        world.clock.advance(timedelta(seconds=1))
    assert ids(ada.sees(f"{GROUPS}?{query}"), "name") == names


def test_lists_take_what_they_know(ada: Caller, path: str) -> None:
    for address in (f"{GROUPS}?nmae=Crew", f"{path}/members?q=grace", f"{path}?limit=1"):
        assert refusal(ada.get(address)) == (400, "unknown_parameter")
    result = ada.get(f"{GROUPS}?limit=0&sort=age&offset=-1")
    assert set(faults(result)) == {"/limit", "/sort", "/offset"}


# -- members -----------------------------------------------------------------------------------


def test_a_member_is_told_with_who_let_them_in(
    world: World, ada: Caller, grace: Caller, path: str
) -> None:
    one = f"{path}/members/{grace.principal}"
    assert refusal(ada.get(one)) == (404, "not_found")
    result = ada.put(one)
    assert result.status_code == 200
    assert result.json == {
        "group_id": path.rpartition("/")[2],
        "user_id": grace.principal,
        "added_by": ada.principal,
        "added_at": "2026-01-01T00:00:00Z",
        "user": {"id": grace.principal, "email": "grace@example.com", "name": "Grace"},
    }
    assert ada.sees(one) == ada.put(one).json == result.json
    assert ada.sees(f"{path}/members") == {"items": [result.json], "next_cursor": None}


def test_who_leaves_loses_what_the_group_has(ada: Caller, grace: Caller, path: str) -> None:
    one, group_id = f"{path}/members/{grace.principal}", path.rpartition("/")[2]
    ada.makes("/resources/one/rbac", {"group_id": group_id, "role_id": "Viewer"})
    ada.put(one)
    assert grace.get("/resources/one").status_code == 200
    result = ada.delete(one)
    assert (result.status_code, result.content) == (204, b"")
    assert refusal(grace.get("/resources/one")) == (404, "not_found")
    for again in (ada.get(one), ada.delete(one)):
        assert refusal(again) == (404, "not_found")


def test_members_are_walked_by_cursor(world: World, ada: Caller, path: str) -> None:
    for number in range(3):
        one = world.person(f"m{number}")
        one.sees("/users/me")
        ada.put(f"{path}/members/{one.principal}")
    first = ada.sees(f"{path}/members?limit=2")
    second = ada.sees(f"{path}/members?limit=2&cursor={first['next_cursor']}")
    assert sorted(ids(first, "user_id") + ids(second, "user_id")) == [
        f"auth0|m{number}" for number in range(3)
    ]
    assert second["next_cursor"] is None


def test_who_has_not_signed_in_is_no_member(ada: Caller, path: str) -> None:
    for user_id in ("auth0|nobody", "%20", "x" * 256, "grp_1"):
        assert refusal(ada.put(f"{path}/members/{user_id}")) == (404, "not_found")


def test_an_odd_user_can_be_a_member(world: World, ada: Caller, path: str) -> None:
    odd = world.person("a/b/c")
    odd.sees("/users/me")
    one = f"{path}/members/auth0|a%2Fb%2Fc"
    assert ada.put(one).json["user_id"] == ada.sees(one)["user_id"] == odd.principal
    assert ada.delete(one).status_code == 204


def test_a_service_account_can_be_a_member(world: World, ada: Caller, path: str) -> None:
    ada.makes("/organizations/acme/service-accounts", {"client_id": "robot", "name": "Robot"})
    ada.makes("/projects/plant/rbac", {"group_id": path.rpartition("/")[2], "role_id": "Viewer"})
    assert ada.put(f"{path}/members/robot@clients").status_code == 200
    assert world.machine("robot").sees("/projects/plant")["project_id"] == "plant"


# -- others ------------------------------------------------------------------------------------


def test_a_group_elsewhere_looks_like_one_that_is_nowhere(
    world: World, ada: Caller, elsewhere: str
) -> None:
    """To who manages access in one organization, and to a stranger."""
    bob = world.person("bob")
    bob.sees("/users/me")
    ada.makes("/organizations/acme/rbac", {"user_id": bob.principal, "role_id": "Owner"})
    nowhere = "grp_" + "0" * 32
    for caller in (bob, world.person("stranger")):
        for form in (f"{GROUPS}/%s", "/groups/%s"):
            for method, rest, body in (
                ("GET", "", NOTHING),
                ("PATCH", "", {"name": "Mine"}),
                ("DELETE", "", NOTHING),
                ("GET", "/members", NOTHING),
                ("GET", "/members/auth0|ada", NOTHING),
                ("PUT", "/members/auth0|bob", NOTHING),
                ("DELETE", "/members/auth0|ada", NOTHING),
            ):
                told = []
                for group_id in (elsewhere, nowhere):
                    result = caller.ask(method, form % group_id + rest, body)
                    assert refusal(result) == (404, "not_found"), (method, rest)
                    told.append(result.json["detail"].replace(group_id, "ID"))
                assert told[0] == told[1]


def test_a_group_is_granted_nothing_elsewhere(ada: Caller, crew: str, elsewhere: str) -> None:
    for group_id, path in ((elsewhere, "/projects/plant"), (crew, "/organizations/other")):
        result = ada.post(f"{path}/rbac", {"group_id": group_id, "role_id": "Viewer"})
        assert faults(result) == {"/group_id": "unknown_group"}


def test_a_grant_to_a_group_is_told_with_the_group(ada: Caller, crew: str) -> None:
    made = ada.makes("/projects/plant/rbac", {"group_id": crew, "role_id": "Viewer"})
    assert (made["principal_type"], made["group_id"]) == ("group", crew)
    assert (made["user_id"], made["user"]) == (None, None)
    assert made["group"] == {"group_id": crew, "name": "Crew"}
    again = ada.post("/projects/plant/rbac", {"group_id": crew, "role_id": "Viewer"})
    assert refusal(again) == (409, "already_exists")
