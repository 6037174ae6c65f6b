"""The same request twice is one request."""

import threading
from datetime import timedelta
from typing import Any, Final

import pytest
from falcon.testing import Result

from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, refusal

pytestmark = on_both_stores

KEY: Final = {"Idempotency-Key": "a key"}


def _answer(result: Result) -> tuple[Any, ...]:
    names = ("etag", "location", "content-type")
    return result.status_code, result.content, [result.headers.get(name) for name in names]


def test_the_first_answer_is_given_again(ada: Caller) -> None:
    first = ada.post("/organizations", {"name": "Acme"}, headers=KEY)
    second = ada.post("/organizations", {"name": "Acme"}, headers=KEY)
    assert first.status_code == 201
    assert _answer(second) == _answer(first)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(ada.sees("/organizations")["items"]) == 1


def test_it_is_given_again_though_the_thing_has_changed(ada: Caller) -> None:
    first = ada.post("/organizations", {"id": "acme", "name": "Acme"}, headers=KEY)
    ada.patch("/organizations/acme", {"name": "New"})
    ada.delete("/organizations/acme")
    second = ada.post("/organizations", {"id": "acme", "name": "Acme"}, headers=KEY)
    assert _answer(second) == _answer(first)


@pytest.mark.usefixtures("one", "grace")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/projects", {"name": "Mill"}),
        ("/projects/plant/move", {"org_id": None}),
        ("/projects/plant/resources", None),
        ("/organizations/acme/rbac", {"user_id": "auth0|grace", "role_id": "Viewer"}),
        ("/projects/plant/rbac", {"user_id": "auth0|grace", "role_id": "Viewer"}),
        ("/resources/one/rbac", {"user_id": "auth0|grace", "role_id": "Viewer"}),
    ],
)
def test_every_post_that_changes_something_takes_a_key(
    world: World, ada: Caller, path: str, body: Any
) -> None:
    body = world.wish() if body is None else body
    first, second = (ada.post(path, body, headers=KEY) for _ in "ab")
    assert first.status_code in (200, 201), first.text
    assert _answer(second) == _answer(first)
    assert second.headers["idempotency-replayed"] == "true"


def test_without_a_key_twice_is_twice(ada: Caller) -> None:
    first, second = (ada.makes("/organizations", {"name": "Acme"}) for _ in "ab")
    assert first["org_id"] != second["org_id"]


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/organizations", {"name": "Other"}),
        ("/organizations", {"name": "Acme", "id": None}),
        ("/projects", {"name": "Acme"}),
        ("/organizations?validate_only=false", {"name": "Acme"}),
    ],
)
def test_a_key_is_for_one_request(ada: Caller, path: str, body: Any) -> None:
    ada.makes("/organizations", {"name": "Acme"}, headers=KEY)
    result = ada.post(path, body, headers=KEY)
    assert refusal(result) == (422, "idempotency_key_reused")


def test_a_key_belongs_to_its_principal(world: World, ada: Caller) -> None:
    mine = ada.makes("/organizations", {"name": "Acme"}, headers=KEY)
    theirs = world.person("bob").makes("/organizations", {"name": "Acme"}, headers=KEY)
    assert mine["org_id"] != theirs["org_id"]


def test_a_refusal_is_not_remembered(ada: Caller) -> None:
    body = {"name": "Mill", "org_id": "acme"}
    assert refusal(ada.post("/projects", body, headers=KEY)) == (404, "not_found")
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    assert ada.post("/projects", body, headers=KEY).status_code == 201


def test_a_rehearsal_neither_uses_nor_keeps_a_key(ada: Caller) -> None:
    body = {"id": "acme", "name": "Acme"}
    rehearsed = ada.post("/organizations?validate_only=true", body, headers=KEY)
    assert rehearsed.status_code == 200
    made = ada.post("/organizations", body, headers=KEY)
    assert (made.status_code, "idempotency-replayed" in made.headers) == (201, False)
    again = ada.post("/organizations?validate_only=true", body, headers=KEY)
    assert refusal(again) == (409, "already_exists")


def test_a_key_is_kept_for_a_day(world: World) -> None:
    def ask() -> Result:
        return world.person("ada").post("/organizations", {"name": "Acme"}, headers=KEY)

    first = ask()
    world.clock.advance(timedelta(hours=23, minutes=59))
    assert _answer(ask()) == _answer(first)
    world.clock.advance(timedelta(minutes=2))
    assert _answer(ask()) != _answer(first)


@pytest.mark.parametrize("key", ["", "x" * 256, "naïve", "a\tb", "\x7f", "\xa0"])
def test_a_key_is_a_line_of_text(ada: Caller, key: str) -> None:
    result = ada.post("/organizations", {"name": "Acme"}, headers={"Idempotency-Key": key})
    assert refusal(result) == (400, "malformed_request")


@pytest.mark.parametrize("key", ["x", "x" * 255, "a, b", "%00", "'; --", '{"a": 1}'])
def test_a_key_may_be_any_line_of_text(ada: Caller, key: str) -> None:
    headers = {"Idempotency-Key": key}
    first, second = (ada.post("/organizations", {"name": "Acme"}, headers=headers) for _ in "ab")
    assert _answer(first) == _answer(second)


@pytest.mark.usefixtures("acme")
def test_other_methods_do_not_look_at_keys(ada: Caller) -> None:
    for name in ("New", "Newer"):
        result = ada.patch("/organizations/acme", {"name": name}, headers=KEY)
        assert result.json["name"] == name


def test_a_second_request_does_not_overtake_the_first(world: World, ada: Caller) -> None:
    """While the first is at work, the second is told so; in memory, where one unit of work is
    at work at a time, it waits and gets the answer of the first."""
    ada.sees("/users/me")
    inside, go_on = threading.Event(), threading.Event()

    class Held(Transact):
        def __call__(self, act: Any) -> Any:
            def hold(work: UnitOfWork) -> Any:
                outcome = act(work)
                inside.set()
                assert go_on.wait(20)
                return outcome

            return super().__call__(hold)

    slow = Caller(world.with_edge(transact=Held(world.units)).client, ada.principal, ada.token)
    answers: dict[str, Result] = {}

    def ask(name: str, caller: Caller) -> threading.Thread:
        def run() -> None:
            answers[name] = caller.post("/organizations", {"name": "Acme"}, headers=KEY)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    first = ask("first", slow)
    assert inside.wait(20)
    second = ask("second", ada)
    waits = isinstance(world.units, MemoryUnitsOfWork)
    if not waits:
        second.join(20)
        assert refusal(answers["second"]) == (409, "idempotency_in_progress")
    go_on.set()
    first.join(20)
    second.join(20)
    assert answers["first"].status_code == 201
    if waits:
        assert _answer(answers["second"]) == _answer(answers["first"])
    assert len(ada.sees("/organizations")["items"]) == 1
    third = ada.post("/organizations", {"name": "Acme"}, headers=KEY)
    assert _answer(third) == _answer(answers["first"])


def test_many_at_once_make_one_thing(ada: Caller) -> None:
    ada.sees("/users/me")
    answers: list[Result] = []

    def ask() -> None:
        answers.append(ada.post("/organizations", {"name": "Acme"}, headers=KEY))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    others = {refusal(answer) for answer in answers if answer.status_code != 201}
    assert others <= {(409, "idempotency_in_progress")}
    assert len(ada.sees("/organizations")["items"]) == 1
