"""What an operation says that it needs is what it needs: that is enough, and nothing of it can
be left out."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest
from attrs import field, frozen

from ktrlplane.domain.access import OPERATORS_ACTIONS, Action
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.operations import Needs, Operation, signed_in
from tests.http.estate import PROJECTS, Estate, an_estate
from tests.http.marks import on_both_stores
from tests.http.world import SCOPES, Caller, World, ids, refusal

pytestmark = on_both_stores

DEMANDING: Final = [
    operation
    for operation in OPERATIONS
    if operation.needs.scope in SCOPES
    and not OPERATORS_ACTIONS.intersection(operation.needs.actions)
]

NOT_NOW: Final = {
    "resumeResource": (409, "invalid_transition"),
    "resumeResourceInProject": (409, "invalid_transition"),
    "retryResource": (409, "invalid_transition"),
    "retryResourceInProject": (409, "invalid_transition"),
    **{
        f"{verb}{place}Subscription": answer
        for place in ("Organization", "Project")
        for verb, answer in (
            ("begin", (402, "payment_required")),
            ("cancel", (409, "conflict")),
            ("resume", (409, "conflict")),
        )
    },
}
"""What is let in, and then told that there is nothing to resume, to try again or to pay by."""
SEEN_BY_THE_PAYER: Final = dict.fromkeys(
    ("listProjectInvoices", "listProjectPaymentMethods", "estimateProjectBilling"),
    (403, "forbidden"),
)
"""Of a project that another scope pays for, it is shown to who manages that one's billing."""

IN_THE_NOTE: Final[Mapping[str, set[Action]]] = {
    "moveProject": {Action.MANAGE_ACCESS, Action.ESCALATE},
    **{
        operation.name: {Action.ESCALATE}
        for operation in DEMANDING
        if "escalate" in operation.needs.note and operation.name != "moveProject"
    },
}
"""What an operation needs beside its actions, at the same scope."""


@frozen
class People:
    """Who hold exactly what a test says, by a role that was made for it."""

    estate: Estate
    known: dict[str, Caller] = field(factory=dict)

    def holding(self, actions: Iterable[Action], operation: Operation) -> Caller:
        """Where the operation needs them."""
        place = SCOPES[operation.needs.scope]
        place = place.replace("plant", PROJECTS.get(operation.name, "plant"))
        name = "-".join(sorted(actions))
        whole = f"{name}.{place.rpartition('/')[2]}"
        if whole not in self.known:
            self.known[whole] = self._made(whole, name, place, sorted(actions))
        return self.known[whole]

    def _made(self, whole: str, role: str, place: str, actions: list[Action]) -> Caller:
        owner, caller = self.estate.owner, self.estate.world.person(whole)
        caller.sees("/users/me")
        held = {"user_id": caller.principal, "role_id": f"With {role}"}
        if actions:
            roles = {"name": f"With {role}", "permissions": actions}
            made = owner.post("/organizations/acme/roles", roles)
            assert made.status_code == 201 or made.json["code"] == "already_exists"
            owner.makes(f"{place}/rbac", held)
        write = {"user_id": caller.principal, "role_id": "Editor"}
        owner.makes("/organizations/other/rbac", write)
        return caller


@pytest.fixture
def people(world: World) -> People:
    return People(an_estate(world))


def _needed(operation: Operation) -> set[Action]:
    return {*operation.needs.actions} | IN_THE_NOTE.get(operation.name, set())


def test_what_is_said_to_be_needed_is_enough(people: People) -> None:
    refused: dict[str, Any] = {}
    for operation in DEMANDING:
        caller = people.holding({Action.READ} | _needed(operation), operation)
        result = people.estate.ask(caller, operation, rehearsed=True)
        if result.status_code >= 400 and operation.name not in NOT_NOW:
            refused[operation.name] = result.json
        if operation.name in NOT_NOW:
            assert refusal(result) == NOT_NOW[operation.name]
    assert {name: (one["status"], one["code"]) for name, one in refused.items()} == (
        SEEN_BY_THE_PAYER
    )


def test_nothing_of_what_is_said_to_be_needed_can_be_left_out(people: People) -> None:
    seen, expected = {}, {}
    for operation in DEMANDING:
        whole = {Action.READ} | _needed(operation)
        for missing in {Action.READ, *operation.needs.actions}:
            caller = people.holding(whole - {missing}, operation)
            result = people.estate.ask(caller, operation, rehearsed=True)
            seen[operation.name, missing] = result.status_code
            expected[operation.name, missing] = 404 if missing is Action.READ else 403
    assert seen == expected


def test_who_holds_all_but_what_is_needed_is_refused(people: People) -> None:
    """No other permission does in its place."""
    every = {*Action} - OPERATORS_ACTIONS
    for operation in DEMANDING:
        (needed,) = operation.needs.actions
        caller = people.holding(every - {needed}, operation)
        result = people.estate.ask(caller, operation, rehearsed=True)
        assert result.status_code == (404 if needed is Action.READ else 403), operation.name


# -- what the notes say ------------------------------------------------------------------------


def _needs(name: str) -> Needs:
    (found,) = [operation.needs for operation in OPERATIONS if operation.name == name]
    return found


@pytest.mark.parametrize("org_id", ["acme", "other"])
def test_a_project_needs_write_where_it_goes(people: People, org_id: str) -> None:
    owner, world = people.estate.owner, people.estate.world
    bob = world.person("bob")
    bob.sees("/users/me")
    project = bob.makes("/projects", {"name": "Bob's"})["project_id"]
    path, body = f"/projects/{project}/move", {"org_id": org_id}
    assert refusal(bob.post(path, body)) == (404, "not_found")
    held = owner.makes(f"/organizations/{org_id}/rbac", _grant(bob, "Viewer"))
    assert refusal(bob.post(path, body)) == (403, "forbidden")
    owner.makes(f"/organizations/{org_id}/rbac", _grant(bob, "Editor"))
    owner.delete(f"/organizations/{org_id}/rbac/{held['assignment_id']}")
    assert bob.post(path, body).status_code == 200


def test_a_move_hands_out_what_the_people_there_gain(people: People) -> None:
    assert "manage_access" in _needs("moveProject").note
    move = next(operation for operation in DEMANDING if operation.name == "moveProject")
    whole = {Action.READ, Action.DELETE, Action.MANAGE_ACCESS, Action.ESCALATE}
    assert people.estate.ask(people.holding(whole, move), move, rehearsed=True).status_code == 200
    for missing in (Action.MANAGE_ACCESS, Action.ESCALATE):
        caller = people.holding(whole - {missing}, move)
        result = people.estate.ask(caller, move, rehearsed=True)
        assert refusal(result) == (403, "forbidden"), missing


def test_a_project_in_no_organization_needs_only_a_person(world: World) -> None:
    assert "any person" in _needs("createProject").note
    assert world.person("bob").post("/projects", {"name": "Mine"}).status_code == 201
    result = world.machine("robot").post("/projects", {"name": "Mine"})
    assert refusal(result) == (403, "forbidden")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_who_spends_an_organizations_money_is_said_by_who_manages_that(
    people: People, method: str
) -> None:
    assert "manage_billing" in _needs("updateOrganization").note
    update = next(operation for operation in DEMANDING if operation.name == "updateOrganization")
    body = {"purchase_policy": "project_owners"}
    for extra, status in (({Action.MANAGE_BILLING}, 200), (set(), 403)):
        caller = people.holding({Action.READ, Action.WRITE} | extra, update)
        path = "/organizations/acme?validate_only=true"
        assert caller.ask(method, path, body).status_code == status


def test_others_reach_is_shown_where_one_manages_access(people: People) -> None:
    needs = _needs("listUserAccess")
    assert (needs.actions, needs.scope) == ((Action.MANAGE_ACCESS,), "each scope that is listed")
    update = next(operation for operation in DEMANDING if operation.name == "updateProject")
    every = {*Action} - OPERATORS_ACTIONS
    shown = people.holding({Action.MANAGE_ACCESS}, update).sees("/users/auth0%7Cgrace/access")
    assert {one["scope_id"] for one in shown["items"]} == {"plant", "one"}
    hidden = people.holding(every - {Action.MANAGE_ACCESS}, update)
    assert refusal(hidden.get("/users/auth0%7Cgrace/access")) == (404, "not_found")
    assert [one["scope_id"] for one in hidden.sees(f"/users/{hidden.principal}/access")["items"]]


def test_an_organizations_role_is_shown_to_who_may_read_that(people: People) -> None:
    for name in ("getRole", "listRolePermissions"):
        assert _needs(name) == signed_in("or read on its organization, for an organization's own")
    reader = people.estate.found["role_id"]
    stranger = people.estate.world.person("stranger")
    stranger.sees("/users/me")
    member = people.holding(
        {Action.READ}, next(one for one in DEMANDING if one.needs.scope == "organization")
    )
    for path in (f"/roles/{reader}", f"/roles/{reader}/permissions"):
        assert refusal(stranger.get(path)) == (404, "not_found")
        assert member.get(path).status_code == 200
        assert stranger.get(path.replace(reader, "Viewer")).status_code == 200


def test_a_projects_resources_are_not_listed_to_who_may_read_one_of_them(people: People) -> None:
    read = next(operation for operation in DEMANDING if operation.name == "getResource")
    reader = people.holding({Action.READ}, read)
    assert refusal(reader.get("/projects/plant/resources")) == (404, "not_found")
    assert ids(reader.sees("/resources?project_id=plant"), "resource_id") == ["one"]


def _grant(user: Caller, role: str) -> dict[str, Any]:
    return {"user_id": user.principal, "role_id": role}
