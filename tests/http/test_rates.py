"""How often one may ask."""

import pytest

from ktrlplane.entrypoints.http.rates import RateLimit
from tests.http.world import Caller, World, refusal


@pytest.fixture
def limited(world: World) -> World:
    return world.with_edge(rate_limit=RateLimit("3/hour"))


def _at(world: World, caller: Caller) -> Caller:
    return Caller(world.client, caller.principal, caller.token)


def test_one_is_told_how_much_is_left(limited: World, ada: Caller) -> None:
    caller = _at(limited, ada)
    told = []
    for path in ("/users/me", "/organizations/nowhere", "/organizations?nonsense=1"):
        result = caller.get(path)
        told.append(result.headers["ratelimit-remaining"])
        assert result.headers["ratelimit-limit"] == "3"
        assert 0 < int(result.headers["ratelimit-reset"]) <= 3600
    assert told == ["2", "1", "0"]


def test_who_asks_too_often_is_told_when_to_come_back(limited: World, ada: Caller) -> None:
    caller = _at(limited, ada)
    for _ in range(3):
        caller.sees("/users/me")
    result = caller.get("/users/me")
    assert refusal(result) == (429, "rate_limited")
    assert result.headers["ratelimit-remaining"] == "0"
    assert result.headers["retry-after"] == result.headers["ratelimit-reset"]
    assert 0 < int(result.headers["retry-after"]) <= 3600


def test_what_is_refused_has_no_effect(limited: World, ada: Caller) -> None:
    caller = _at(limited, ada)
    for number in range(4):
        caller.post("/organizations", {"id": f"o{number}", "name": "O"})
    assert len(ada.sees("/organizations")["items"]) == 3


def test_each_principal_is_counted_alone(limited: World, ada: Caller, grace: Caller) -> None:
    for _ in range(4):
        _at(limited, ada).get("/users/me")
    assert _at(limited, grace).get("/users/me").status_code == 200


def test_tokens_of_one_principal_are_counted_together(limited: World, world: World) -> None:
    statuses = [_at(limited, world.person("ada")).get("/users/me").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


def test_the_public_part_is_not_counted(limited: World) -> None:
    for _ in range(5):
        result = _at(limited, limited.nobody).get("/catalog/resource-types")
        assert result.status_code == 200
        assert "ratelimit-limit" not in result.headers


def test_without_a_limit_nothing_is_said_of_it(ada: Caller) -> None:
    assert not [name for name in ada.get("/users/me").headers if name.startswith("ratelimit")]
