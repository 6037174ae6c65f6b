"""A rehearsal of a change of access says who would gain and who would lose what, exactly."""

from typing import Any, Final

import pytest

from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from tests.http.marks import on_both_stores
from tests.http.world import NOTHING, SCOPES, Caller, World, ids, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

READ: Final = ["Konnektr.KtrlPlane:read"]
WRITE: Final = ["Konnektr.KtrlPlane:write"]
EDIT: Final = READ + WRITE


def _effect(user: Caller, scope: str, permissions: list[str]) -> dict[str, Any]:
    """``scope`` as ``project plant``."""
    scope_type, _, scope_id = scope.partition(" ")
    return {
        "user_id": user.principal,
        "email": None,
        "scope_type": scope_type,
        "scope_id": scope_id,
        "permissions": permissions,
    }


def _preview(caller: Caller, method: str, path: str, body: object = NOTHING) -> dict[str, Any]:
    address = path + ("&" if "?" in path else "?") + "validate_only=true"
    result = caller.ask(method, address, body)
    assert result.status_code == 200, result.text
    told: dict[str, Any] = result.json
    assert told["is_whole"] is True
    return {name: told[name] for name in ("gains", "losses")}


def _changes(*, gains: list[Any] | None = None, losses: list[Any] | None = None) -> dict[str, Any]:
    return {"gains": gains or [], "losses": losses or []}


def _holds(owner: Caller, user: Caller, role: str, path: str) -> str:
    """The address of a new assignment."""
    made = owner.makes(f"{path}/rbac", {"user_id": user.principal, "role_id": role})
    return f"{path}/rbac/{made['assignment_id']}"


@pytest.fixture
def linus(world: World) -> Caller:
    linus = world.person("linus")
    linus.sees("/users/me")
    return linus


@pytest.fixture
def crew(ada: Caller, grace: Caller, linus: Caller) -> str:
    """The address of a group that both are in, with a role on the project and the resource."""
    group_id = ada.makes("/organizations/acme/groups", {"name": "Crew"})["group_id"]
    for member in (grace, linus):
        assert ada.put(f"/groups/{group_id}/members/{member.principal}").status_code == 200
    ada.makes("/projects/plant/rbac", {"group_id": group_id, "role_id": "Viewer"})
    ada.makes("/resources/one/rbac", {"group_id": group_id, "role_id": "Editor"})
    return f"/groups/{group_id}"


def test_each_of_those_operations_is_tried_here() -> None:
    scopes = ("Organization", "Project", "Resource")
    assert {operation.name for operation in OPERATIONS if operation.preview is AccessPreview} == {
        *(f"grant{scope}Role" for scope in scopes),
        *(f"change{scope}Assignment" for scope in scopes),
        *(f"revoke{scope}Assignment" for scope in scopes),
        *(f"{verb}{place}" for verb in ("delete",) for place in ("Group", "OrganizationGroup")),
        *(f"{verb}{place}GroupMember" for verb in ("put", "remove") for place in _ADDRESSES),
        "updateRole",
        "deleteRole",
        "removeServiceAccount",
        "moveProject",
    }


_ADDRESSES: Final = ("", "Organization")


@pytest.mark.parametrize(("scope", "path"), SCOPES.items())
def test_a_grant(ada: Caller, grace: Caller, scope: str, path: str) -> None:
    place = f"{scope} {path.rpartition('/')[2]}"
    body = {"user_id": grace.principal, "role_id": "Editor"}
    gains = [_effect(grace, place, EDIT)]
    assert _preview(ada, "POST", f"{path}/rbac", body) == _changes(gains=gains)
    assert refusal(grace.get(path)) == (404, "not_found")
    by_address = {"email": "GRACE@example.com", "role_id": "Editor"}
    untold = [gain | {"user_id": None, "email": "GRACE@example.com"} for gain in gains]
    assert _preview(ada, "POST", f"{path}/rbac", by_address) == _changes(gains=untold)
    _holds(ada, grace, "Viewer", "/organizations/acme")
    gains = [_effect(grace, place, WRITE)]
    assert _preview(ada, "POST", f"{path}/rbac", body) == _changes(gains=gains)
    _holds(ada, grace, "Owner", "/organizations/acme")
    assert _preview(ada, "POST", f"{path}/rbac", body) == _changes()


@pytest.mark.parametrize(("scope", "path"), SCOPES.items())
def test_an_invitation(ada: Caller, scope: str, path: str) -> None:
    body = {"email": "New@example.com", "role_id": "Viewer"}
    gain = {
        "user_id": None,
        "email": "New@example.com",
        "scope_type": scope,
        "scope_id": path.rpartition("/")[2],
        "permissions": READ,
    }
    assert _preview(ada, "POST", f"{path}/rbac", body) == _changes(gains=[gain])
    assert ada.sees(f"{path}/invitations")["items"] == []


def test_a_grant_to_a_group(ada: Caller, grace: Caller, linus: Caller, crew: str) -> None:
    _holds(ada, grace, "Editor", "/organizations/acme")
    body = {"group_id": crew.rpartition("/")[2], "role_id": "Editor"}
    gains = [_effect(linus, "project plant", WRITE)]
    assert _preview(ada, "POST", "/projects/plant/rbac", body) == _changes(gains=gains)


@pytest.mark.parametrize(("scope", "path"), SCOPES.items())
def test_an_expiry_takes_nothing_at_once(
    ada: Caller, grace: Caller, scope: str, path: str
) -> None:
    one = _holds(ada, grace, "Viewer", path)
    for expires_at in ("2026-01-02T00:00:00Z", None):
        assert _preview(ada, "PATCH", one, {"expires_at": expires_at}) == _changes()
    assert ada.sees(one)["expires_at"] is None


@pytest.mark.parametrize(("scope", "path"), SCOPES.items())
def test_a_revocation(ada: Caller, grace: Caller, scope: str, path: str) -> None:
    place = f"{scope} {path.rpartition('/')[2]}"
    one = _holds(ada, grace, "Editor", path)
    assert _preview(ada, "DELETE", one) == _changes(losses=[_effect(grace, place, EDIT)])
    _holds(ada, grace, "Viewer", "/organizations/acme")
    assert _preview(ada, "DELETE", one) == _changes(losses=[_effect(grace, place, WRITE)])
    assert grace.get(path).status_code == 200


@pytest.mark.parametrize("nested", ["", "/organizations/acme"])
def test_who_joins_and_who_leaves(world: World, ada: Caller, crew: str, nested: str) -> None:
    bob = world.person("bob")
    bob.sees("/users/me")
    one = f"{nested}{crew}/members/{bob.principal}"
    both = [_effect(bob, "project plant", READ), _effect(bob, "resource one", EDIT)]
    assert _preview(ada, "PUT", one) == _changes(gains=both)
    assert refusal(ada.get(one)) == (404, "not_found")
    ada.put(one)
    assert _preview(ada, "PUT", one) == _changes()
    assert _preview(ada, "DELETE", one) == _changes(losses=both)
    _holds(ada, bob, "Viewer", "/organizations/acme")
    assert _preview(ada, "DELETE", one) == _changes(losses=[_effect(bob, "resource one", WRITE)])
    assert ada.sees(one)["user_id"] == bob.principal


@pytest.mark.parametrize("nested", ["", "/organizations/acme"])
def test_the_end_of_a_group(
    ada: Caller, grace: Caller, linus: Caller, crew: str, nested: str
) -> None:
    losses = [
        _effect(user, scope, permissions)
        for user in (grace, linus)
        for scope, permissions in (("project plant", READ), ("resource one", EDIT))
    ]
    assert _preview(ada, "DELETE", f"{nested}{crew}") == _changes(losses=losses)
    assert grace.get("/resources/one").status_code == 200


def test_a_change_of_a_role_and_its_end(
    ada: Caller, grace: Caller, linus: Caller, crew: str
) -> None:
    role = "/organizations/acme/roles/Operator"
    body = {"name": "Operator", "permissions": ["manage_billing", "Konnektr.Graph:models/read"]}
    ada.makes("/organizations/acme/roles", body)
    _holds(ada, grace, "Operator", "/organizations/acme")
    held = {"group_id": crew.rpartition("/")[2], "role_id": "Operator"}
    ada.makes("/projects/plant/rbac", held)
    billing, models = ["Konnektr.KtrlPlane:manage_billing"], ["Konnektr.Graph:models/read"]
    changed = {"permissions": ["read", "Konnektr.Graph:models/read"]}
    # Grace has all of it on the project by the organization, and reads there by the group.
    assert _preview(ada, "PATCH", role, changed) == _changes(
        gains=[_effect(grace, "organization acme", READ)],
        losses=[
            _effect(grace, "organization acme", billing),
            _effect(grace, "project plant", billing),
            _effect(linus, "project plant", billing),
        ],
    )
    assert _preview(ada, "PATCH", role, {"description": "Other."}) == _changes()
    assert _preview(ada, "DELETE", f"{role}?cascade=true") == _changes(
        losses=[
            _effect(grace, "organization acme", models + billing),
            _effect(grace, "project plant", models + billing),
            _effect(linus, "project plant", models + billing),
        ]
    )
    assert len(ada.sees(role)["permissions"]) == 2


def test_of_what_covers_each_other_the_widest_is_told(ada: Caller, grace: Caller) -> None:
    body = {"user_id": grace.principal, "role_id": "Konnektr.Graph.Owner"}
    wide = [f"Konnektr.Graph:{what}/*" for what in ("digitaltwins", "jobs", "mcp", "models")]
    gains = [_effect(grace, "resource one", [*wide, "Konnektr.Graph:query/*"])]
    assert _preview(ada, "POST", "/resources/one/rbac", body) == _changes(gains=gains)
    _holds(ada, grace, "Konnektr.Graph.Owner", "/projects/plant")
    narrow = {"user_id": grace.principal, "role_id": "Konnektr.Graph.Viewer"}
    assert _preview(ada, "POST", "/resources/one/rbac", narrow) == _changes()


def test_a_service_account_that_is_taken_out(world: World, ada: Caller, crew: str) -> None:
    ada.makes("/organizations/acme/service-accounts", {"client_id": "robot", "name": "Robot"})
    robot = world.machine("robot")
    _holds(ada, robot, "Viewer", "/organizations/acme")
    _holds(ada, robot, "Editor", "/resources/one")
    path = "/organizations/acme/service-accounts/robot"
    losses = [_effect(robot, "organization acme", READ), _effect(robot, "resource one", EDIT)]
    assert _preview(ada, "DELETE", path) == _changes(losses=losses)
    assert robot.get("/resources/one").status_code == 200


def test_a_service_account_loses_what_it_has_by_groups_too(
    world: World, ada: Caller, crew: str
) -> None:
    ada.makes("/organizations/acme/service-accounts", {"client_id": "robot", "name": "Robot"})
    robot = world.machine("robot")
    ada.put(f"{crew}/members/{robot.principal}")
    losses = [_effect(robot, "project plant", READ), _effect(robot, "resource one", EDIT)]
    path = "/organizations/acme/service-accounts/robot"
    assert _preview(ada, "DELETE", path) == _changes(losses=losses)


def test_a_move(world: World, ada: Caller, grace: Caller, linus: Caller) -> None:
    bob = world.person("bob")
    bob.sees("/users/me")
    ada.makes("/organizations", {"id": "other", "name": "Other"})
    _holds(ada, grace, "Viewer", "/organizations/acme")
    _holds(ada, linus, "Viewer", "/organizations/acme")
    _holds(ada, linus, "Editor", "/organizations/other")
    _holds(ada, bob, "Viewer", "/organizations/other")
    move = "/projects/plant/move"
    assert _preview(ada, "POST", move, {"org_id": "other"}) == _changes(
        gains=[_effect(bob, "project plant", READ), _effect(linus, "project plant", WRITE)],
        losses=[_effect(grace, "project plant", READ)],
    )
    assert _preview(ada, "POST", move, {"org_id": None}) == _changes(
        losses=[_effect(grace, "project plant", READ), _effect(linus, "project plant", READ)]
    )
    assert _preview(ada, "POST", move, {"org_id": "acme"}) == _changes()
    assert ada.sees("/projects/plant")["org_id"] == "acme"


def test_a_move_takes_back_what_the_organization_lent(
    ada: Caller, grace: Caller, linus: Caller, crew: str
) -> None:
    ada.makes("/organizations/acme/roles", {"name": "Reader", "permissions": ["read"]})
    _holds(ada, grace, "Reader", "/resources/one")
    assert _preview(ada, "POST", "/projects/plant/move", {"org_id": None}) == _changes(
        losses=[
            _effect(grace, "project plant", READ),
            _effect(grace, "resource one", EDIT),
            _effect(linus, "project plant", READ),
            _effect(linus, "resource one", EDIT),
        ]
    )


def test_who_may_not_do_it_learns_nothing_of_others(ada: Caller, grace: Caller, crew: str) -> None:
    stranger, body = grace, {"group_id": crew.rpartition("/")[2], "role_id": "Editor"}
    ada.makes("/organizations/acme/groups", {"name": "Watch"})
    for method, path, sent in (
        ("POST", "/projects/plant/rbac", body),
        ("DELETE", crew, NOTHING),
        ("PUT", f"{crew}/members/{stranger.principal}", NOTHING),
        ("POST", "/projects/plant/move", {"org_id": None}),
    ):
        result = stranger.ask(method, f"{path}?validate_only=true", sent)
        assert result.status_code in (403, 404)
        assert "auth0|linus" not in result.text
    assert ids(ada.sees(f"{crew}/members"), "user_id")


def test_a_rehearsal_tells_nothing_of_people_that_one_shares_nothing_with(
    world: World, ada: Caller
) -> None:
    """It leaves no trace, so anybody could ask for anybody."""
    yara = world.person("yara", email="yara@corp.example", name="Yara of the Corporation")
    yara.sees("/users/me")
    group = ada.makes("/organizations/acme/groups", {"name": "Net"})["group_id"]
    by_id = {"user_id": yara.principal, "role_id": "Viewer"}
    by_address = {"email": "yara@corp.example", "role_id": "Viewer"}
    rehearsed = "?validate_only=true"
    for result in (
        ada.put(f"/groups/{group}/members/{yara.principal}{rehearsed}"),
        ada.post(f"/organizations/acme/rbac{rehearsed}", by_id),
    ):
        assert result.status_code == 200
        assert "corp.example" not in result.text
        assert "Yara" not in result.text
    result = ada.post(f"/organizations/acme/rbac{rehearsed}", by_address)
    assert result.status_code == 200
    assert yara.principal not in result.text
