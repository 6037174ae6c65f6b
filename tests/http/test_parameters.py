"""Query parameters: known ones, once, with lawful values."""

from typing import Final

import pytest

from tests.http.world import Caller, World, faults, refusal

LISTS: Final = [
    "/organizations",
    "/projects",
    "/resources",
    "/projects/plant/resources",
    "/organizations/acme/rbac",
    "/projects/plant/rbac",
    "/resources/one/rbac",
]

pytestmark = pytest.mark.usefixtures("one")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/organizations?limt=3", "did you mean limit?"),
        ("/organizations?Limit=3", "did you mean limit?"),
        ("/organizations?validate_only=true", "no such query parameter"),
        ("/organizations/acme?x=", "no such query parameter"),
        ("/users/me?limit=1", "no such query parameter"),
        ("/roles?limit=1", "no such query parameter"),
        ("/resources?org_id=acme", "no such query parameter"),
        ("/organizations/acme/rbac?sort=name", "no such query parameter"),
        ("/permissions/check?scope_type=project&scopeId=plant", "did you mean scopeType?"),
        ("/catalog/resource-types?x=1", "no such query parameter"),
    ],
)
def test_an_unknown_parameter_is_refused(ada: Caller, path: str, hint: str) -> None:
    result = ada.get(path)
    assert refusal(result) == (400, "unknown_parameter")
    assert hint in result.json["detail"]


def test_an_unknown_parameter_of_a_change_is_refused_and_nothing_happens(ada: Caller) -> None:
    result = ada.delete("/resources/one?cascade=true")
    assert refusal(result) == (400, "unknown_parameter")
    assert ada.sees("/resources/one")["status"] == "Creating"


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "limit=1&limit=1", "q=a&q=b", "sort=name&sort=-name"]
)
def test_a_parameter_is_sent_once(ada: Caller, query: str) -> None:
    assert refusal(ada.get(f"/projects?{query}")) == (400, "malformed_request")


def test_a_parameter_of_a_change_is_sent_once(ada: Caller) -> None:
    for query in ("validate_only=true&validate_only=false", "cascade=true&cascade=true"):
        result = ada.delete(f"/projects/plant?{query}")
        assert refusal(result) == (400, "malformed_request")


WRONG_PAGES: Final[list[tuple[str, dict[str, str]]]] = [
    ("limit=0", {"/limit": "range"}),
    ("limit=201", {"/limit": "range"}),
    ("limit=-1", {"/limit": "range"}),
    ("limit=9999999999", {"/limit": "range"}),
    ("limit=99999999999999999999", {"/limit": "type"}),
    ("limit=", {"/limit": "type"}),
    ("limit=ten", {"/limit": "type"}),
    ("limit=1.0", {"/limit": "type"}),
    ("limit=1e1", {"/limit": "type"}),
    ("limit=--5", {"/limit": "type"}),
    ("limit=-", {"/limit": "type"}),
    ("limit=+5", {"/limit": "type"}),
    ("limit=%D9%A3", {"/limit": "type"}),
    ("limit=1_0", {"/limit": "type"}),
    ("offset=-1", {"/offset": "range"}),
    ("offset=1000001", {"/offset": "range"}),
    ("limit=0&offset=-1", {"/limit": "range", "/offset": "range"}),
    ("include_total=yes", {"/include_total": "type"}),
    ("include_total=True", {"/include_total": "type"}),
    ("include_total=1&limit=x", {"/include_total": "type", "/limit": "type"}),
    ("cursor=", {"/cursor": "cursor"}),
    ("cursor=nonsense", {"/cursor": "cursor"}),
]


@pytest.mark.parametrize("path", LISTS)
def test_a_page_has_lawful_bounds(ada: Caller, path: str) -> None:
    for query, fault in WRONG_PAGES:
        assert faults(ada.get(f"{path}?{query}")) == fault, query


@pytest.mark.parametrize("path", LISTS)
def test_a_page_may_be_as_small_and_as_large_as_the_contract_says(ada: Caller, path: str) -> None:
    assert len(ada.sees(f"{path}?limit=1")["items"]) == 1
    assert ada.sees(f"{path}?limit=200&offset=0")["items"]
    assert ada.sees(f"{path}?offset=1000000") == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/projects?org_id=Not%20A%20Label", {"/org_id": "pattern"}),
        ("/projects?org_id=", {"/org_id": "pattern"}),
        ("/projects?sort=status", {"/sort": "enum"}),
        ("/projects?sort=name,-created_at", {"/sort": "enum"}),
        ("/resources?status=creating", {"/status": "enum"}),
        ("/resources?project_id=-", {"/project_id": "pattern"}),
        ("/resources?type=Nobody.Sells", {"/type": "unknown_type"}),
        ("/resources?resource_type=", {"/type": "unknown_type"}),
        ("/projects/plant/resources?type=Nobody.Sells", {"/type": "unknown_type"}),
        ("/resources?type=a&resource_type=b", {"/resource_type": "one_of"}),
        ("/users/search", {"/q": "required"}),
        ("/users/search?q=ad", {"/q": "min_length"}),
        ("/permissions/check", {"/scopeType": "required"}),
        ("/permissions/check?scopeType=galaxy", {"/scopeType": "enum"}),
        ("/permissions/check?scopeType=project", {"/scopeId": "pattern"}),
        ("/permissions/check?scopeType=project&scopeId=No!", {"/scopeId": "pattern"}),
        ("/permissions/check?scopeType=global&userId=", {"/userId": "pattern"}),
        ("/permissions/check?scopeType=global&scopeId=acme", {"/scopeId": "pattern"}),
        ("/resource-pricing", {"/type": "required", "/sku": "required"}),
    ],
)
def test_a_wrong_value_is_told_by_name(ada: Caller, path: str, fault: dict[str, str]) -> None:
    assert faults(ada.get(path)) == fault


def test_an_enumeration_is_told_whole(ada: Caller) -> None:
    detail = ada.get("/projects?sort=size").json["detail"]
    assert detail == "This must be one of name, -name, created_at, -created_at."


def test_names_and_values_are_decoded(ada: Caller) -> None:
    assert ada.sees("/projects?%71=Pl%61nt")["items"]
    assert ada.sees("/projects?q=Pl+nt")["items"] == []


@pytest.mark.parametrize("flag", ["", "1", "yes", "TRUE", "true,false"])
def test_a_rehearsal_is_asked_for_plainly(ada: Caller, flag: str) -> None:
    result = ada.delete(f"/organizations/acme?cascade=true&validate_only={flag}")
    assert faults(result) == {"/validate_only": "type"}
    assert ada.get("/organizations/acme").status_code == 200


def test_a_type_and_its_other_name_may_agree(world: World, ada: Caller) -> None:
    kind = world.kind.type
    assert ada.sees(f"/resources?type={kind}&resource_type={kind}")["items"]
    assert ada.sees(f"/resources?resource_type={kind}")["items"]
