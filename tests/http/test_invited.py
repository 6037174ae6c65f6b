"""Letting in who was invited: by the first request of theirs that proves the address."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from falcon.testing import Result

from ktrlplane.entrypoints.http.authentication import Recognition
from ktrlplane.entrypoints.recognition import AT_ONCE
from ktrlplane.entrypoints.transactions import Transact
from tests.http.marks import on_both_stores
from tests.http.world import SCOPES, Caller, World, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

NEW: Final = "new@example.com"


def _invite(caller: Caller, path: str, email: str = NEW, role: str = "Viewer", **but: Any) -> Any:
    return caller.makes(f"{path}/rbac", {"email": email, "role_id": role} | but)


@pytest.mark.parametrize("path", SCOPES.values())
def test_the_very_first_request_sees_what_one_was_invited_to(
    world: World, ada: Caller, path: str
) -> None:
    invited = _invite(ada, path)
    new = world.person("new")
    assert new.get(path).status_code == 200
    assert refusal(ada.get(f"{path}/invitations/{invited['invitation_id']}")) == (404, "not_found")
    (held,) = [one for one in ada.sees(f"{path}/rbac")["items"] if one["user_id"] == new.principal]
    assert held["assigned_by"] == ada.principal
    assert held["role"]["name"] == "Viewer"
    assert held["expires_at"] is None


FIRST: Final[dict[str, Callable[[Caller, World], Result]]] = {
    "GET": lambda new, _: new.get("/resources/one"),
    "GET of a list": lambda new, _: new.get("/projects?org_id=acme"),
    "POST": lambda new, world: new.post("/projects/plant/resources", world.wish("two")),
    "POST of checks": lambda new, _: new.post(
        "/permissions/check",
        {"checks": [{"scope_type": "project", "scope_id": "plant", "action": "write"}]},
    ),
    "PATCH": lambda new, _: new.patch("/resources/one", {"name": "New"}),
    "DELETE": lambda new, _: new.delete("/resources/one"),
}


@pytest.mark.parametrize("first", FIRST)
def test_whatever_the_very_first_request_is(world: World, ada: Caller, first: str) -> None:
    _invite(ada, "/organizations/acme", role="Owner")
    result = FIRST[first](world.person("new"), world)
    assert result.status_code < 300, result.text
    if first == "GET of a list":
        assert ids(result.json, "project_id") == ["plant"]
    if first == "POST of checks":
        assert result.json["results"][0]["allowed"] is True


def test_a_rehearsal_accepts_nothing(world: World, ada: Caller) -> None:
    invited = _invite(ada, "/projects/plant", role="Editor")
    new = world.person("new")
    rehearsed = new.patch("/resources/one?validate_only=true", {"name": "New"})
    assert refusal(rehearsed) == (404, "not_found")
    one = f"/projects/plant/invitations/{invited['invitation_id']}"
    assert ada.sees(one)["status"] == "invited"
    assert new.patch("/resources/one", {"name": "New"}).status_code == 200


@pytest.mark.parametrize("email", ["NEW@EXAMPLE.COM", "New@Example.Com", "new@example.com"])
def test_case_does_not_count_in_an_address(world: World, ada: Caller, email: str) -> None:
    _invite(ada, "/projects/plant", "nEw@eXample.com")
    assert world.person("new", email=email).get("/projects/plant").status_code == 200


@pytest.mark.parametrize(
    "email", ["new+1@example.com", "n.ew@example.com", "new@example.com.evil.example", "n%w@x.y"]
)
def test_another_address_is_another_persons(world: World, ada: Caller, email: str) -> None:
    _invite(ada, "/projects/plant")
    assert refusal(world.person("new", email=email).get("/projects/plant")) == (404, "not_found")


def test_an_address_that_is_not_verified_proves_nothing(world: World, ada: Caller) -> None:
    invited = _invite(ada, "/projects/plant")
    mallory = world.person("mallory", email=NEW, email_verified=False)
    assert refusal(mallory.get("/projects/plant")) == (404, "not_found")
    one = f"/projects/plant/invitations/{invited['invitation_id']}"
    assert ada.sees(one)["status"] == "invited"
    assert world.person("new").get("/projects/plant").status_code == 200
    assert refusal(mallory.get("/projects/plant")) == (404, "not_found")


def test_who_proves_the_address_later_is_let_in_then(world: World, ada: Caller) -> None:
    _invite(ada, "/projects/plant")
    before = world.person("new", email_verified=False)
    assert refusal(before.get("/projects/plant")) == (404, "not_found")
    world.clock.advance(timedelta(seconds=1))
    assert world.person("new").get("/projects/plant").status_code == 200


def test_an_address_of_somebody_unverified_is_invited_and_not_granted(
    world: World, ada: Caller
) -> None:
    mallory = world.person("mallory", email="grace@example.com", email_verified=False)
    mallory.sees("/users/me")
    made = _invite(ada, "/projects/plant", "grace@example.com")
    assert made["status"] == "invited"
    assert refusal(mallory.get("/projects/plant")) == (404, "not_found")


def test_who_has_proven_their_address_needs_no_invitation(ada: Caller, grace: Caller) -> None:
    made = ada.makes("/projects/plant/rbac", {"email": "GRACE@example.com", "role_id": "Viewer"})
    assert (made["status"], made["user_id"]) == ("active", grace.principal)
    assert ada.sees("/projects/plant/invitations")["items"] == []
    assert grace.get("/projects/plant").status_code == 200


def test_who_once_came_as_a_machine_is_not_let_in(world: World, ada: Caller) -> None:
    invited = _invite(ada, "/projects/plant")
    machine = {"is_service_account": True, "email": None, "email_verified": False}
    world.person("new", **machine).sees("/users/me")
    world.clock.advance(timedelta(seconds=1))
    assert refusal(world.person("new").get("/projects/plant")) == (404, "not_found")
    one = f"/projects/plant/invitations/{invited['invitation_id']}"
    assert ada.sees(one)["status"] == "invited"


def test_two_invitations_are_both_accepted(world: World, ada: Caller) -> None:
    bob = world.person("bob")
    bob.makes("/organizations", {"id": "bobs", "name": "Bob's"})
    _invite(ada, "/projects/plant")
    _invite(ada, "/projects/plant", NEW.upper(), role="Editor")
    _invite(bob, "/organizations/bobs")
    new = world.person("new")
    reached = new.sees(f"/users/{new.principal}/access")["items"]
    assert sorted((one["scope_id"], one["role"]["name"]) for one in reached) == [
        ("bobs", "Viewer"),
        ("plant", "Editor"),
        ("plant", "Viewer"),
    ]


def test_who_has_another_address_now_is_let_in_by_that(world: World, ada: Caller) -> None:
    """And not by the one they had."""
    old = world.person("new", email="old@example.com")
    old.sees("/users/me")
    _invite(ada, "/projects/plant")
    world.clock.advance(timedelta(seconds=1))
    assert world.person("new").get("/projects/plant").status_code == 200
    invited = _invite(ada, "/organizations/acme", "old@example.com")
    assert invited["status"] == "invited"
    assert refusal(world.person("new").get("/organizations/acme")) == (404, "not_found")


def test_a_role_that_ends_does_so_for_who_was_invited(world: World, ada: Caller) -> None:
    _invite(ada, "/projects/plant", expires_at="2026-01-01T00:10:00Z")
    new = world.person("new")
    assert new.get("/projects/plant").status_code == 200
    world.clock.advance(timedelta(minutes=10))
    assert refusal(new.get("/projects/plant")) == (404, "not_found")


# -- the inviter is asked again ------------------------------------------------------------------


@pytest.fixture
def bob(world: World, ada: Caller) -> Caller:
    """Another owner of hers."""
    bob = world.person("bob")
    bob.sees("/users/me")
    held = ada.makes("/organizations/acme/rbac", {"user_id": bob.principal, "role_id": "Owner"})
    assert held["status"] == "active"
    return bob


def _dismiss(ada: Caller, bob: Caller) -> None:
    (held,) = [
        one["assignment_id"]
        for one in ada.sees("/organizations/acme/rbac")["items"]
        if one["user_id"] == bob.principal
    ]
    assert ada.delete(f"/organizations/acme/rbac/{held}").status_code == 204


def test_an_invitation_of_who_may_no_longer_invite_is_gone(
    world: World, ada: Caller, bob: Caller
) -> None:
    invited = _invite(bob, "/projects/plant")
    _dismiss(ada, bob)
    new = world.person("new")
    assert refusal(new.get("/projects/plant")) == (404, "not_found")
    one = f"/projects/plant/invitations/{invited['invitation_id']}"
    assert refusal(ada.get(one)) == (404, "not_found")


def test_who_sends_it_again_stands_for_it(world: World, ada: Caller, bob: Caller) -> None:
    invited = _invite(bob, "/projects/plant")
    one = f"/projects/plant/invitations/{invited['invitation_id']}"
    assert ada.post(f"{one}/resend").status_code == 200
    _dismiss(ada, bob)
    assert world.person("new").get("/projects/plant").status_code == 200


def test_an_inviter_who_holds_less_now_gives_no_more_than_that(
    world: World, ada: Caller, bob: Caller
) -> None:
    permissions = ["read", "manage_access"]
    ada.makes("/organizations/acme/roles", {"name": "Manager", "permissions": permissions})
    ada.makes("/organizations/acme/rbac", {"user_id": bob.principal, "role_id": "Manager"})
    _invite(bob, "/projects/plant", role="Editor")
    _invite(bob, "/projects/plant", role="Viewer")
    (owned,) = [
        one["assignment_id"]
        for one in ada.sees("/organizations/acme/rbac")["items"]
        if one["user_id"] == bob.principal and one["role"]["name"] == "Owner"
    ]
    ada.delete(f"/organizations/acme/rbac/{owned}")
    new = world.person("new")
    reached = new.sees(f"/users/{new.principal}/access")["items"]
    assert [one["role"]["name"] for one in reached] == ["Viewer"]


def test_what_is_on_its_way_out_lets_nobody_in(world: World, ada: Caller) -> None:
    invited = _invite(ada, "/resources/one")
    resend = f"/resources/one/invitations/{invited['invitation_id']}/resend"
    assert ada.delete("/resources/one").status_code == 202
    assert refusal(ada.post(resend)) == (409, "invalid_transition")
    assert refusal(world.person("new").get("/resources/one")) == (404, "not_found")


def test_an_invitation_takes_nobodys_place(world: World, ada: Caller) -> None:
    """It makes no user: whoever comes with the address is who they are."""
    _invite(ada, "/projects/plant")
    assert ada.sees("/users/search?q=new@")["items"] == []
    new = world.person("new")
    assert new.sees("/users/me")["user_id"] == "auth0|new"
    assert new.makes("/organizations", {"name": "Mine"})["name"] == "Mine"
    second = world.person("newer", email=NEW)
    assert refusal(second.get("/projects/plant")) == (404, "not_found")


def test_a_role_that_ended_is_not_given(world: World, ada: Caller) -> None:
    made = ada.makes("/organizations/acme/roles", {"name": "Reader", "permissions": ["read"]})
    invited = _invite(ada, "/projects/plant", role="Reader")
    assert ada.delete(f"/organizations/acme/roles/{made['role_id']}").status_code == 204
    one = f"/projects/plant/invitations/{invited['invitation_id']}"
    assert refusal(ada.get(one)) == (404, "not_found")
    assert refusal(world.person("new").get("/projects/plant")) == (404, "not_found")


def test_who_was_not_let_in_everywhere_is_looked_at_again_soon(world: World, ada: Caller) -> None:
    for number in range(AT_ONCE + 1):
        ada.makes("/projects", {"id": f"p-{number}", "name": "P", "org_id": "acme"})
        ada.makes(f"/projects/p-{number}/rbac", {"email": "new@example.com", "role_id": "Viewer"})
    claims = world.tokens.verify(world.person("new").token)
    recognition = Recognition(Transact(world.units), world.platform)
    recognition(claims)
    assert recognition._seen[claims] - time.monotonic() <= 1
    recognition._seen.clear()  # as if that second were over
    recognition(claims)
    assert recognition._seen[claims] - time.monotonic() > 1
    new = world.person("new")
    assert new.sees("/projects", query="limit=100&include_total=true")["total"] == AT_ONCE + 1
