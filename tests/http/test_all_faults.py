"""What is wrong with a body is told at once: how it is written, and what it asks for."""

from typing import Any, Final

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

RESOURCES: Final = "/projects/plant/resources"
WISH: Final = {"type": "Konnektr.Graph", "sku": "free"}
GOOD: Final = WISH | {"name": "Two"}
WRONG: Final[list[tuple[dict[str, Any], dict[str, str]]]] = [
    (
        WISH | {"name": "", "foo": 1, "settings_json": {"instancs": 1, "cpu": 5}},
        {
            "/name": "invalid",
            "/foo": "unknown_field",
            "/settings_json/instancs": "unknown_field",
            "/settings_json/cpu": "enum",
        },
    ),
    (
        {"type": "Konnektr.Grap", "sku": "fre", "foo": 1},
        {"/name": "required", "/foo": "unknown_field", "/type": "unknown_type"},
    ),
    (
        GOOD | {"sku": "fre", "foo": 1, "settings_json": {"instancs": 1}},
        {
            "/foo": "unknown_field",
            "/sku": "unknown_sku",
            "/settings_json/instancs": "unknown_field",
        },
    ),
    (
        GOOD | {"id": "default", "foo": 1, "preset": "nothing"},
        {"/id": "reserved", "/foo": "unknown_field", "/preset": "unknown_preset"},
    ),
    (GOOD | {"id": 5, "sku": "gold"}, {"/id": "type", "/sku": "unknown_sku"}),
    (
        GOOD | {"sku": "gold", "settings_json": [1]},
        {"/settings_json": "type", "/sku": "unknown_sku"},
    ),
    (
        GOOD | {"sku": "gold", "settings_json": {"cpu": "a\0b"}},
        {"/settings_json/cpu": "nul", "/sku": "unknown_sku"},
    ),
    # By these the rest is judged: nothing true can be said of it without them.
    (GOOD | {"sku": 5, "settings_json": {"instances": 9}}, {"/sku": "type"}),
    (GOOD | {"type": None, "sku": "gold"}, {"/type": "type"}),
    (GOOD | {"preset": 5, "sku": "gold"}, {"/preset": "type"}),
]


@pytest.mark.parametrize(("body", "told"), WRONG)
@pytest.mark.parametrize("query", ["", "?validate_only=true"])
def test_what_a_new_resource_must_not_be_is_told_along_with_how_it_is_written(
    ada: Caller, body: Any, told: dict[str, str], query: str
) -> None:
    assert faults(ada.post(RESOURCES + query, body)) == told
    assert len(ada.sees(RESOURCES)["items"]) == 1


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("path", ["/resources/one", f"{RESOURCES}/one"])
def test_what_a_resource_must_not_become_is_told_along_with_how_it_is_written(
    world: World, ada: Caller, method: str, path: str
) -> None:
    graph = ada.makes(RESOURCES, GOOD | {"id": "graph"})
    settings = {"backup": {"enabled": "yes", "foo": 1}}
    address = path.replace("/one", "/graph")
    told = faults(ada.ask(method, address, {"settings_json": settings, "name": ""}))
    assert set(told) == {"/name", "/settings_json/backup/enabled", "/settings_json/backup/foo"}
    told = faults(ada.ask(method, address, {"sku": "gold", "name": None, "nam": "x"}))
    assert told == {"/name": "null", "/nam": "unknown_field", "/sku": "unknown_sku"}
    assert ada.sees("/resources/graph") == graph


@pytest.mark.parametrize("path", ["/organizations", "/projects"])
def test_a_reserved_id_is_told_along_with_the_name(ada: Caller, path: str) -> None:
    told = faults(ada.post(path, {"id": "default", "name": ""}))
    assert told == {"/id": "reserved", "/name": "invalid"}


def test_what_is_wrong_with_a_grant_is_told_along_with_how_it_is_written(ada: Caller) -> None:
    body = {"user_id": "auth0|lost", "role_id": "Nothing", "expires_at": "soon", "foo": 1}
    assert faults(ada.post("/resources/one/rbac", body)) == {
        "/user_id": "unknown_user",
        "/role_id": "unknown_role",
        "/expires_at": "time",
        "/foo": "unknown_field",
    }


def test_what_is_wrong_only_in_how_it_is_written_is_not_done(ada: Caller) -> None:
    result = ada.post(RESOURCES, GOOD | {"id": "two", "foo": 1})
    assert faults(result) == {"/foo": "unknown_field"}
    assert refusal(ada.get("/resources/two")) == (404, "not_found")
    result = ada.patch("/resources/one", {"name": "Other", "foo": 1})
    assert faults(result) == {"/foo": "unknown_field"}
    assert ada.sees("/resources/one")["name"] == "One"
    result = ada.delete("/resources/one?foo=1")
    assert refusal(result) == (400, "unknown_parameter")
    assert ada.sees("/resources/one")["status"] == "Creating"


def test_a_key_that_came_with_faults_may_come_again(ada: Caller) -> None:
    key = {"Idempotency-Key": "once"}
    result = ada.post(RESOURCES, GOOD | {"name": "", "sku": "gold"}, headers=key)
    assert faults(result) == {"/name": "invalid", "/sku": "unknown_sku"}
    assert ada.post(RESOURCES, GOOD, headers=key).status_code == 201


ASKED: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("POST", RESOURCES, GOOD | {"name": "", "sku": "gold", "settings_json": {"foo": 1}}),
    ("PATCH", "/resources/one", {"name": "", "sku": "gold"}),
    ("PUT", f"{RESOURCES}/one", {"name": "", "settings_json": {"foo": 1}}),
    ("POST", "/projects/plant/rbac", {"role_id": "Nothing", "name": "", "user_id": "lost"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_a_stranger_is_told_how_to_write_and_nothing_of_what_is_there(
    ada: Caller, grace: Caller, method: str, path: str, body: dict[str, Any]
) -> None:
    nowhere = path.replace("plant", "nowhere").replace("one", "nothing")
    here, there = (grace.ask(method, where, body) for where in (path, nowhere))
    named = "/name"
    assert set(faults(here)) == {named}
    assert here.json["errors"] == there.json["errors"]
    right = {name: value for name, value in body.items() if name != "name"}
    if method == "POST" and "type" in body:
        right["name"] = "Two"
    for where in (path, nowhere):
        assert refusal(grace.ask(method, where, right)) == (404, "not_found")


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_who_may_only_read_is_told_how_to_write_and_no_more(
    ada: Caller, grace: Caller, method: str, path: str, body: dict[str, Any]
) -> None:
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    assert set(faults(grace.ask(method, path, body))) == {"/name"}
