"""Who one is, and whom one may find."""

from typing import Any

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, ids

pytestmark = on_both_stores


def test_a_user_is_known_by_the_first_call(world: World) -> None:
    assert world.person("ada").sees("/users/me") == {
        "user_id": "auth0|ada",
        "email": "ada@example.com",
        "email_verified": True,
        "name": "Ada",
        "is_service_account": False,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "user": {"id": "auth0|ada", "email": "ada@example.com", "name": "Ada"},
        "organizations": [],
        "organization_count": 0,
        "projects": [],
        "project_count": 0,
        "resource_count": 0,
    }


@pytest.mark.usefixtures("one")
def test_one_sees_at_a_glance_what_is_there(ada: Caller, acme: Any, plant: Any) -> None:
    for number in range(21):
        ada.makes("/projects", {"id": f"p{number}", "name": "P"})
    me = ada.sees("/users/me")
    assert (me["organizations"], me["organization_count"]) == ([acme], 1)
    assert (len(me["projects"]), me["project_count"]) == (20, 22)
    assert me["resource_count"] == 1


@pytest.mark.usefixtures("acme")
def test_others_are_found_where_something_is_shared(
    world: World, ada: Caller, grace: Caller
) -> None:
    assert ada.sees("/users/search?q=grace")["items"] == []
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    found = {"id": grace.principal, "email": "grace@example.com", "name": "Grace"}
    for query in ("grace", "GRA", "grace@example", "ace"):
        assert ada.sees(f"/users/search?q={query}") == {"items": [found], "next_cursor": None}
    assert ids(grace.sees("/users/search?q=ada"), "id") == [ada.principal]
    stranger = world.person("stranger")
    assert stranger.sees("/users/search?q=grace")["items"] == []


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("text", ["%%%", "___", "g%e", "gr_ce", "\\\\\\", "*.*", "'--"])
def test_a_search_has_no_wildcards(ada: Caller, grace: Caller, text: str) -> None:
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    query = "q=" + "".join(f"%{byte:02x}" for byte in text.encode())
    assert ada.sees("/users/search", query=query)["items"] == []


@pytest.mark.usefixtures("acme")
def test_at_most_ten_are_found_by_name(world: World, ada: Caller) -> None:
    for number in range(12):
        one = world.person(f"twin{number:02}")
        one.sees("/users/me")
        ada.makes("/organizations/acme/rbac", {"user_id": one.principal, "role_id": "Viewer"})
    found = ada.sees("/users/search?q=twin")
    assert ids(found, "id") == [f"auth0|twin{number:02}" for number in range(10)]


@pytest.mark.parametrize("text", ["", "a", "ab", "%20%20"])
def test_a_search_needs_three_characters(ada: Caller, text: str) -> None:
    assert faults(ada.get(f"/users/search?q={text}")) == {"/q": "min_length"}
