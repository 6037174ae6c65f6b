"""What one cannot read looks like what is not there (R1.4)."""

from typing import Any

import pytest

from tests.http.marks import on_stores_and_catalogs
from tests.http.world import Caller, World, refusal

pytestmark = on_stores_and_catalogs


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    ("there", "not_there"),
    [
        ("/organizations/acme", "/organizations/acne"),
        ("/projects/plant", "/projects/plane"),
        ("/resources/one", "/resources/two"),
        ("/projects/plant/resources/one", "/projects/plant/resources/two"),
        ("/organizations/acme/rbac", "/organizations/acne/rbac"),
        ("/projects/plant/rbac", "/projects/plane/rbac"),
        ("/resources/one/rbac", "/resources/two/rbac"),
    ],
)
def test_a_stranger_cannot_tell_what_is_there_from_what_is_not(
    grace: Caller, there: str, not_there: str
) -> None:
    def told(path: str) -> list[Any]:
        answers = (grace.get(path), grace.delete(path), grace.patch(path, {}))
        return [
            {**answer.json, "request_id": "", "detail": answer.json["detail"].replace(path, "")}
            for answer in answers
        ]

    names = {"acne": "acme", "plane": "plant", "two": "one"}
    unseen = told(not_there)
    for document in unseen:
        for wrong, right in names.items():
            document["detail"] = document["detail"].replace(wrong, right)
    assert told(there) == unseen


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("scope", ["/organizations/acme", "/projects/plant", "/resources/one"])
def test_a_role_on_a_scope_counts_there_and_below_only(
    ada: Caller, grace: Caller, scope: str
) -> None:
    ada.makes(f"{scope}/rbac", {"user_id": grace.principal, "role_id": "Editor"})
    paths = ["/organizations/acme", "/projects/plant", "/resources/one"]
    statuses = [grace.patch(path, {"name": "Other"}).status_code for path in paths]
    reached = paths.index(scope)
    assert statuses == [404] * reached + [200] * (3 - reached)


@pytest.mark.usefixtures("one")
def test_a_global_role_shows_nothing_below(world: World, grace: Caller) -> None:
    world.grants(grace, "Owner", "global")
    assert refusal(grace.get("/organizations/acme")) == (404, "not_found")
    assert grace.sees("/resources")["items"] == []


@pytest.mark.usefixtures("one", "grace")
def test_a_nested_address_names_the_project_that_a_resource_is_in(ada: Caller) -> None:
    ada.makes("/projects", {"id": "mill", "name": "Mill"})
    body = {"name": "Other"}
    for result in (
        ada.get("/projects/mill/resources/one"),
        ada.patch("/projects/mill/resources/one", body),
        ada.put("/projects/mill/resources/one", body),
        ada.delete("/projects/mill/resources/one"),
        ada.get("/projects/nowhere/resources/one"),
        ada.get("/projects/NOT-AN-ID/resources/one"),
    ):
        assert refusal(result) == (404, "not_found")
    assert ada.sees("/projects/plant/resources/one") == ada.sees("/resources/one")
    assert ada.sees("/resources/one")["name"] == "One"
