"""What a refusal looks like, wherever it comes from."""

from typing import Any, Final

import pytest
from falcon.testing import Result

from ktrlplane.domain.errors import DomainError, Kind
from ktrlplane.entrypoints.http.problems import DEFINITIONS, STATUS
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork
from tests.http.world import API, Caller, World, checked, faults, refusal

CODES: Final = {
    "malformed_request": 400,
    "unknown_parameter": 400,
    "unsafe_query": 400,
    "unauthenticated": 401,
    "payment_required": 402,
    "forbidden": 403,
    "limit_exceeded": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "already_exists": 409,
    "conflict": 409,
    "invalid_transition": 409,
    "last_owner": 409,
    "not_empty": 409,
    "idempotency_in_progress": 409,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "validation_failed": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "upstream_error": 502,
    "not_configured": 503,
    "upstream_timeout": 504,
}


def test_every_code_of_the_contract_has_its_status() -> None:
    assert {code: definition.status for code, definition in DEFINITIONS.items()} == CODES


def _refusals(kind: type[DomainError]) -> list[type[DomainError]]:
    return [one for below in kind.__subclasses__() for one in (below, *_refusals(below))]


def test_every_refusal_of_the_domain_has_a_code_of_the_contract() -> None:
    ours = [one for one in _refusals(DomainError) if one.__module__.startswith("ktrlplane.")]
    assert ours
    assert {one.code: STATUS[one.kind] for one in ours}.items() <= CODES.items()
    assert set(STATUS) == set(Kind)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_page(world: World, code: str) -> None:
    result = world.client.simulate_get(f"/problems/{code}")
    assert result.status_code == 200
    assert result.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<code>{code}</code>" in result.text
    assert str(CODES[code]) in result.text


def test_what_is_to_be_written_as_it_stands_looks_like_it_on_a_page(world: World) -> None:
    page = world.client.simulate_get("/problems/unauthenticated").text
    assert "<code>Authorization: Bearer &lt;token&gt;</code>" in page
    assert "`" not in page


def test_a_page_is_json_for_who_prefers_it(world: World) -> None:
    headers = {"Accept": "application/json"}
    result = world.client.simulate_get("/problems/last_owner", headers=headers)
    assert result.headers["content-type"] == "application/json"
    assert result.json["code"] == "last_owner"
    assert result.json["status"] == 409


@pytest.mark.parametrize("accept", ["nonsense", "text/html;q=x", "*/*", "", "image/png", "\xff"])
def test_an_odd_accept_header_gets_a_page_all_the_same(world: World, accept: str) -> None:
    result = world.client.simulate_get("/problems/not_found", headers={"Accept": accept})
    assert result.status_code == 200


@pytest.mark.parametrize("code", ["no_such_code", "<script>", "..", "%00", "not_found/more"])
def test_what_is_no_code_has_no_page(world: World, code: str) -> None:
    result = checked(world.client.simulate_get(f"/problems/{code}"))
    assert refusal(result) == (404, "not_found")
    assert "<script>" not in result.text


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1",
        "/api/v2/organizations",
        "/api/v1/",
        "/api/v1/nonsense",
        "/api/v1/organizations/acme/nonsense",
        "/api/v1/organizations/",
        "/API/V1/organizations",
        "/api/v1/organizations/../users/me",
        "/favicon.ico",
    ],
)
def test_an_unknown_address_is_a_problem_too(ada: Caller, path: str) -> None:
    headers = {"Authorization": f"Bearer {ada.token}"}
    result = checked(ada.client.simulate_get(path, headers=headers))
    assert refusal(result) == (404, "not_found")


ROUTES: Final = [
    ("/health", "GET, HEAD"),
    ("/openapi.json", "GET, HEAD"),
    ("/docs", "GET, HEAD"),
    ("/metrics", "GET, HEAD"),
    ("/problems/conflict", "GET, HEAD"),
    (f"{API}/organizations", "GET, HEAD, POST"),
    (f"{API}/organizations/acme", "DELETE, GET, HEAD, PATCH, PUT"),
    (f"{API}/projects/plant/move", "POST"),
    (f"{API}/resources/one/rbac", "GET, HEAD, POST"),
    (f"{API}/resources/one/rbac/asg_1", "DELETE, GET, HEAD, PATCH"),
    (f"{API}/catalog/resource-types", "GET, HEAD"),
    (f"{API}/permissions/check", "GET, HEAD, POST"),
]


@pytest.mark.parametrize(("path", "allowed"), ROUTES)
def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    ada: Caller, path: str, allowed: str
) -> None:
    headers = {"Authorization": f"Bearer {ada.token}"}
    takes = set(allowed.split(", "))
    for method in {"DELETE", "GET", "PATCH", "POST", "PUT", "TRACE"} - takes:
        result = checked(ada.client.simulate_request(method, path, headers=headers))
        assert refusal(result) == (405, "method_not_allowed"), method
        assert set(result.headers["allow"].split(", ")) == takes | {"OPTIONS"}


@pytest.mark.parametrize("method", ["NONSENSE", "WEBSOCKET", "get", "", "GET "])
def test_what_is_no_method_at_all_is_refused_as_a_problem(world: World, method: str) -> None:
    result = world.nobody.bare("/health", REQUEST_METHOD=method)
    assert refusal(result) == (400, "malformed_request")


@pytest.mark.parametrize(("path", "allowed"), ROUTES)
def test_options_tells_what_an_address_takes_in_the_words_of_a_refusal(
    world: World, path: str, allowed: str
) -> None:
    told = world.client.simulate_options(path)
    assert told.status_code == 200
    assert set(told.headers["allow"].split(", ")) == {*allowed.split(", "), "OPTIONS"}
    refused = world.client.simulate_request("TRACE", path)
    assert told.headers["allow"] == refused.headers["allow"]


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("path", ["/users/me", "/organizations", "/resources/one", "/roles/Owner"])
def test_head_is_get_without_the_body(ada: Caller, path: str) -> None:
    whole, head = ada.get(path), ada.ask("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers.get("etag") == whole.headers.get("etag")


def _breaking(world: World, bug: Exception) -> World:
    class Broken(Transact):
        def read(self, act: Any) -> Any:
            def break_down(work: UnitOfWork) -> None:
                raise bug

            return super().read(break_down)

    return world.with_edge(transact=Broken(world.units))


def test_a_bug_is_told_without_a_word_of_it(world: World) -> None:
    broken = _breaking(world, RuntimeError("SELECT password FROM /etc/secrets"))
    result = broken.client.simulate_get(f"{API}/catalog/resource-types")
    assert refusal(result) == (500, "internal_error")
    assert result.headers["content-type"] == "application/problem+json"
    assert result.json["request_id"] == result.headers["x-request-id"]
    for word in ("password", "secrets", "RuntimeError", "Traceback", "SELECT"):
        assert word not in result.text


def test_every_fault_is_told_at_once_in_the_order_of_the_body(world: World, ada: Caller) -> None:
    body = {"id": "Not A Label", "name": " ", "nam": 1, "purchase_policy": None, "a/b~c": 2}
    result = ada.post("/organizations", body)
    assert faults(result) == {
        "/id": "pattern",
        "/name": "invalid",
        "/a~1b~0c": "unknown_field",
        "/nam": "unknown_field",
        "/purchase_policy": "unknown_field",
    }
    assert "5 things" in result.json["detail"]
    hints = {fault["pointer"]: fault["detail"] for fault in result.json["errors"]}
    assert "did you mean name?" in hints["/nam"]
    assert "did you mean" not in hints["/a~1b~0c"]


def test_one_fault_is_told_in_the_detail_too_by_name(ada: Caller) -> None:
    result = ada.post("/organizations", {"name": 7})
    (fault,) = result.json["errors"]
    assert fault["detail"] == "This must be text."
    assert result.json["detail"] == "name: This must be text."


def test_faults_below_the_settings_point_there(world: World, ada: Caller, plant: Any) -> None:
    wish = world.wish(settings_json={"instances": 7, "memroy": "1Gi", "backup": {"enabled": 3}})
    wish["type"], wish["sku"] = "Konnektr.Graph", "free"
    result = ada.post("/projects/plant/resources", wish)
    assert faults(result) == {
        "/settings_json/instances": "maximum",
        "/settings_json/memroy": "unknown_field",
        "/settings_json/backup/enabled": "const",
    }


def test_a_problem_of_a_nested_list_says_which_item(ada: Caller) -> None:
    checks = [
        {"scope_type": "project", "scope_id": "plant", "action": "read"},
        {"scope_type": "galaxy", "scope_id": "plant", "action": "read"},
        {"scope_type": "project", "scope_id": "plant", "actoin": "read"},
        "nonsense",
    ]
    result = ada.post("/permissions/check", {"checks": checks})
    assert faults(result) == {
        "/checks/1/scope_type": "enum",
        "/checks/2/action": "required",
        "/checks/2/actoin": "unknown_field",
        "/checks/3": "type",
    }


def test_faults_without_end_are_cut_off(ada: Caller) -> None:
    body = {"name": "Acme"} | {f"field{number}": 1 for number in range(5_000)}
    result = ada.post("/organizations", body)
    assert len(faults(result)) == 100
    assert result.json["detail"].startswith("At least 100 things need correcting")


def test_answers_to_the_signed_in_are_not_for_shared_caches(ada: Caller, acme: Any) -> None:
    assert ada.get("/organizations/acme").headers["cache-control"] == "private, no-cache"
    for result in (
        ada.patch("/organizations/acme", {"name": "Acme 2"}),
        ada.get("/organizations/nowhere"),
    ):
        assert result.headers["cache-control"] == "no-store"


def test_nothing_is_sniffed(ada: Caller) -> None:
    for result in (ada.get("/users/me"), ada.get("/nonsense")):
        assert result.headers["x-content-type-options"] == "nosniff"


def test_the_name_of_a_problem_is_an_address_that_is_served(ada: Caller) -> None:
    kind = ada.get("/organizations/nowhere").json["type"]
    result: Result = ada.client.simulate_get(kind)
    assert result.status_code == 200
