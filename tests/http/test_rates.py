"""How often one may ask."""

import subprocess
import sys
from pathlib import Path

import pytest
from limits.storage import MemoryStorage, Storage

from ktrlplane.entrypoints.http.counts import SharedCounts
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


COUNTING = """
import sys
from pathlib import Path
from ktrlplane.entrypoints.http.counts import SharedCounts
counts = SharedCounts(Path(sys.argv[1]))
for number in range(1000):
    counts.incr(f"key {number % 10}", 3600)
"""


@pytest.fixture(params=["memory", "shared"])
def counts(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else SharedCounts(tmp_path / "counts")


class TestCounts:
    def test_go_up_for_each_key(self, counts: Storage) -> None:
        assert [counts.incr("a", 60) for _ in range(3)] == [1, 2, 3]
        assert counts.incr("b", 60, amount=5) == 5
        assert (counts.get("a"), counts.get("b"), counts.get("c")) == (3, 5, 0)

    def test_begin_anew_when_the_window_ends(self, counts: Storage) -> None:
        counts.incr("a", 0)
        counts.incr("b", 60)
        assert [counts.incr("a", 0), counts.incr("b", 60)] == [1, 2]

    def test_tell_when_the_window_ends(self, counts: Storage) -> None:
        counts.incr("a", 60)
        until = counts.get_expiry("a")
        counts.incr("a", 3600)
        assert counts.get_expiry("a") == until
        assert counts.get_expiry("b") <= until - 59

    def test_can_be_forgotten(self, counts: Storage) -> None:
        for key in ("a", "b", "c"):
            counts.incr(key, 60)
        counts.clear("a")
        assert (counts.get("a"), counts.get("b")) == (0, 1)
        counts.reset()
        assert (counts.get("b"), counts.get("c")) == (0, 0)


def test_of_more_keys_than_there_is_room_for_most_are_counted(tmp_path: Path) -> None:
    counts = SharedCounts(tmp_path / "counts")
    for number in range(100_000):
        counts.incr(str(number), 3600)
    assert sum(counts.get(str(number)) for number in range(100_000)) > 50_000


def test_processes_that_count_together_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "counts"
    command = [sys.executable, "-c", COUNTING, str(file)]
    counting = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in counting] == [0, 0, 0]
    counts = SharedCounts(file)
    assert [counts.get(f"key {number}") for number in range(10)] == [300] * 10
