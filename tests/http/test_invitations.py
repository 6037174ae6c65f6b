"""Invitations on each kind of scope: what whoever sends them sees and does."""

from datetime import timedelta
from typing import Any, Final

import pytest
from falcon.testing import Result

from tests.http.marks import on_both_stores
from tests.http.world import SCOPES, Caller, World, faults, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

NEW: Final = "new@example.com"
LATER: Final = "2026-03-01T00:00:00Z"
WEEK: Final = timedelta(days=7)


@pytest.fixture(params=SCOPES)
def scope(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(scope: str) -> str:
    return SCOPES[scope]


@pytest.fixture
def served(world: World) -> World:
    """Where people find it at an address of its own."""
    return world.with_edge(public_url="https://control.example.com")


def _invite(caller: Caller, path: str, email: str = NEW, role: str = "Viewer", **but: Any) -> Any:
    return caller.makes(f"{path}/rbac", {"email": email, "role_id": role} | but)


def _signed_in(world: World, name: str, **but: Any) -> Caller:
    """With a token of now: some tests take longer than the first ones last."""
    caller = world.person(name, **but)
    caller.sees("/users/me")
    return caller


def test_an_invitation_is_answered_whole(served: World, scope: str, path: str) -> None:
    ada = served.person("ada")
    body = {"email": "New@Example.com", "role_id": "Editor", "expires_at": LATER}
    result = ada.post(f"{path}/rbac", body)
    made = result.json
    assert result.status_code == 201
    assert made == {
        "invitation_id": made["invitation_id"],
        "status": "invited",
        "email": "New@Example.com",
        "role_id": "10000000-0001-0000-0000-000000000002",
        "scope_type": scope,
        "scope_id": path.rpartition("/")[2],
        "scope_name": {"organization": "Acme", "project": "Plant", "resource": "One"}[scope],
        "invited_by": ada.principal,
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-08T00:00:00Z",
        "role_expires_at": LATER,
        "sent_at": None,
        "mail": "due",
        "link": f"https://control.example.com/invitations/{made['invitation_id']}",
        "inviter": {"id": ada.principal, "email": "ada@example.com", "name": "Ada"},
        "role": {
            "role_id": "10000000-0001-0000-0000-000000000002",
            "name": "Editor",
            "display_name": "Editor",
        },
    }
    assert made["invitation_id"].startswith("inv_")
    one = f"{path}/invitations/{made['invitation_id']}"
    assert result.headers["location"] == f"/api/v1{one}"
    assert ada.sees(one) == made
    assert ada.get(one).headers["etag"] == result.headers["etag"]
    assert ada.sees(f"{path}/invitations") == {"items": [made], "next_cursor": None}


def test_an_invitation_is_no_assignment(ada: Caller, path: str) -> None:
    before = ada.sees(f"{path}/rbac")
    made = _invite(ada, path)
    assert ada.sees(f"{path}/rbac") == before
    assert refusal(ada.get(f"{path}/rbac/{made['invitation_id']}")) == (404, "not_found")


def test_the_same_invitation_twice_is_refused(world: World, ada: Caller, path: str) -> None:
    _invite(ada, path)
    for email in (NEW, NEW.upper()):
        result = ada.post(f"{path}/rbac", {"email": email, "role_id": "Viewer"})
        assert refusal(result) == (409, "already_exists")
    _invite(ada, path, role="Editor")
    world.clock.advance(WEEK)
    again = _invite(_signed_in(world, "ada"), path, NEW.upper())
    assert again["email"] == NEW.upper()


def test_a_link_leads_to_a_page_that_tells_nobody_anything(world: World, ada: Caller) -> None:
    made = _invite(ada, "/projects/plant")
    assert made["link"].endswith(f"/invitations/{made['invitation_id']}")
    pages = [
        world.client.simulate_get(f"/invitations/{number}")
        for number in (made["invitation_id"], "inv_0", "%3Cscript%3E")
    ]
    assert {page.status_code for page in pages} == {200}
    assert len({page.text for page in pages}) == 1
    assert pages[0].headers["content-type"] == "text/html; charset=utf-8"
    assert "Sign in" in pages[0].text
    assert NEW not in pages[0].text


# -- sending again, revoking, expiring -----------------------------------------------------------


def test_an_invitation_is_sent_again_for_the_whole_time_again(
    world: World, ada: Caller, path: str
) -> None:
    one = f"{path}/invitations/{_invite(ada, path)['invitation_id']}"
    world.clock.advance(WEEK - timedelta(minutes=1))
    ada = _signed_in(world, "ada")
    tag = ada.get(one).headers["etag"]
    result = ada.post(f"{one}/resend", headers={"If-Match": tag})
    assert (result.status_code, result.json["expires_at"]) == (200, "2026-01-14T23:59:00Z")
    assert result.json["created_at"] == "2026-01-01T00:00:00Z"
    assert result.headers["etag"] == ada.get(one).headers["etag"] != tag
    stale = {"If-Match": tag}
    assert refusal(ada.post(f"{one}/resend", headers=stale)) == (412, "precondition_failed")
    assert refusal(ada.delete(one, headers=stale)) == (412, "precondition_failed")


def test_an_expired_invitation_is_shown_as_such_and_can_be_sent_again(
    world: World, ada: Caller, path: str
) -> None:
    one = f"{path}/invitations/{_invite(ada, path)['invitation_id']}"
    world.clock.advance(WEEK)
    ada = _signed_in(world, "ada")
    assert ada.sees(one)["status"] == "expired"
    assert [shown["status"] for shown in ada.sees(f"{path}/invitations")["items"]] == ["expired"]
    _signed_in(world, "new")
    assert refusal(world.person("new").get(path)) == (404, "not_found")
    assert ada.post(f"{one}/resend").json["status"] == "invited"
    world.clock.advance(timedelta(minutes=1))  # another token, which is looked at anew
    assert world.person("new").get(path).status_code == 200


def test_what_would_give_nothing_any_more_cannot_be_sent_again(
    world: World, ada: Caller, path: str
) -> None:
    made = _invite(ada, path, expires_at="2026-01-01T00:30:00Z")
    world.clock.advance(timedelta(minutes=30))
    one = f"{path}/invitations/{made['invitation_id']}"
    assert ada.sees(one)["status"] == "expired"
    assert refusal(ada.post(f"{one}/resend")) == (409, "conflict")
    assert ada.delete(one).status_code == 204


def test_whoever_sends_it_again_is_who_invites(world: World, ada: Caller, path: str) -> None:
    bob = _signed_in(world, "bob")
    ada.makes("/organizations/acme/rbac", {"user_id": bob.principal, "role_id": "Owner"})
    made = _invite(bob, path)
    again = ada.post(f"{path}/invitations/{made['invitation_id']}/resend").json
    assert (made["invited_by"], again["invited_by"]) == (bob.principal, ada.principal)
    assert again["inviter"]["name"] == "Ada"


def test_the_same_key_sends_it_again_once(world: World, ada: Caller, path: str) -> None:
    resend = f"{path}/invitations/{_invite(ada, path)['invitation_id']}/resend"
    key = {"Idempotency-Key": "once"}
    first = ada.post(resend, headers=key)
    world.clock.advance(timedelta(minutes=1))
    second = ada.post(resend, headers=key)
    assert (first.status_code, second.content) == (200, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    third = ada.post(resend, headers={"Idempotency-Key": "twice"})
    assert third.json["expires_at"] != first.json["expires_at"]


def test_a_revoked_invitation_is_over(world: World, ada: Caller, path: str) -> None:
    one = f"{path}/invitations/{_invite(ada, path)['invitation_id']}"
    result = ada.delete(one)
    assert (result.status_code, result.content) == (204, b"")
    for again in (ada.get(one), ada.delete(one), ada.post(f"{one}/resend")):
        assert refusal(again) == (404, "not_found")
    assert refusal(_signed_in(world, "new").get(path)) == (404, "not_found")


def test_an_invitation_is_changed_in_no_other_way(ada: Caller, path: str) -> None:
    one = f"{path}/invitations/{_invite(ada, path)['invitation_id']}"
    for result in (
        ada.patch(one, {"role_id": "Owner"}),
        ada.put(one, {"role_id": "Owner"}),
        ada.post(f"{path}/invitations", {"email": NEW, "role_id": "Viewer"}),
    ):
        assert refusal(result) == (405, "method_not_allowed")


def test_invitations_are_walked_by_cursor(world: World, ada: Caller, path: str) -> None:
    for number in range(3):
        _invite(ada, path, f"new{number}@example.com")
        world.clock.advance(timedelta(seconds=1))
    first = ada.sees(f"{path}/invitations?limit=2&include_total=true")
    second = ada.sees(f"{path}/invitations?limit=2&cursor={first['next_cursor']}")
    assert first["total"] == 3
    assert ids(first, "email") + ids(second, "email") == [
        f"new{number}@example.com" for number in (2, 1, 0)
    ]
    assert second["next_cursor"] is None


# -- who may, and where --------------------------------------------------------------------------


def _everything(caller: Caller, one: str) -> list[Result]:
    many = one.rpartition("/")[0]
    asked = (("GET", many), ("GET", one), ("DELETE", one), ("POST", f"{one}/resend"))
    return [caller.ask(method, address) for method, address in asked]


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Billing Manager"])
def test_without_manage_access_nobody_sees_who_is_invited(
    ada: Caller, grace: Caller, path: str, role: str
) -> None:
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": role})
    one = f"{path}/invitations/{_invite(ada, path)['invitation_id']}"
    for result in _everything(grace, one):
        assert refusal(result) == (403, "forbidden")
        assert NEW not in result.text


def test_to_a_stranger_there_are_none(ada: Caller, grace: Caller, path: str) -> None:
    one = f"{path}/invitations/{_invite(ada, path)['invitation_id']}"
    for result in _everything(grace, one):
        assert refusal(result) == (404, "not_found")


def test_an_invitation_elsewhere_looks_like_one_that_is_nowhere(
    world: World, ada: Caller, path: str
) -> None:
    """In another organization, and on another scope of the same."""
    bob = _signed_in(world, "bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    foreign = _invite(bob, "/organizations/bobs")["invitation_id"]
    others = [_invite(ada, there)["invitation_id"] for there in SCOPES.values() if there != path]
    nowhere = "inv_" + "0" * 32
    for rest, method in (("", "GET"), ("", "DELETE"), ("/resend", "POST")):
        told = set()
        for number in (foreign, *others, nowhere):
            result = ada.ask(method, f"{path}/invitations/{number}{rest}")
            assert refusal(result) == (404, "not_found")
            told.add(result.json["detail"].replace(number, "ID"))
        assert len(told) == 1
    for number in ("x", "x" * 300, "%20", "%00"):
        assert refusal(ada.get(f"{path}/invitations/{number}")) == (404, "not_found")


def test_nobody_invites_to_more_than_they_hold(world: World, ada: Caller, path: str) -> None:
    bob = _signed_in(world, "bob")
    permissions = ["read", "manage_access"]
    ada.makes("/organizations/acme/roles", {"name": "Manager", "permissions": permissions})
    ada.makes(f"{path}/rbac", {"user_id": bob.principal, "role_id": "Manager"})
    for role in ("Editor", "Owner"):
        result = bob.post(f"{path}/rbac", {"email": NEW, "role_id": role})
        assert refusal(result) == (403, "forbidden")
    made = _invite(bob, path, role="Viewer")
    assert bob.post(f"{path}/invitations/{made['invitation_id']}/resend").status_code == 200
    owner = _invite(ada, path, role="Owner")
    one = f"{path}/invitations/{owner['invitation_id']}"
    assert refusal(bob.post(f"{one}/resend")) == (403, "forbidden")
    assert bob.delete(one).status_code == 204


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"email": "x", "role_id": "Viewer"}, {"/email": "invalid"}),
        ({"email": "@example.com", "role_id": "Viewer"}, {"/email": "invalid"}),
        ({"email": "a@b\nBcc: c@d", "role_id": "Viewer"}, {"/email": "invalid"}),
        ({"email": "a@" + "b" * 253, "role_id": "Viewer"}, {"/email": "invalid"}),
        (
            {"email": "x", "role_id": "Nothing", "expires_at": "2025-01-01T00:00:00Z", "cc": []},
            {
                "/email": "invalid",
                "/role_id": "unknown_role",
                "/expires_at": "in_the_past",
                "/cc": "unknown_field",
            },
        ),
        (
            {"email": NEW, "role_id": "service-account-meter"},
            {"/role_id": "unknown_role"},
        ),
        (
            {"email": NEW, "group_id": "grp_1", "role_id": "Viewer"},
            {"/user_id": "one_of"},
        ),
    ],
)
def test_all_that_is_wrong_with_an_invitation_is_told(
    ada: Caller, body: dict[str, Any], told: dict[str, str]
) -> None:
    assert faults(ada.post("/projects/plant/rbac", body)) == told
