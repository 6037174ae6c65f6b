"""Limits over HTTP: what a resource may use, and what the platform's operator overrides."""

from datetime import timedelta
from typing import Any

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, ids, refusal

pytestmark = on_both_stores


@pytest.fixture
def ada(world: World) -> Caller:
    """Owner of Acme with the project plant and one resource in it."""
    ada = world.person("ada")
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    ada.makes("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"})
    ada.makes("/projects/plant/resources", world.wish("one"))
    return ada


@pytest.fixture
def olga(world: World) -> Caller:
    """Who runs the platform."""
    olga = world.person("olga")
    olga.sees("/users/me")
    world.grants(olga, "Editor", "global")
    return olga


def limited(caller: Caller, limit: str, scope_type: str = "project") -> dict[str, Any]:
    found = caller.sees("/resources/one/limits")["limits"]
    (one,) = [one for one in found if (one["limit"], one["scope_type"]) == (limit, scope_type)]
    return dict(one)


def test_what_a_resource_may_use_is_told(world: World, ada: Caller) -> None:
    whole = ada.sees("/resources/one/limits")
    assert whole["resource_id"] == "one"
    assert (whole["type"], whole["sku"]) == (world.kind.type, world.tier.sku)
    assert whole["features"] == list(world.tier.features)
    assert [one["limit"] for one in whole["limits"]] == [
        "resources",
        "resources",
        *(limit.meter for limit in world.tier.limits),
    ]
    assert limited(ada, "resources") == {
        "limit": "resources",
        "display_name": "Resources",
        "unit": "resource",
        "scope_type": "project",
        "scope_id": "plant",
        "maximum": world.tier.max_per_project,
        "usage": 1,
        "remaining": world.tier.max_per_project - 1,
        "window": "none",
        "enforcement": "hard",
        "is_overridden": False,
    }
    assert ada.sees("/projects/plant/resources/one/limits") == whole


def test_one_asks_before_one_uses(world: World, ada: Caller) -> None:
    limit = next(one for one in world.tier.limits if one.enforcement.value == "hard")
    within = {"meter": limit.meter, "quantity": limit.maximum}
    answer = ada.post("/resources/one/limits/check", within)
    assert answer.status_code == 200
    assert answer.json == {
        "allowed": True,
        "remaining": limit.maximum,
        "limit": limit.maximum,
        "enforcement": "hard",
    }
    beyond = within | {"quantity": limit.maximum + 1}
    path = "/projects/plant/resources/one/limits/check"
    assert ada.post(path, beyond).json["allowed"] is False
    assert faults(ada.post(path, {"meter": "none", "quantity": -1})) == {
        "/meter": "unknown_meter",
        "/quantity": "invalid",
    }
    assert faults(ada.post(path, {})) == {"/meter": "required", "/quantity": "required"}


def test_an_override_is_set_read_listed_and_lifted(
    world: World, ada: Caller, olga: Caller
) -> None:
    made = olga.post("/limit-overrides", world.an_override(scope_type="project", scope_id="plant"))
    assert made.status_code == 201
    override = made.json
    assert {name: override[name] for name in ("limit", "maximum", "holds", "ended_at")} == {
        "limit": "resources",
        "maximum": 1000,
        "holds": True,
        "ended_at": None,
    }
    assert override["created_by"] == {"type": "user", "id": "auth0|olga"}
    assert limited(ada, "resources")["is_overridden"]
    path = f"/limit-overrides/{override['override_id']}"
    assert made.headers["location"].endswith(path)
    read = olga.get(path)
    assert (read.json, read.headers["etag"]) == (override, made.headers["etag"])
    assert olga.sees("/limit-overrides?holding=true")["items"] == [override]
    stale = olga.ask("DELETE", path, headers={"If-Match": '"stale"'})
    assert refusal(stale) == (412, "precondition_failed")
    assert olga.delete(path, headers={"If-Match": read.headers["etag"]}).status_code == 204
    assert limited(ada, "resources")["maximum"] == world.tier.max_per_project
    assert not olga.sees("/limit-overrides?holding=true")["items"]
    (ended,) = olga.sees("/limit-overrides?scope_type=project&scope_id=plant")["items"]
    assert ended["ended_by"] == {"type": "user", "id": "auth0|olga"}
    assert not ended["holds"]


def test_an_override_ends_by_itself(world: World, ada: Caller, olga: Caller) -> None:
    expires_at = (world.clock.now() + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    olga.makes(
        "/limit-overrides",
        world.an_override(
            scope_type="project", scope_id="plant", maximum=1, expires_at=expires_at
        ),
    )
    path = "/projects/plant/resources"
    full = ada.post(path, world.wish("two"))
    assert refusal(full) == (403, "limit_exceeded")
    assert faults(full, (403, "limit_exceeded")) == {"/sku": "limit_exceeded"}
    world.clock.advance(timedelta(minutes=5))
    assert ada.post(path, world.wish("two")).status_code == 201


def test_the_list_is_walked_by_cursor_and_of_one_scope(world: World, olga: Caller) -> None:
    ada = world.person("ada")
    for org_id in ("acme", "other"):
        ada.makes("/organizations", {"id": org_id, "name": org_id})
    for number in range(3):
        olga.makes("/limit-overrides", world.an_override(maximum=number))
    olga.makes("/limit-overrides", world.an_override(scope_id="other"))
    of_acme = "/limit-overrides?scope_type=organization&scope_id=acme&limit=2"
    first = olga.sees(of_acme)
    assert [one["maximum"] for one in first["items"]] == [2, 1]
    rest = olga.sees(f"{of_acme}&cursor={first['next_cursor']}")
    assert [one["maximum"] for one in rest["items"]] == [0]
    everything = olga.sees("/limit-overrides?include_total=true")
    assert everything["total"] == len(ids(everything, "override_id")) == 4


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("scope_type=project", {"/scope_id": "required"}),
        ("scope_id=plant", {"/scope_type": "required"}),
        ("scope_type=project&scope_id=No", {"/scope_id": "pattern"}),
    ],
)
def test_half_a_scope_is_told(olga: Caller, query: str, told: dict[str, str]) -> None:
    assert faults(olga.get(f"/limit-overrides?{query}")) == told


def test_every_fault_of_an_override_is_told(olga: Caller) -> None:
    body = {"scope_type": "project", "scope_id": "none", "type": "T", "maximum": "1", "reason": ""}
    assert faults(olga.post("/limit-overrides", body)) == {
        "/sku": "required",
        "/limit": "required",
        "/maximum": "type",
        "/reason": "invalid",
    }
