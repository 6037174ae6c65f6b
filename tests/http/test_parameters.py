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
    assert hint in " ".join(fault["detail"] for fault in result.json["errors"])


def test_every_unknown_parameter_is_told_and_all_that_is_wrong_besides(ada: Caller) -> None:
    unknown = (400, "unknown_parameter")
    assert faults(ada.get("/projects?x=1&y=2"), unknown) == {
        "/x": "unknown_parameter",
        "/y": "unknown_parameter",
    }
    result = ada.get("/projects?x~/=1&limit=0&sort=size&q=a&q=b&org_id=O")
    assert faults(result, unknown) == {
        "/x~0~1": "unknown_parameter",
        "/limit": "range",
        "/sort": "enum",
        "/q": "repeated",
        "/org_id": "pattern",
    }
    assert result.json["errors"][0]["parameter"] == "x~/"
    result = ada.delete("/resources/one?validate_only=1&foo=2")
    assert faults(result, unknown) == {"/validate_only": "type", "/foo": "unknown_parameter"}


def test_unknown_parameters_without_end_are_cut_off(ada: Caller) -> None:
    result = ada.get("/projects?" + "&".join(f"x{number}=1" for number in range(1_000)))
    assert len(faults(result, (400, "unknown_parameter"))) == 100
    assert "At least 100 things" in result.json["detail"]


def test_all_that_is_wrong_with_known_parameters_is_told(ada: Caller) -> None:
    result = ada.get("/projects?limit=abc&offset=-1&sort=foo&cursor=zzz&include_total=x")
    assert faults(result) == {
        "/limit": "type",
        "/offset": "range",
        "/sort": "enum",
        "/cursor": "cursor",
        "/include_total": "type",
    }
    result = ada.get("/resources?type=Nobody.Sells&limit=0&status=lost")
    assert faults(result) == {"/type": "unknown_type", "/limit": "range", "/status": "enum"}
    path = "/permissions/check?scopeType=project&scopeId=No!&userId=&action=fly"
    assert faults(ada.get(path)) == {
        "/userId": "pattern",
        "/scopeId": "pattern",
        "/action": "unknown_action",
    }


def test_what_is_wrong_with_parameters_is_told_along_with_the_body(
    world: World, ada: Caller
) -> None:
    wish = world.wish(sku="gold", nonsense=1)
    result = ada.post("/projects/plant/resources?validate_only=maybe", wish)
    assert faults(result) == {
        "/validate_only": "type",
        "/nonsense": "unknown_field",
        "/sku": "unknown_sku",
    }
    parameters = {f["pointer"]: f.get("parameter") for f in result.json["errors"]}
    assert parameters == {"/validate_only": "validate_only", "/nonsense": None, "/sku": None}
    result = ada.post("/organizations?foo=1", {"name": ""})
    assert faults(result, (400, "unknown_parameter")) == {
        "/foo": "unknown_parameter",
        "/name": "invalid",
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/projects?limit=0", "limit"),
        ("/resources?type=Nobody.Sells", "type"),
        ("/users/search?q=a", "q"),
        ("/permissions/check?scopeType=global&action=fly", "action"),
        ("/permissions/check?scopeType=project", "scopeId"),
        ("/resources?limit=0&type=Nobody.Sells", "type"),
    ],
)
def test_a_fault_of_the_query_names_the_parameter(ada: Caller, path: str, name: str) -> None:
    told = {fault["parameter"] for fault in ada.get(path).json["errors"]}
    assert name in told


def test_a_fault_of_the_body_names_no_parameter(world: World, ada: Caller) -> None:
    result = ada.post("/projects/plant/resources", world.wish(type="Nobody.Sells"))
    assert [set(fault) for fault in result.json["errors"]] == [{"pointer", "code", "detail"}]


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
    ("limit=99999999999999999999", {"/limit": "range"}),
    ("limit=" + "9" * 5_000, {"/limit": "range"}),
    ("limit=-" + "9" * 5_000, {"/limit": "range"}),
    ("limit=" + "0" * 30, {"/limit": "range"}),
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
        (
            "/resources?type=a&resource_type=b",
            {"/resource_type": "one_of", "/type": "unknown_type"},
        ),
        ("/users/search", {"/q": "required"}),
        ("/users/search?q=ad", {"/q": "min_length"}),
        ("/permissions/check", {"/scopeType": "required", "/scopeId": "required"}),
        ("/permissions/check?scopeType=galaxy", {"/scopeType": "enum", "/scopeId": "required"}),
        ("/permissions/check?scopeType=galaxy&scopeId=a", {"/scopeType": "enum"}),
        ("/permissions/check?scopeType=project", {"/scopeId": "required"}),
        ("/permissions/check?scopeType=project&scopeId=", {"/scopeId": "required"}),
        ("/permissions/check?scopeType=project&scopeId=No!", {"/scopeId": "pattern"}),
        ("/permissions/check?scopeType=global&userId=", {"/userId": "pattern"}),
        ("/permissions/check?scopeType=global&scopeId=acme", {"/scopeId": "pattern"}),
        ("/resource-pricing", {"/type": "required", "/sku": "required"}),
    ],
)
def test_a_wrong_value_is_told_by_name(ada: Caller, path: str, fault: dict[str, str]) -> None:
    assert faults(ada.get(path)) == fault


def test_a_page_out_of_range_is_told_the_range(ada: Caller) -> None:
    assert "from 0 to 1000000" in ada.get("/projects?offset=-1").json["detail"]
    assert "1 to 200" in ada.get(f"/projects?limit={'9' * 22}").json["detail"]
    told = ada.get("/permissions/check?scopeType=project").json["detail"]
    assert told == "scopeId is required, unless scopeType is global."


def test_a_number_may_begin_with_noughts(ada: Caller) -> None:
    assert len(ada.sees(f"/projects?limit={'0' * 40}1")["items"]) == 1


def test_an_enumeration_is_told_whole(ada: Caller) -> None:
    detail = ada.get("/projects?sort=size").json["detail"]
    assert detail == "sort: This must be one of name, -name, created_at, -created_at."


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
