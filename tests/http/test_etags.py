"""Entity tags: who writes over what."""

import re
from typing import Final

import pytest

from ktrlplane.entrypoints.http.app import OPERATIONS
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, refusal

pytestmark = pytest.mark.usefixtures("one")

THINGS: Final = ["/organizations/acme", "/projects/plant", "/resources/one"]
STRONG: Final = re.compile(r'"[0-9a-f]{24}"')
MALFORMED: Final = ["x", "W/x", '"x', 'x"', "'x'", '"a" "b"x', "**", '"a",b', ",", '"a" * "b"']


def _tag(caller: Caller, path: str) -> str:
    return str(caller.get(path).headers["etag"])


@pytest.mark.parametrize(
    "path",
    [
        *THINGS,
        "/projects/plant/resources/one",
        "/users/me",
        "/roles/Owner",
        "/permissions/check?scopeType=resource&scopeId=one",
        "/catalog/resource-types/Konnektr.Graph",
        "/catalog/resource-types/Konnektr.Graph/schema",
        "/catalog/resource-types/Konnektr.Graph/dashboard",
        "/resource-pricing?type=Konnektr.Graph&sku=free",
    ],
)
def test_a_single_object_carries_a_strong_tag_that_stays(ada: Caller, path: str) -> None:
    assert STRONG.fullmatch(_tag(ada, path))
    assert _tag(ada, path) == _tag(ada, path)


def test_every_answer_with_one_object_is_tagged() -> None:
    untagged = {o.name for o in OPERATIONS if o.answer and not o.listed and not o.tagged}
    memberships = {"putGroupMember", "putOrganizationGroupMember"}  # of which nothing changes
    exports = {o.name for o in OPERATIONS if o.name.startswith("export") and o.answer is str}
    # Whoever reports says what is; what somebody else has seen does not matter.
    assert (
        untagged
        == {
            # What the payment provider knows is read anew each time.
            *(o.name for o in OPERATIONS if o.tag == "Billing" and o.answer and not o.listed),
            # What a backend knows is its own.
            *(o.name for o in OPERATIONS if o.tag == "Observability"),
            "checkPermissions",
            "reportStatus",
            "checkLimit",
            "checkLimitInProject",
            # Secrets are shown once; what is sent anew is read by its id.
            "createOrganizationWebhook",
            "createProjectWebhook",
            "rotateWebhookSecret",
            "testWebhook",
            "recoverDeliveries",
            "redeliver",
            "readNotifications",
        }
        | memberships
        | exports
    )


@on_both_stores
@pytest.mark.parametrize("path", THINGS)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_gives_a_new_tag_and_the_old_one_matches_no_more(
    ada: Caller, path: str, method: str
) -> None:
    before = _tag(ada, path)
    changed = ada.ask(method, path, {"name": "New"}, headers={"If-Match": before})
    assert changed.status_code == 200
    assert changed.headers["etag"] == _tag(ada, path) != before
    again = ada.ask(method, path, {"name": "Newer"}, headers={"If-Match": before})
    assert refusal(again) == (412, "precondition_failed")
    assert ada.sees(path)["name"] == "New"


@on_both_stores
def test_the_nested_address_carries_the_same_tag(ada: Caller) -> None:
    nested = "/projects/plant/resources/one"
    headers = {"If-Match": _tag(ada, "/resources/one")}
    assert ada.patch(nested, {"name": "New"}, headers=headers).status_code == 200
    assert refusal(ada.delete(nested, headers=headers)) == (412, "precondition_failed")


@on_both_stores
@pytest.mark.parametrize("path", THINGS)
def test_nothing_is_deleted_that_looks_otherwise_than_its_caller_saw(
    ada: Caller, path: str
) -> None:
    stale = {"If-Match": '"stale"'}
    address = path if path == "/resources/one" else f"{path}?cascade=true"
    assert refusal(ada.delete(address, headers=stale)) == (412, "precondition_failed")
    assert ada.get(path).status_code == 200
    fresh = {"If-Match": _tag(ada, path)}
    assert ada.delete(address, headers=fresh).status_code in (202, 204)


@on_both_stores
def test_a_project_moves_only_as_its_caller_saw_it(ada: Caller) -> None:
    stale = {"If-Match": '"stale"'}
    result = ada.post("/projects/plant/move", {"org_id": None}, headers=stale)
    assert refusal(result) == (412, "precondition_failed")
    fresh = {"If-Match": _tag(ada, "/projects/plant")}
    moved = ada.post("/projects/plant/move", {"org_id": None}, headers=fresh)
    assert (moved.status_code, moved.json["org_id"]) == (200, None)
    assert moved.headers["etag"] == _tag(ada, "/projects/plant")


@on_both_stores
@pytest.mark.parametrize("path", THINGS)
def test_an_assignment_changes_only_as_its_caller_saw_it(
    ada: Caller, grace: Caller, path: str
) -> None:
    body = {"user_id": grace.principal, "role_id": "Viewer"}
    granted = ada.post(f"{path}/rbac", body)
    one = f"{path}/rbac/{granted.json['assignment_id']}"
    assert granted.headers["etag"] == _tag(ada, one)
    before = {"If-Match": _tag(ada, one)}
    expiry = {"expires_at": "2030-01-01T00:00:00Z"}
    changed = ada.patch(one, expiry, headers=before)
    assert changed.headers["etag"] == _tag(ada, one)
    assert refusal(ada.patch(one, expiry, headers=before)) == (412, "precondition_failed")
    assert refusal(ada.delete(one, headers=before)) == (412, "precondition_failed")
    after = {"If-Match": _tag(ada, one)}
    assert ada.delete(one, headers=after).status_code == 204


@pytest.mark.parametrize(
    "form", ["*", " * ", "{tag}", ' "x",{tag}', '"x" , {tag},"y"', '{tag},W/"x"']
)
def test_if_match_takes_a_star_and_lists(ada: Caller, form: str) -> None:
    headers = {"If-Match": form.format(tag=_tag(ada, "/organizations/acme"))}
    result = ada.patch("/organizations/acme", {"name": "New"}, headers=headers)
    assert result.status_code == 200
    assert ada.get("/organizations/acme", headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("form", ['"x"', '""', "W/{tag}", '"x", "y"', 'W/"x",W/{tag}'])
def test_if_match_compares_strongly(ada: Caller, form: str) -> None:
    headers = {"If-Match": form.format(tag=_tag(ada, "/organizations/acme"))}
    result = ada.patch("/organizations/acme", {"name": "New"}, headers=headers)
    assert refusal(result) == (412, "precondition_failed")
    result = ada.get("/organizations/acme", headers=headers)
    assert refusal(result) == (412, "precondition_failed")


@pytest.mark.parametrize("form", ["*", "{tag}", "W/{tag}", '"x", {tag}', '"x",W/{tag} , "y"'])
def test_what_the_caller_has_already_is_not_sent_again(ada: Caller, form: str) -> None:
    tag = _tag(ada, "/resources/one")
    result = ada.get("/resources/one", headers={"If-None-Match": form.format(tag=tag)})
    assert (result.status_code, result.content) == (304, b"")
    assert result.headers["etag"] == tag
    assert result.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("form", ['"x"', 'W/"x"', '"", "x"'])
def test_what_the_caller_has_not_is_sent(ada: Caller, form: str) -> None:
    result = ada.get("/resources/one", headers={"If-None-Match": form})
    assert (result.status_code, result.json["resource_id"]) == (200, "one")


@on_both_stores
@pytest.mark.parametrize("form", ["*", "{tag}", "W/{tag}", '"x", {tag}'])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_what_is_as_the_caller_wants_it_not_to_be_is_not_changed(
    ada: Caller, method: str, form: str
) -> None:
    headers = {"If-None-Match": form.format(tag=_tag(ada, "/resources/one"))}
    more = {} if method == "DELETE" else {"body": {"name": "New"}}
    result = ada.ask(method, "/resources/one", headers=headers, **more)
    assert refusal(result) == (412, "precondition_failed")
    assert ada.sees("/resources/one")["name"] == "One"
    assert ada.sees("/resources/one")["status"] == "Creating"


@on_both_stores
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_what_is_not_as_the_caller_wants_it_not_to_be_is_changed(ada: Caller, method: str) -> None:
    headers = {"If-None-Match": '"x", W/"y"'}
    more = {} if method == "DELETE" else {"body": {"name": "New"}}
    result = ada.ask(method, "/resources/one", headers=headers, **more)
    assert result.status_code in (200, 202)


def test_both_preconditions_of_a_change_must_hold(ada: Caller) -> None:
    tag = _tag(ada, "/resources/one")
    for match, none_match in ((tag, tag), ('"x"', '"x"'), ("*", "*"), ('"x"', "*")):
        headers = {"If-Match": match, "If-None-Match": none_match}
        result = ada.patch("/resources/one", {"name": "New"}, headers=headers)
        assert refusal(result) == (412, "precondition_failed")
    headers = {"If-Match": tag, "If-None-Match": '"x"'}
    assert ada.patch("/resources/one", {"name": "New"}, headers=headers).status_code == 200


@pytest.mark.parametrize("header", MALFORMED)
def test_a_tag_is_written_in_quotes(ada: Caller, header: str) -> None:
    for result in (
        ada.get("/resources/one", headers={"If-Match": header}),
        ada.get("/resources/one", headers={"If-None-Match": header}),
        ada.get("/resources/one", headers={"If-Match": '"x"', "If-None-Match": header}),
        ada.delete("/resources/one", headers={"If-Match": '"x"', "If-None-Match": header}),
        ada.patch("/resources/one", {"name": "New"}, headers={"If-Match": header}),
        ada.delete("/resources/one", headers={"If-Match": header}),
        ada.delete("/resources/one", headers={"If-None-Match": header}),
    ):
        assert refusal(result) == (400, "malformed_request")


@on_both_stores
def test_a_stranger_learns_nothing_from_tags(ada: Caller, grace: Caller) -> None:
    for tag in (_tag(ada, "/resources/one"), '"x"', "*"):
        for header in ("If-Match", "If-None-Match"):
            result = grace.get("/resources/one", headers={header: tag})
            assert refusal(result) == (404, "not_found")


def test_a_viewer_is_refused_before_tags_are_compared(ada: Caller, grace: Caller) -> None:
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    result = grace.patch("/resources/one", {"name": "New"}, headers={"If-Match": '"x"'})
    assert refusal(result) == (403, "forbidden")


def test_a_list_has_no_tag(world: World, ada: Caller) -> None:
    assert "etag" not in ada.get("/resources").headers
