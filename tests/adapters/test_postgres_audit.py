"""What the audit log finds where somebody had a hand in the database, and what it does not
mind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from typing import Final

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.postgres.pool import Pool
from ktrlplane.domain.audit import Finding, Retention, Wrong
from ktrlplane.domain.services.audit import PORTION, verify_chain
from ktrlplane.domain.services.retention import operator_set_retention, prune_events
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import DAY
from tests.contract.test_stores_events import ACME, GLOBEX, PLANT, an_event, keep
from tests.platforms import a_platform

pytestmark = pytest.mark.postgres

MINE: Final = "WHERE tenant = 'organization acme' AND sequence = 5"


@pytest.fixture
def units(postgres_units: UnitsOfWork) -> UnitsOfWork:
    """With twelve entries of Acme's and of Globex's."""
    keep(postgres_units, *(an_event(ACME, PLANT, after=number) for number in range(12)))
    keep(postgres_units, *(an_event(GLOBEX, after=number) for number in range(12)))
    return postgres_units


@pytest.fixture
def by_hand(postgres_pool: Pool) -> Callable[..., None]:
    def execute(*statements: str) -> None:
        with postgres_pool.connection() as connection, connection.transaction():
            for statement in statements:
                connection.execute(statement.encode())

    return execute


def found(units: UnitsOfWork, tenant=ACME) -> Finding | None:
    with units.view() as work:
        return verify_chain(work, tenant).finding


@pytest.mark.parametrize(
    ("statement", "number", "wrong"),
    [
        (f"UPDATE ktrlplane.events SET data = '{{}}' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET data = data::jsonb::json {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET actor_id = 'bob' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET actor_type = 'nobody' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET type = 'no such type' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET type = 'audit.pruned' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET version = 2 {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET event_id = 'EVENT' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET project_id = 'No Id' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET resource_id = 'kettle' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET request_id = NULL {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET occurred_at = 'infinity' {MINE}", 5, Wrong.CHANGED),
        (
            "UPDATE ktrlplane.events SET occurred_at = occurred_at + interval '1 microsecond' "
            + MINE,
            5,
            Wrong.CHANGED,
        ),
        (f"UPDATE ktrlplane.events SET hash = 'x' {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET previous_hash = hash {MINE}", 5, Wrong.CHANGED),
        (f"UPDATE ktrlplane.events SET org_id = 'globex' {MINE}", 5, Wrong.FOREIGN),
        (f"UPDATE ktrlplane.events SET org_id = NULL {MINE}", 5, Wrong.FOREIGN),
        (f"DELETE FROM ktrlplane.events {MINE}", 5, Wrong.MISSING),
        (f"UPDATE ktrlplane.events SET sequence = 100 {MINE}", 5, Wrong.REORDERED),
        (
            "DELETE FROM ktrlplane.events WHERE tenant = 'organization acme' AND sequence > 9",
            10,
            Wrong.TRUNCATED,
        ),
        (
            "DELETE FROM ktrlplane.events WHERE tenant = 'organization acme' AND sequence < 9",
            1,
            Wrong.MISSING,
        ),
        ("DELETE FROM ktrlplane.events WHERE tenant = 'organization acme'", 1, Wrong.TRUNCATED),
        (
            "UPDATE ktrlplane.event_chains SET sequence = 5 WHERE tenant = 'organization acme'",
            6,
            Wrong.HEAD,
        ),
        (
            "UPDATE ktrlplane.event_chains SET sequence = 15 WHERE tenant = 'organization acme'",
            13,
            Wrong.TRUNCATED,
        ),
        (
            "UPDATE ktrlplane.event_chains SET hash = 'x' WHERE tenant = 'organization acme'",
            12,
            Wrong.HEAD,
        ),
        (
            "DELETE FROM ktrlplane.event_chains WHERE tenant = 'organization acme'",
            1,
            Wrong.HEAD,
        ),
    ],
)
def test_what_was_done_by_hand_is_found(
    units: UnitsOfWork,
    by_hand: Callable[..., None],
    statement: str,
    number: int,
    wrong: Wrong,
) -> None:
    assert found(units) is None
    by_hand(statement)
    finding = found(units)
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (number, wrong), finding
    assert found(units, GLOBEX) is None


def test_entries_that_changed_places_are_found(
    units: UnitsOfWork, by_hand: Callable[..., None]
) -> None:
    move = "UPDATE ktrlplane.events SET sequence = {} WHERE tenant = '{}' AND sequence = {}"
    acme, globex = "organization acme", "organization globex"
    by_hand(*(move.format(to, acme, number) for number, to in ((5, 99), (8, 5), (99, 8))))
    finding = found(units)
    assert finding is not None
    assert (finding.sequence, finding.wrong) == (5, Wrong.REORDERED)
    swap = "UPDATE ktrlplane.events SET tenant = '{}' WHERE tenant = '{}' AND sequence = 3"
    by_hand(swap.format("aside", acme), swap.format(acme, globex), swap.format(globex, "aside"))
    for tenant in (ACME, GLOBEX):
        finding = found(units, tenant)
        assert finding is not None
        assert (finding.sequence, finding.wrong) == (3, Wrong.FOREIGN)


def test_an_entry_that_was_put_in_between_is_found(
    units: UnitsOfWork, by_hand: Callable[..., None]
) -> None:
    by_hand(
        "UPDATE ktrlplane.events SET sequence = sequence + 1000 "
        "WHERE tenant = 'organization acme' AND sequence >= 5",
        "UPDATE ktrlplane.events SET sequence = sequence - 999 "
        "WHERE tenant = 'organization acme' AND sequence >= 1000",
        "INSERT INTO ktrlplane.events SELECT 'evt_new', tenant, 5, type, version, occurred_at, "
        "'operator', 'bob', org_id, project_id, resource_id, request_id, data, hash, hash "
        "FROM ktrlplane.events WHERE tenant = 'organization acme' AND sequence = 4",
        "UPDATE ktrlplane.event_chains SET sequence = 13 WHERE tenant = 'organization acme'",
    )
    finding = found(units)
    assert finding is not None
    assert (finding.sequence, finding.event_id, finding.wrong) == (5, "evt_new", Wrong.INSERTED)


def test_who_writes_and_who_prunes_meanwhile_breaks_nothing(units: UnitsOfWork) -> None:
    clock = ManualClock()
    platform = a_platform(clock=clock)
    keep(units, *(an_event(ACME, after=number) for number in range(6 * PORTION)))
    with units.begin() as work:
        operator_set_retention(work, ACME, Retention(days=30), platform=platform)
    clock.advance(100 * DAY)
    is_over = Flag()

    def write() -> int:
        written = 0
        while not is_over.is_set():
            keep(units, an_event(ACME, seconds=100 * 86_400), an_event(ACME))
            written += 2
        return written

    def prune() -> int:
        runs = 0
        while not is_over.is_set():
            with units.begin() as work:
                prune_events(work, ACME, platform=platform)
            runs += 1
        return runs

    def verify() -> set[Finding | None]:
        return {found(units) for _ in range(15)}

    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(write), pool.submit(write), pool.submit(prune), pool.submit(prune)]
        try:
            findings = pool.submit(verify).result()
        finally:
            is_over.set()
        assert all(one.result() for one in others)
    assert findings == {None}
    assert found(units) is None
    with units.view() as work:
        chain = work.events.chain(ACME)
        assert chain is not None
        assert chain.pruned.sequence > 6 * PORTION
        told = [one for one in work.events.records(ACME, 0, 9_000) if one.type == "audit.pruned"]
    assert len(told) == 1
