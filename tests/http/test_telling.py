"""What requests leave in the log: who did it, by which request, and who was refused."""

from typing import Any

import pytest

from ktrlplane.domain.services.denials import MOST
from ktrlplane.domain.snapshots import REDACTED
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, refusal

pytestmark = on_both_stores


@pytest.fixture
def plant(ada: Caller, grace: Caller) -> Caller:
    """An organization with a project, of which Grace is Viewer."""
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    ada.makes("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"})
    body = {"user_id": grace.principal, "role_id": "Viewer"}
    ada.makes("/organizations/acme/rbac", body)
    return ada


def log(caller: Caller, scope: str, **where: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in where.items())
    items: list[dict[str, Any]] = caller.sees(f"{scope}/events?limit=200&{query}")["items"]
    return items


def test_a_change_is_told_with_its_request_and_its_author(plant: Caller) -> None:
    plant.patch("/projects/plant", {"name": "Works"}, headers={"X-Request-Id": "req-17"})
    (event,) = log(plant, "/projects/plant", type="project.updated")
    assert event["request_id"] == "req-17"
    assert event["actor"] == {"type": "user", "id": plant.principal}
    assert (event["org_id"], event["project_id"]) == ("acme", "plant")
    assert event["data"] == {
        "before": {"name": "Plant"},
        "after": {"name": "Works"},
        "subject": {"project_id": "plant", "name": "Works"},
    }


def test_what_changes_nothing_and_what_is_rehearsed_is_not_told(plant: Caller) -> None:
    before = log(plant, "/organizations/acme")
    plant.patch("/projects/plant", {"name": "Plant"})
    plant.patch("/projects/plant?validate_only=true", {"name": "Works"})
    plant.post("/projects?validate_only=true", {"name": "Lab", "org_id": "acme"})
    assert log(plant, "/organizations/acme") == before


def test_who_is_refused_what_is_sensitive_is_remembered(plant: Caller, grace: Caller) -> None:
    body = {"user_id": grace.principal, "role_id": "Owner"}
    answer = grace.post("/projects/plant/rbac", body, headers={"X-Request-Id": "req-18"})
    assert refusal(answer) == (403, "forbidden")
    (event,) = log(plant, "/projects/plant", type="access.denied")
    assert event["actor"]["id"] == grace.principal
    assert event["request_id"] == "req-18"
    assert event["data"]["attempt"] == "grantProjectRole"
    assert event["data"]["code"] == "forbidden"
    assert (event["data"]["scope_type"], event["data"]["scope_id"]) == ("project", "plant")


def test_who_gives_more_than_they_hold_is_remembered(plant: Caller, grace: Caller) -> None:
    """They hold what the operation needs, and are refused all the same (R1.5)."""
    steward = {"name": "Steward", "permissions": ["read", "manage_access"]}
    role = plant.makes("/organizations/acme/roles", steward)
    body = {"user_id": grace.principal, "role_id": role["role_id"]}
    plant.makes("/organizations/acme/rbac", body)
    body = {"user_id": grace.principal, "role_id": "Owner"}
    assert refusal(grace.post("/organizations/acme/rbac", body)) == (403, "forbidden")
    (event,) = log(plant, "/organizations/acme", type="access.denied")
    assert event["data"]["code"] == "forbidden"


def test_a_stranger_who_tries_is_remembered_where_they_tried(plant: Caller, world: World) -> None:
    mallory = world.person("mallory")
    body = {"user_id": mallory.principal, "role_id": "Owner"}
    assert refusal(mallory.post("/organizations/acme/rbac", body)) == (404, "not_found")
    assert refusal(mallory.post("/organizations/nowhere/rbac", body)) == (404, "not_found")
    (event,) = log(plant, "/organizations/acme", type="access.*")
    assert event["actor"]["id"] == mallory.principal
    assert event["data"]["code"] == "not_found"


def test_reading_and_mistakes_are_no_attempts(plant: Caller, grace: Caller) -> None:
    grace.get("/organizations/acme/invitations")
    grace.patch("/projects/plant", {"name": "Mine"})
    plant.post("/projects/plant/rbac", {"role_id": "No such role", "user_id": grace.principal})
    grace.post("/projects/plant/rbac?validate_only=true", {"role_id": "Owner", "user_id": "x"})
    assert log(plant, "/organizations/acme", type="access.denied") == []


def test_nobody_fills_the_log_of_others(plant: Caller, grace: Caller, world: World) -> None:
    body = {"user_id": grace.principal, "role_id": "Owner"}
    for _ in range(MOST + 5):
        assert refusal(grace.post("/projects/plant/rbac", body)) == (403, "forbidden")
    denied = log(plant, "/projects/plant", type="access.denied")
    assert len(denied) == MOST
    more = [event["data"]["more_may_follow_unrecorded"] for event in denied]
    assert more == [True] + [False] * (MOST - 1)


def test_where_secrets_are_kept_is_not_told(plant: Caller, world: World) -> None:
    def sink(key: str) -> dict[str, Any]:
        held = {"valueFrom": {"secretKeyRef": {"name": "hidden-away", "key": key}}}
        return {"name": "alarms", "url": "https://hooks.example.com", "token": held}

    def wish(key: str) -> dict[str, Any]:
        return {"eventSinks": {"webhook": [sink(key) | {"authenticationType": "Bearer"}]}}

    graph = {"type": "Konnektr.Graph", "sku": "standard", "settings_json": wish("one")}
    plant.makes("/projects/plant/resources", world.wish("kettle", **graph))
    assert plant.patch("/resources/kettle", {"settings_json": wish("two")}).status_code == 200
    changed, created = log(plant, "/resources/kettle", type="resource.*")
    assert "hidden-away" not in f"{changed}{created}"
    (told,) = created["data"]["after"]["settings_json"]["eventSinks"]["webhook"]
    assert (told["url"], told["token"]) == ("https://hooks.example.com", REDACTED)
    # That it was another one is told all the same.
    (now,) = changed["data"]["after"]["settings_json"]["eventSinks"]["webhook"]
    assert now["token"] == REDACTED
