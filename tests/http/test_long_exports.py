"""Exports that are longer than memory, or than time."""

import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from falcon.testing import StartResponseMock, create_environ

from ktrlplane.adapters.postgres.pool import Pool
from ktrlplane.domain.services.audit import PORTION
from ktrlplane.entrypoints.http import streaming
from ktrlplane.entrypoints.http.streaming import Stream
from tests.builders import unwitnessed
from tests.contract.test_stores_events import ACME, an_event
from tests.http.marks import on_both_stores
from tests.http.world import API, Caller, World, refusal

EXPORT: Final = "/organizations/acme/events/export"
LONG: Final = 200_000
MOST_BYTES: Final = 16 * 1024 * 1024


@pytest.fixture
def acme(ada: Caller) -> Caller:
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    return ada


def happen(world: World, times: int) -> None:
    with unwitnessed(world.units) as work:
        work.events.add([an_event(ACME) for _ in range(times)])


def begun(caller: Caller) -> Iterable[bytes]:
    """As a server gets it, which takes part after part."""
    headers = {"Authorization": f"Bearer {caller.token}"}
    started = StartResponseMock()
    content: Iterable[bytes] = caller.client.app(
        create_environ(API + EXPORT, headers=headers), started
    )
    assert started.status == "200 OK"
    return content


def closed(content: Any) -> None:
    content.close()


def free_seats() -> int:
    taken = 0
    while streaming._seats.acquire(blocking=False):
        taken += 1
    streaming._seats.release(taken)
    return taken


@pytest.mark.postgres
@pytest.mark.parametrize("units", ["postgres"], indirect=True)
def test_the_longest_export_takes_no_more_memory_than_a_part_of_it(
    acme: Caller, postgres_pool: Pool
) -> None:
    with postgres_pool.connection() as connection:
        connection.execute(
            f"""
            INSERT INTO ktrlplane.events
            SELECT 'evt_' || number, tenant, number, type, version,
                occurred_at + number * interval '1 second', actor_type, actor_id, org_id,
                project_id, resource_id, request_id, data, hash, hash
            FROM ktrlplane.events, generate_series(1000, {LONG + 999}) AS number
            WHERE tenant = 'organization acme' AND sequence = 1
            """.encode()
        )
        connection.execute(
            f"UPDATE ktrlplane.event_chains SET sequence = {LONG + 999} "
            "WHERE tenant = 'organization acme'".encode()
        )
    content = begun(acme)
    count = size = 0
    tracemalloc.start()
    try:
        for part in content:
            count += part.count(b"\n")
            size += len(part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        closed(content)
    assert count > LONG
    assert size > 5 * MOST_BYTES
    assert peak < MOST_BYTES


@on_both_stores
def test_a_client_that_goes_away_ends_it(world: World, acme: Caller) -> None:
    happen(world, 2 * PORTION)
    free = free_seats()
    content = begun(acme)
    assert next(iter(content)).count(b"\n") == PORTION
    assert free_seats() == free - 1
    closed(content)
    closed(content)
    assert free_seats() == free
    unread = begun(acme)
    assert free_seats() == free - 1
    del unread
    assert free_seats() == free


@on_both_stores
def test_who_may_no_longer_read_is_told_on_the_last_line(world: World, acme: Caller) -> None:
    happen(world, 3 * PORTION)
    bob = world.person("bob")
    bob.sees("/users/me")
    until = (world.clock.now() + timedelta(minutes=1)).isoformat()
    held = {"user_id": "auth0|bob", "role_id": "Viewer", "expires_at": until}
    acme.makes("/organizations/acme/rbac", held)
    content = begun(bob)
    parts = iter(content)
    next(parts)
    world.clock.advance(timedelta(minutes=2))
    assert set(json.loads(next(parts))) == {"incomplete"}
    with pytest.raises(ConnectionResetError):
        next(parts)
    closed(content)
    assert refusal(bob.get(EXPORT)) == (404, "not_found")


def taken(parts: Iterator[bytes], **more: Any) -> Stream:
    assert streaming._seats.acquire(blocking=False)
    return Stream(parts, "the-request", **more)


def test_what_takes_too_long_is_told_on_the_last_line() -> None:
    free = free_seats()
    stream = taken(iter([b"one\n", b"two\n"]), until=time.monotonic() + 60)
    assert next(stream) == b"one\n"
    stream._until = time.monotonic() - 1
    told = json.loads(next(stream))
    assert told == {"incomplete": "This took too long; go on after the last line."}
    with pytest.raises(ConnectionResetError, match="too long"):
        next(stream)
    stream.close()
    assert free_seats() == free


def test_what_is_all_told_leaves_its_seat_by_itself() -> None:
    free = free_seats()
    assert list(taken(iter([b"one\n"]))) == [b"one\n"]
    assert free_seats() == free
