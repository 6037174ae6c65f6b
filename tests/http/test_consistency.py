"""How old an answer may be is for the caller to say."""

from contextlib import AbstractContextManager
from typing import Any

import pytest
from attrs import field, frozen

from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.freshness import wants_fresh
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.http.world import Caller, World, faults


@frozen
class Watched(UnitsOfWork):
    """Notes of each view whether it must be fresh."""

    units: UnitsOfWork
    views: list[bool] = field(factory=list)

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        return self.units.begin()

    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        self.views.append(fresh)
        return self.units.view(fresh=fresh)


@pytest.fixture
def watched(world: World) -> Watched:
    return Watched(world.units)


@pytest.fixture
def caller(world: World, watched: Watched, ada: Caller) -> Caller:
    """Known, so that one view is what a request takes."""
    client = world.with_edge(transact=Transact(watched)).client
    known = Caller(client, ada.principal, ada.token)
    known.sees("/users/me")
    watched.views.clear()
    return known


CHECKS = {"checks": [{"scope_type": "global", "action": "read"}]}


@pytest.mark.parametrize(
    ("query", "header", "fresh"),
    [
        ("", None, False),
        ("consistency=bounded", None, False),
        ("consistency=full", None, True),
        ("consistency=full", "max-age=60", True),
        ("consistency=bounded", "no-cache", True),
        ("", "no-cache", True),
        ("", "private, No-Store", True),
        ("", "max-age=0", True),
        ("", "max-age=1", False),
    ],
)
def test_nothing_remembered_is_used_where_a_reader_says_so(
    caller: Caller, watched: Watched, query: str, header: str | None, *, fresh: bool
) -> None:
    headers = {} if header is None else {"Cache-Control": header}
    for number in range(2):  # what was read once is read the same way again
        caller.sees("/organizations", query=query, headers=headers)
        assert watched.views == [fresh] * (2 * number + 1)
        result = caller.post("/permissions/check", CHECKS, query=query, headers=headers)
        assert result.status_code == 200
        assert watched.views == [fresh] * (2 * number + 2)


@pytest.mark.parametrize("asked", ["consistency=never", "consistency=", "consistency=FULL"])
def test_what_is_no_consistency_is_refused(caller: Caller, asked: str) -> None:
    expected = {"/consistency": "enum"}
    assert faults(caller.get("/organizations", query=asked)) == expected
    assert faults(caller.post("/permissions/check", CHECKS, query=asked)) == expected


def test_a_change_is_always_decided_on_the_database_and_takes_no_such_parameter(
    caller: Caller,
) -> None:
    found = faults(
        caller.post("/organizations", {"name": "Acme"}, query="consistency=full"),
        (400, "unknown_parameter"),
    )
    assert found == {"/consistency": "unknown_parameter"}


def test_pages_of_one_list_may_differ_in_it(caller: Caller) -> None:
    for name in ("one", "two"):
        caller.makes("/organizations", {"id": name, "name": name})
    first = caller.sees("/organizations", query="limit=1&consistency=full")
    cursor = first["next_cursor"]
    rest = caller.sees("/organizations", query=f"limit=1&cursor={cursor}")
    assert [page["items"][0]["org_id"] for page in (first, rest)] == ["two", "one"]


def test_the_document_has_it_wherever_something_is_read(world: World) -> None:
    document: Any = world.client.simulate_get("/openapi.json").json
    for operation in OPERATIONS:
        described = document["paths"][operation.url][operation.method.lower()]
        named = [parameter.get("$ref", "") for parameter in described.get("parameters", [])]
        has_it = "#/components/parameters/query.consistency" in named
        assert has_it is not operation.writes, operation.name


@pytest.mark.parametrize(
    ("header", "fresh"),
    [
        ("", False),
        ("no-cache", True),
        ("NO-CACHE", True),
        (" no-cache ,max-age=5", True),
        (",, no-store", True),
        ('max-age="0"', True),
        ("max-age = 0", True),
        ("max-age=00", True),
        ("max-age=10, max-stale=0", False),
        ("min-fresh=0", False),
        ('no-cache="set-cookie"', True),
        ('community="no-cache, no-store"', False),
        ('community="\\", no-cache"', False),
        ("community=no-cache", False),
        ("x-no-cache", False),
        ("no-cachet", False),
        ('"no-cache', True),
    ],
)
def test_cache_control_is_read_as_a_list_of_directives(header: str, *, fresh: bool) -> None:
    assert wants_fresh(header) is fresh
