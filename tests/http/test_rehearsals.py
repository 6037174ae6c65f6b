"""With validate_only every check runs and nothing changes."""

from typing import Any, Final

import attrs
import pytest

from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.operations import Operation
from ktrlplane.entrypoints.http.parameters import DeleteParameters
from tests.http.world import Caller, World, faults, refusal

pytestmark = pytest.mark.usefixtures("one", "grace")

WRITES: Final = [operation for operation in OPERATIONS if operation.writes]
GRANT: Final = {"user_id": "auth0|grace", "role_id": "Editor"}
EXPIRY: Final = {"expires_at": "2030-01-01T00:00:00Z"}
BODIES: Final[dict[str, Any]] = {
    "createOrganization": {"name": "New"},
    "createProject": {"name": "New"},
    "createResource": "a wish",
    "moveProject": {"org_id": None},
    **{f"update{noun}": {"name": "New"} for noun in ("Organization", "Project", "Resource")},
    **{f"put{noun}": {"name": "New"} for noun in ("Organization", "Project", "Resource")},
    **{f"{verb}ResourceInProject": {"name": "New"} for verb in ("update", "put")},
    **{f"grant{noun}Role": GRANT for noun in ("Organization", "Project", "Resource")},
    **{f"change{noun}Assignment": EXPIRY for noun in ("Organization", "Project", "Resource")},
    "createGroup": {"name": "New"},
    "updateOrganizationGroup": {"name": "New"},
    "updateGroup": {"name": "New"},
    "createRole": {"name": "New", "permissions": ["read"]},
    "updateRole": {"permissions": ["read", "write"]},
    "registerServiceAccount": {"client_id": "new", "name": "New"},
}


def _dump(world: World) -> dict[str, Any]:
    """All that is stored, by table."""
    assert isinstance(world.units, MemoryUnitsOfWork)
    tables = world.units._committed
    return {
        column.name: sorted(map(repr, getattr(tables, column.name).all()))
        for column in attrs.fields(type(tables))
    }


@pytest.fixture
def made(ada: Caller, grace: Caller, world: World) -> dict[str, str]:
    """What there is, by the name of its parameter, and assignments and invitations by the
    scope's path."""
    world.person("linus").get("/users/me")
    found = {}
    for path in ("/organizations/acme", "/projects/plant", "/resources/one"):
        held = ada.makes(f"{path}/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
        found[f"{path}/rbac"] = held["assignment_id"]
        invited = ada.makes(f"{path}/rbac", {"email": "new@example.com", "role_id": "Viewer"})
        found[f"{path}/invitations"] = invited["invitation_id"]
    group = ada.makes("/organizations/acme/groups", {"name": "Crew"})["group_id"]
    ada.put(f"/groups/{group}/members/{grace.principal}")
    ada.makes("/organizations/acme/roles", {"name": "Reader", "permissions": ["read"]})
    account = {"client_id": "robot", "name": "Robot"}
    ada.makes("/organizations/acme/service-accounts", account)
    return found | {"group_id": group, "role_id": "Reader", "client_id": "robot"}


def _address(operation: Operation, made: dict[str, str]) -> str:
    found = made | {"org_id": "acme", "project_id": "plant", "resource_id": "one"}
    joins = operation.method == "PUT"
    found["user_id"] = "auth0|linus" if joins else "auth0|grace"
    path = operation.path
    for place in ("rbac", "invitations"):
        scope = path.partition(f"/{place}")[0].format(**found)
        if f"/{place}/" in path:
            found[f"{place}_id"] = found[f"{scope}/{place}"]
    path = path.replace("{assignment_id}", "{rbac_id}")
    return path.replace("{invitation_id}", "{invitations_id}").format(**found)


@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: operation.name)
def test_a_rehearsal_answers_and_leaves_no_trace(
    world: World, ada: Caller, made: dict[str, str], operation: Operation
) -> None:
    path = _address(operation, made)
    more: dict[str, Any] = {}
    if operation.body is not None:
        body = BODIES[operation.name]
        more["body"] = world.wish() if body == "a wish" else body
    if operation.query is DeleteParameters:
        path += "?cascade=true"
    before = _dump(world)
    rehearsal = path + ("&" if "?" in path else "?") + "validate_only=true"
    rehearsed = ada.ask(operation.method, rehearsal, **more)
    assert _dump(world) == before
    silent = operation.answer is None and not operation.previewed
    assert rehearsed.status_code == (204 if silent else 200), rehearsed.text
    assert "location" not in rehearsed.headers
    assert operation.previewed == ("gains" in (rehearsed.json or {}))
    done = ada.ask(operation.method, path, **more)
    assert done.status_code == operation.status
    assert _dump(world) != before
    if operation.answer is not None:
        assert _told(rehearsed.json) == _told(done.json)


def _told(document: Any) -> Any:
    """What does not differ from one time to the next."""
    made = ("assignment_id", "org_id", "project_id", "resource_id", "group_id", "role_id")
    untold = ("user", "gains", "losses", "is_whole")
    return {
        name: value
        for name, value in document.items()
        if name not in untold and (name not in made or value in ("acme", "plant", "one"))
    }


def test_a_rehearsal_is_refused_as_the_real_thing_is(world: World, ada: Caller) -> None:
    stranger = world.person("stranger")
    before = _dump(world)
    for result, expected in (
        (stranger.patch("/organizations/acme?validate_only=true", {"name": "X"}), "not_found"),
        (ada.delete("/organizations/acme?validate_only=true"), "not_empty"),
        (
            ada.post("/organizations?validate_only=true", {"id": "acme", "name": "X"}),
            "already_exists",
        ),
        (
            ada.patch(
                "/resources/one?validate_only=true", {"name": "X"}, headers={"If-Match": '"x"'}
            ),
            "precondition_failed",
        ),
    ):
        assert result.json["code"] == expected
    wrong = world.wish(id="default", settings_json={"nonsense": 1})
    result = ada.post("/projects/plant/resources?validate_only=true", wrong)
    assert result.status_code == 422
    assert _dump(world) == before


def test_a_viewers_rehearsal_is_refused(world: World, ada: Caller, grace: Caller) -> None:
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    result = grace.post("/projects/plant/resources?validate_only=true", world.wish())
    assert refusal(result) == (403, "forbidden")


def test_a_rehearsal_of_an_unlawful_wish_lists_every_fault(world: World, ada: Caller) -> None:
    wish = world.wish(sku="gold", preset="nothing")
    result = ada.post("/projects/plant/resources?validate_only=true", wish)
    assert faults(result) == {"/sku": "unknown_sku", "/preset": "unknown_preset"}


def test_not_to_rehearse_is_to_do_it(ada: Caller) -> None:
    assert ada.delete("/resources/one?validate_only=false").status_code == 202
    assert ada.sees("/resources/one")["status"] == "Deleting"


def test_what_changes_nothing_cannot_be_rehearsed(ada: Caller) -> None:
    checks = {"checks": [{"scope_type": "global", "action": "read"}]}
    for result in (
        ada.get("/organizations/acme?validate_only=true"),
        ada.post("/permissions/check?validate_only=true", checks),
    ):
        assert refusal(result) == (400, "unknown_parameter")
