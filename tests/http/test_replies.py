"""A check that is asked again is answered as before, while it would be: never longer."""

from datetime import timedelta
from typing import Any

import pytest

from ktrlplane.entrypoints.http.operations import Reply
from ktrlplane.entrypoints.http.replies import Observed
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, NOW, on, unwitnessed
from tests.http.marks import on_all_stores
from tests.http.test_consistency import Watched
from tests.http.world import Caller, World, refusal

pytestmark = [on_all_stores, pytest.mark.usefixtures("in_service")]

QUESTION = "/permissions/check?scopeType=organization&scopeId=acme&action=read"


@pytest.fixture(autouse=True)
def _acme(ada: Caller) -> None:
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})


def allowed(caller: Caller, **headers: str) -> bool:
    """Asked twice, so that the second may be the first again."""
    first, second = (caller.get(QUESTION, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json == second.json
    assert first.headers["etag"] == second.headers["etag"]
    assert second.headers["cache-control"] == "private, no-cache"
    return bool(second.json["allowed"])


def test_it_changes_with_what_one_holds(ada: Caller, grace: Caller) -> None:
    for _ in range(2):
        assert not allowed(grace)
        body = {"user_id": grace.principal, "role_id": "Viewer"}
        made = ada.makes("/organizations/acme/rbac", body)
        assert allowed(grace)
        assert ada.delete(f"/organizations/acme/rbac/{made['assignment_id']}").status_code == 204
    assert not allowed(grace)


def test_it_ends_with_a_grant_that_expires(world: World, ada: Caller, grace: Caller) -> None:
    until = world.clock.now() + timedelta(minutes=10)
    body = {"user_id": grace.principal, "role_id": "Viewer", "expires_at": until.isoformat()}
    ada.makes("/organizations/acme/rbac", body)
    assert allowed(grace)
    world.clock.advance(timedelta(minutes=10))
    assert not allowed(grace)


def test_it_ends_with_the_thing_itself(ada: Caller) -> None:
    assert allowed(ada)
    assert ada.delete("/organizations/acme").status_code == 204
    assert not allowed(ada)


def test_each_gets_their_own(ada: Caller, grace: Caller) -> None:
    assert allowed(ada)
    assert not allowed(grace)
    assert allowed(ada)


def test_who_may_not_ask_for_others_any_more_is_not_answered(world: World, ada: Caller) -> None:
    robot = world.machine("robot")
    robot.sees("/users/me")
    asked = f"{QUESTION}&userId={ada.principal}".replace("|", "%7C")
    world.grants(robot, "service-account-permission-checker", "global")
    for _ in range(2):
        assert robot.sees(asked)["allowed"] is True
    with unwitnessed(world.units) as work:
        work.assignments.remove_below(on("global"))
    assert refusal(robot.get(asked)) == (403, "forbidden")


def test_what_is_known_already_is_not_sent_again(ada: Caller) -> None:
    tag = ada.get(QUESTION).headers["etag"]
    for _ in range(2):
        assert ada.get(QUESTION, headers={"If-None-Match": tag}).status_code == 304
        assert ada.get(QUESTION, headers={"If-Match": '"other"'}).status_code == 412
        assert ada.get(QUESTION, headers={"If-Match": "other"}).status_code == 400


def test_a_token_that_expired_is_refused_all_the_same(world: World, ada: Caller) -> None:
    assert allowed(ada)
    world.clock.advance(timedelta(hours=2))
    assert refusal(ada.get(QUESTION)) == (401, "unauthenticated")


def test_nothing_remembered_is_used_where_a_reader_says_so(world: World, ada: Caller) -> None:
    watched = Watched(world.units)
    client = world.with_edge(transact=Transact(watched)).client
    caller = Caller(client, ada.principal, ada.token)
    allowed(caller, **{"Cache-Control": "no-cache"})
    del watched.views[:]
    for headers, fresh in (({}, False), ({"Cache-Control": "no-cache"}, True), ({}, False)):
        assert allowed(caller, **headers)
        assert set(watched.views) == {fresh}
        del watched.views[:]
    for _ in range(2):
        caller.sees(f"{QUESTION}&consistency=full")
    assert set(watched.views) == {True}


@pytest.mark.parametrize(
    ("looks", "is_all"),
    [
        (lambda work: work.access.standings([(ALICE, on("global"))], NOW), True),
        (lambda work: (work.users.find(ALICE), work.roles.system()), False),
    ],
)
def test_a_witness_tells_whether_standings_were_all_that_was_seen(
    units: UnitsOfWork, looks: Any, *, is_all: bool
) -> None:
    observed = Observed(lambda work: Reply(content=looks(work)))
    with units.view() as work:
        reply = observed(work)
    assert observed.witness is not None
    assert observed.witness.heard_more is not is_all
    assert observed.witness.heard == ([([(ALICE, on("global"))], reply.content)] if is_all else [])
