"""With validate_only every check runs and nothing changes."""

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.operations import Operation
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview, PricePreview
from tests.http.estate import Estate, an_estate
from tests.http.world import Caller, World, faults, refusal

WRITES: Final = [
    operation for operation in OPERATIONS if operation.writes and operation.tag != "Billing"
]
"""What is done elsewhere is rehearsed in tests of its own."""


@pytest.fixture
def estate(world: World) -> Estate:
    made = an_estate(world)
    world.clock.advance(timedelta(seconds=1))
    return made


def _dump(world: World) -> dict[str, Any]:
    """All that is stored, by table."""
    assert isinstance(world.units, MemoryUnitsOfWork)
    tables = world.units._committed
    return {
        column.name: sorted(map(repr, getattr(tables, column.name).all()))
        for column in attrs.fields(type(tables))
    }


@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: operation.name)
def test_a_rehearsal_answers_and_leaves_no_trace(estate: Estate, operation: Operation) -> None:
    world, owner = estate.world, estate.who_may(operation)
    _prepare(estate, operation)
    before = _dump(world)
    rehearsed = estate.ask(owner, operation, rehearsed=True)
    assert _dump(world) == before
    silent = operation.answer is None and operation.preview is None
    assert rehearsed.status_code == (204 if silent else 200), rehearsed.text
    assert "location" not in rehearsed.headers
    told = (rehearsed.json or {}).keys()
    assert (operation.preview is AccessPreview) == ("gains" in told)
    assert (operation.preview is PricePreview) == ("price_after" in told)
    done = estate.ask(owner, operation)
    assert done.status_code == operation.status
    assert _dump(world) != before
    if operation.answer is not None:
        assert _told(rehearsed.json) == _told(done.json)


def _prepare(estate: Estate, operation: Operation) -> None:
    """What must have happened before it can be asked for."""
    owner, verb = estate.owner, operation.name.removesuffix("InProject")
    if verb in {"reportStatus", "retryResource"}:
        estate.world.grants(owner, "service-account-reconciler", "global *")
    if verb == "retryResource":
        report = {"observed_generation": 1, "health": "Degraded"}
        assert owner.put("/resources/one/status", report).status_code == 200
    elif verb == "resumeResource":
        assert owner.post("/resources/one/suspend").status_code == 200


def _told(document: Any) -> Any:
    """What does not differ from one time to the next."""
    made = (
        "assignment_id",
        "org_id",
        "project_id",
        "resource_id",
        "group_id",
        "role_id",
        "override_id",
        "webhook_id",
        "secret",
        "delivery_id",
        "event_id",
    )
    untold = ("user", "gains", "losses", "is_whole", "price_before", "price_after")
    theirs = ("acme", "other", "plant", "mill", "store", "depot", "one")
    return {
        name: value
        for name, value in document.items()
        if name not in untold and (name not in made or value in theirs)
    }


@pytest.mark.usefixtures("one", "grace")
def test_a_rehearsal_is_refused_as_the_real_thing_is(world: World, ada: Caller) -> None:
    stranger = world.person("stranger")
    stranger.sees("/users/me")
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


@pytest.mark.usefixtures("one", "grace")
def test_a_viewers_rehearsal_is_refused(world: World, ada: Caller, grace: Caller) -> None:
    ada.makes("/organizations/acme/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    result = grace.post("/projects/plant/resources?validate_only=true", world.wish())
    assert refusal(result) == (403, "forbidden")


@pytest.mark.usefixtures("one", "grace")
def test_a_rehearsal_of_an_unlawful_wish_lists_every_fault(world: World, ada: Caller) -> None:
    wish = world.wish(sku="gold", preset="nothing")
    result = ada.post("/projects/plant/resources?validate_only=true", wish)
    assert faults(result) == {"/sku": "unknown_sku", "/preset": "unknown_preset"}


@pytest.mark.usefixtures("one", "grace")
def test_not_to_rehearse_is_to_do_it(ada: Caller) -> None:
    assert ada.delete("/resources/one?validate_only=false").status_code == 202
    assert ada.sees("/resources/one")["status"] == "Deleting"


@pytest.mark.usefixtures("one", "grace")
def test_what_changes_nothing_cannot_be_rehearsed(ada: Caller) -> None:
    checks = {"checks": [{"scope_type": "global", "action": "read"}]}
    for result in (
        ada.get("/organizations/acme?validate_only=true"),
        ada.post("/permissions/check?validate_only=true", checks),
    ):
        assert refusal(result) == (400, "unknown_parameter")
