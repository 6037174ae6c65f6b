"""How often one may ask."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ktrlplane.entrypoints.http.counts import Counts
from ktrlplane.entrypoints.http.rates import RateLimit
from ktrlplane.entrypoints.http.waiting import Parked, Seat, seated
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


def test_who_waits_is_counted_once_and_not_refused_after_it(
    limited: World, ada: Caller, plant: None
) -> None:
    ada.makes("/projects/plant/resources", ada_wish := limited.wish("one"))
    caller, path = _at(limited, ada), f"/resources/{ada_wish['id']}"
    with seated(Seat()), pytest.raises(Parked) as parked:
        caller.get(path, query="wait=30")
    caller.sees("/users/me")
    caller.sees("/users/me")
    assert caller.get("/users/me").status_code == 429
    with seated(Seat(since=parked.value.since - 30)):
        result = caller.get(path, query="wait=30")
    assert result.status_code == 200
    assert result.headers["ratelimit-remaining"] == "0"
    assert caller.get(path).status_code == 429


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
import time
from pathlib import Path
from ktrlplane.entrypoints.http.counts import Counts
counts = Counts(Path(sys.argv[1]))
for number in range(1000):
    counts.hit(f"key {number % 10}", 3600)
"""


@pytest.fixture(params=["alone", "together"])
def counts(request: pytest.FixtureRequest, tmp_path: Path) -> Counts:
    return Counts(None if request.param == "alone" else tmp_path / "counts")


class TestCounts:
    def test_go_up_for_each_key(self, counts: Counts) -> None:
        assert [counts.hit("a", 60)[0] for _ in range(3)] == [1, 2, 3]
        assert counts.hit("b", 60)[0] == 1

    def test_begin_anew_when_the_window_ends(self, counts: Counts) -> None:
        counts.hit("a", 0)
        counts.hit("b", 60)
        assert [counts.hit(key, 60)[0] for key in ("a", "b")] == [1, 2]

    def test_tell_when_the_window_ends(self, counts: Counts) -> None:
        before = time.time()
        _, until = counts.hit("a", 60)
        assert before + 60 <= until <= time.time() + 60
        assert counts.hit("a", 3600)[1] == until

    def test_make_room_for_more_keys_than_there_can_be(self, counts: Counts) -> None:
        for number in range(100_000):
            assert counts.hit(str(number), 3600)[0] == 1
        kept = sum(counts.hit(str(number), 3600)[0] - 1 for number in range(90_000, 100_000))
        assert kept > 5_000


def test_a_limit_holds_for_processes_that_tell_each_other_now_and_then(tmp_path: Path) -> None:
    most, let_in = 1000, 0
    together = [Counts(tmp_path / "counts") for _ in range(3)]
    for number in range(2 * most):
        counts = together[number % len(together)]
        let_in += counts.hit("a", 3600, most)[0] <= most
    assert most - len(together) <= let_in <= most + len(together)


def test_what_is_not_told_at_once_is_told_soon(tmp_path: Path) -> None:
    here, there = (Counts(tmp_path / "counts") for _ in range(2))
    for _ in range(5):
        here.hit("a", 3600, 100_000)
    assert there.hit("a", 3600, 100_000)[0] == 2  # the first is told at once
    for mine in here._mine.values():
        mine.told_at -= 1  # as if that second had passed
    here.hit("a", 3600, 100_000)
    assert there.hit("a", 3600)[0] == 8


def test_processes_that_count_together_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "counts"
    command = [sys.executable, "-c", COUNTING, str(file)]
    counting = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in counting] == [0, 0, 0]
    counts = Counts(file)
    assert [counts.hit(f"key {number}", 3600)[0] for number in range(10)] == [301] * 10
