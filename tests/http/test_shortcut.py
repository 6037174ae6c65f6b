"""What was answered before takes a shorter way, and nobody can tell by the answer."""

import logging
from contextlib import AbstractContextManager
from typing import Any, Final

import pytest
import structlog
from attrs import evolve, field, frozen
from falcon.testing import Result, TestClient, create_environ

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.entrypoints.http.rates import RateLimit
from ktrlplane.entrypoints.http.shortcut import Shortcut
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.http.marks import on_all_stores
from tests.http.world import Caller, World, refusal

pytestmark = [on_all_stores, pytest.mark.usefixtures("in_service")]

PATH: Final = "/permissions/check"
QUESTION: Final = f"{PATH}?scopeType=organization&scopeId=acme&action=read"
OF_EACH: Final = ("x-request-id", "ratelimit-remaining", "ratelimit-reset")


@pytest.fixture(autouse=True)
def _acme(ada: Caller) -> None:
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})


class Asked:
    """How often the application itself is asked."""

    def __init__(self, app: Any) -> None:
        self.app, self.times = app, 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.times += 1
        return self.app(environ, start_response)


@pytest.fixture
def asked(world: World) -> Asked:
    return Asked(world.client.app.app)


@pytest.fixture
def short(world: World, asked: Asked) -> World:
    shortcut: Shortcut = world.client.app
    return evolve(world, client=TestClient(evolve(shortcut, app=asked)))


def _at(world: World, caller: Caller) -> Caller:
    return Caller(world.client, caller.principal, caller.token)


def _told(result: Result) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in result.headers.items() if name not in OF_EACH}
    return result.status_code, headers, result.content


def test_it_is_taken_the_second_time_and_says_the_same(
    short: World, asked: Asked, ada: Caller
) -> None:
    caller = _at(short, ada)
    first, second, third = (caller.get(QUESTION) for _ in range(3))
    assert asked.times == 1
    assert _told(first) == _told(second) == _told(third)
    ids = {result.headers["x-request-id"] for result in (first, second, third)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "no-cache"},
        {"If-None-Match": '"x"'},
        {"If-Match": "*"},
        {"X-Request-Id": "mine"},
        {"Origin": "https://example.com"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": ""},
    ],
    ids=str,
)
def test_what_is_out_of_the_ordinary_is_asked_of_the_application(
    short: World, asked: Asked, ada: Caller, headers: dict[str, str]
) -> None:
    caller = _at(short, ada)
    caller.get(QUESTION)
    for times in (2, 3):
        assert caller.get(QUESTION, headers=headers).status_code in (200, 401)
        assert asked.times == times


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_another_method_is_asked_of_the_application(
    short: World, asked: Asked, ada: Caller, method: str
) -> None:
    caller = _at(short, ada)
    caller.get(QUESTION)
    caller.ask(method, QUESTION)
    assert asked.times == 2


def test_an_answer_is_of_its_question_and_its_caller(
    short: World, asked: Asked, ada: Caller, grace: Caller
) -> None:
    mine, theirs = _at(short, ada), _at(short, grace)
    for caller, allowed in ((mine, True), (theirs, False)):
        for _ in range(2):
            assert caller.sees(QUESTION)["allowed"] is allowed
        assert "allowed" not in caller.sees(QUESTION.removesuffix("&action=read"))
    assert asked.times == 4


def test_it_ends_with_what_one_holds(
    short: World, asked: Asked, ada: Caller, grace: Caller
) -> None:
    theirs = _at(short, grace)
    body = {"user_id": grace.principal, "role_id": "Viewer"}
    made = ada.makes("/organizations/acme/rbac", body)
    assert [theirs.sees(QUESTION)["allowed"] for _ in range(2)] == [True, True]
    ada.delete(f"/organizations/acme/rbac/{made['assignment_id']}")
    assert [theirs.sees(QUESTION)["allowed"] for _ in range(2)] == [False, False]


@frozen
class Remembering(UnitsOfWork):
    """Remembers whatever it is asked; notes what it is asked, and that a unit of work was
    begun."""

    units: UnitsOfWork
    notes: list[object] = field(factory=list)

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        self.notes.append("begin")
        return self.units.begin()

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        self.notes.append("fresh view" if fresh else "view")
        return self.units.view(fresh=fresh)

    def remembered(self, asked: Any, at: Any) -> Any:
        self.notes.append(asked)
        with self.units.view(fresh=True) as work:
            return work.access.standings(asked, at)


def test_what_is_remembered_takes_no_unit_of_work_and_is_looked_at_each_time(
    world: World, ada: Caller
) -> None:
    units = Remembering(world.units)
    caller = _at(world.with_edge(transact=Transact(units)), ada)
    assert caller.sees(QUESTION)["allowed"] is True
    asked = [(PrincipalId(ada.principal), Scope.parse("organization", "acme"))]
    for _ in range(2):
        units.notes.clear()
        assert caller.sees(QUESTION)["allowed"] is True
        assert units.notes == [asked]
    ada.delete("/organizations/acme")
    assert caller.sees(QUESTION)["allowed"] is False


def test_it_is_told_as_a_whole(short: World, asked: Asked, ada: Caller) -> None:
    """Granian sends a list at once, and asks for anything else piece by piece."""
    caller, (path, query) = _at(short, ada), QUESTION.split("?")
    content = caller.get(QUESTION).content
    headers = {"Authorization": f"Bearer {ada.token}"}
    environ = create_environ(f"/api/v1{path}", query_string=query, headers=headers)
    assert short.client.app(environ, lambda *_: None) == [content]
    assert asked.times == 1


def test_where_every_request_is_told_in_the_log_it_is_never_taken(
    short: World, asked: Asked, ada: Caller
) -> None:
    all_of_it = structlog.make_filtering_bound_logger(logging.DEBUG)
    structlog.configure(wrapper_class=all_of_it)  # which ``in_service`` sets back
    caller = _at(short, ada)
    for times in (1, 2, 3):
        caller.get(QUESTION)
        assert asked.times == times


def test_it_counts_towards_the_limit_like_any_other(world: World, ada: Caller) -> None:
    limited = world.with_edge(rate_limit=RateLimit("4/hour"))
    caller = _at(limited, ada)
    left = [caller.get(QUESTION).headers["ratelimit-remaining"] for _ in range(4)]
    assert left == ["3", "2", "1", "0"]
    result = caller.get(QUESTION)
    assert refusal(result) == (429, "rate_limited")
    assert result.headers["retry-after"] == result.headers["ratelimit-reset"]


def test_it_is_counted_in_the_metrics(short: World, ada: Caller) -> None:
    def counted() -> float:
        lines = short.client.simulate_get("/metrics").text.splitlines()
        wanted = (
            f'ktrlplane_http_requests_total{{method="GET",route="/api/v1{PATH}",status="200"}}'
        )
        return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))

    caller = _at(short, ada)
    caller.get(QUESTION)
    before = counted()
    caller.get(QUESTION)
    assert counted() == before + 1


def test_only_this_machine_takes_it_where_only_this_machine_may_ask(
    world: World, ada: Caller
) -> None:
    shortcut: Shortcut = world.client.app
    asked = Asked(shortcut.app)
    local = evolve(world, client=TestClient(evolve(shortcut, app=asked, loopback_only=True)))
    caller = _at(local, ada)
    caller.get(QUESTION)
    caller.bare(f"/api/v1{QUESTION}", REMOTE_ADDR="203.0.113.7")
    assert asked.times == 2
    caller.bare(f"/api/v1{QUESTION}", REMOTE_ADDR="127.0.0.1")
    assert asked.times == 2
