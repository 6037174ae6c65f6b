"""Who cannot read a thing gets 404 for it; who can, but may not do it, gets 403 (R1.4)."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from attrs import frozen

from ktrlplane.entrypoints.http.app import OPERATIONS
from tests.http.marks import on_stores_and_catalogs
from tests.http.world import Caller, World, refusal

pytestmark = on_stores_and_catalogs

EVERYBODY: Final = None


@frozen
class Demand:
    """What an operation asks of its caller: whom a stranger and a viewer of Acme look like to
    it, as statuses. ``body`` is made with the world at hand."""

    stranger: int
    viewer: int
    body: Callable[[World], Any] | None = None


def _sending(**body: Any) -> Callable[[World], Any]:
    return lambda _: body


READ: Final = Demand(404, 200)
OPEN: Final = Demand(200, 200)
RENAME: Final = Demand(404, 403, _sending(name="Other"))
DELETE: Final = Demand(404, 403)
GRANT: Final = Demand(404, 403, _sending(user_id="auth0|grace", role_id="Viewer"))
EXPIRY: Final = Demand(404, 403, _sending(expires_at="2030-01-01T00:00:00Z"))

DEMANDS: Final[dict[str, Demand]] = {
    "getMe": OPEN,
    "searchUsers": OPEN,
    "createOrganization": Demand(201, 201, _sending(name="Mine")),
    "listOrganizations": OPEN,
    "getOrganization": READ,
    "updateOrganization": RENAME,
    "putOrganization": RENAME,
    "deleteOrganization": DELETE,
    "createProject": Demand(404, 403, _sending(name="Mine", org_id="acme")),
    "listProjects": OPEN,
    "getProject": READ,
    "updateProject": RENAME,
    "putProject": RENAME,
    "deleteProject": DELETE,
    "moveProject": Demand(404, 403, _sending(org_id=None)),
    "createResource": Demand(404, 403, lambda world: world.wish()),
    "listProjectResources": READ,
    "listResources": OPEN,
    **{
        f"{verb}Resource{form}": demand
        for verb, demand in {
            "get": READ,
            "update": RENAME,
            "put": RENAME,
            "delete": DELETE,
        }.items()
        for form in ("", "InProject")
    },
    **{
        name.format(scope): demand
        for name, demand in {
            "list{}Assignments": READ,
            "grant{}Role": GRANT,
            "get{}Assignment": READ,
            "change{}Assignment": EXPIRY,
            "revoke{}Assignment": DELETE,
        }.items()
        for scope in ("Organization", "Project", "Resource")
    },
    "listRoles": OPEN,
    "getRole": OPEN,
    "listRolePermissions": OPEN,
    "listPermissions": OPEN,
    "getHeldPermissions": OPEN,
    "checkPermissions": Demand(
        200, 200, _sending(checks=[{"scope_type": "global", "action": "read"}])
    ),
    "listResourceTypes": OPEN,
    "getResourceType": OPEN,
    "listTiers": OPEN,
    "getSettingsSchema": OPEN,
    "listPresets": OPEN,
    "getResourcePricing": OPEN,
}
"""An operation that is missing here has not been thought about."""

QUERIES: Final = {
    "searchUsers": lambda _: "q=ada",
    "getHeldPermissions": lambda _: "scopeType=organization&scopeId=acme",
    "getResourcePricing": lambda world: f"type={world.kind.type}&sku={world.tier.sku}",
}


def _addresses(world: World, ada: Caller) -> dict[str, str]:
    """Of what Ada has made, by the word in a path; an assignment on each scope."""
    made = {"org_id": "acme", "project_id": "plant", "resource_id": "one"}
    for scope, path in {
        "Organization": "/organizations/acme",
        "Project": "/projects/plant",
        "Resource": "/resources/one",
    }.items():
        held = ada.makes(f"{path}/rbac", {"user_id": "auth0|grace", "role_id": "Editor"})
        made[scope] = held["assignment_id"]
    return made | {"role_id": "Owner", "type": world.kind.type}


@pytest.mark.usefixtures("one", "grace")
def test_every_operation_treats_strangers_and_viewers_as_it_should(
    world: World, ada: Caller
) -> None:
    assert {operation.name for operation in OPERATIONS} == set(DEMANDS)
    made = _addresses(world, ada)
    stranger, viewer = world.person("stranger"), world.person("viewer")
    for caller in (stranger, viewer):
        caller.sees("/users/me")
    ada.makes("/organizations/acme/rbac", {"user_id": "auth0|viewer", "role_id": "Viewer"})
    seen = {}
    for operation in OPERATIONS:
        scope = next(
            (s for s in ("Organization", "Project", "Resource") if s in operation.name), ""
        )
        path = operation.path.format(**made, assignment_id=made.get(scope, ""))
        demand = DEMANDS[operation.name]
        more: dict[str, Any] = {}
        if demand.body is not None:
            more["body"] = demand.body(world)
        query = QUERIES.get(operation.name, lambda _: None)(world)
        seen[operation.name] = tuple(
            caller.ask(operation.method, path, query=query, **more).status_code
            for caller in (stranger, viewer)
        )
    assert seen == {name: (demand.stranger, demand.viewer) for name, demand in DEMANDS.items()}


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
