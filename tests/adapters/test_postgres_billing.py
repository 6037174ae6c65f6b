"""Accounts that several look at, and what it costs to find those that are due."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.postgres import billing_queries
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.entrypoints.merchants import RequireMerchant
from ktrlplane.ports.payments import AnotherMerchant
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import NOW, on

pytestmark = pytest.mark.postgres

MINUTE = timedelta(minutes=1)


def test_who_claims_at_once_is_given_other_accounts(postgres_units: UnitsOfWork) -> None:
    scopes = [on(f"project p{number}") for number in range(200)]
    with postgres_units.begin() as work:
        work.billing.touch(scopes, NOW)
    start = threading.Barrier(4)

    def look() -> list[Scope]:
        start.wait()
        mine: list[Scope] = []
        while True:
            with postgres_units.begin() as work:
                some = work.billing.claim(NOW, NOW + MINUTE, limit=7)
            if not some:
                return mine
            mine += [one.scope for one in some]

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(look) for _ in range(4)]
        looked_at = [scope for each in running for scope in each.result()]
    assert sorted(map(str, looked_at)) == sorted(map(str, scopes))


def test_of_many_keys_at_once_none_but_the_right_one_is_used(postgres_units: UnitsOfWork) -> None:
    """Nobody has looked yet whose the customers are."""
    acme, clock = on("organization acme"), ManualClock(NOW)
    right, wrong = MemoryPayments(clock), MemoryPayments(clock, mark="other_")
    profile = Profile(scope=acme, name="Acme", email="a@example.com")
    customer_id = right.open_customer(profile, key="acme").customer_id
    with postgres_units.begin() as work:
        work.billing.change(evolve(BillingAccount.of(acme, NOW), customer_id=customer_id))
    start = threading.Barrier(8)

    def ask(number: int) -> bool:
        require = RequireMerchant(wrong if number % 2 else right, lambda: postgres_units)
        start.wait()
        try:
            require()
        except AnotherMerchant:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [True, False] * 4
    with postgres_units.view() as work:
        assert work.billing.merchant() == right.merchant()


def test_who_touches_the_same_ones_waits_for_nobody_in_a_circle(
    postgres_units: UnitsOfWork,
) -> None:
    one, other = on("organization a"), on("project b")
    start = threading.Barrier(8)

    def touch(number: int) -> None:
        start.wait()
        for _ in range(20):
            with postgres_units.begin() as work:
                work.billing.touch([one, other] if number % 2 else [other, one], NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(touch, range(8)))
    with postgres_units.view() as work:
        for scope in (one, other):
            account = work.billing.find(scope)
            assert account is not None
            assert account.revision == 160


def test_those_that_are_due_are_found_among_many(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    with postgres_units.begin() as work:
        work.billing.touch([on(f"project p{number}") for number in range(5_000)], NOW + MINUTE)
        work.billing.touch([on("project due")], NOW)
    values = {
        "now": NOW,
        "until": NOW + MINUTE,
        "limit": 10,
        "scope_types": None,
        "scope_ids": None,
    }
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE ktrlplane.billing_accounts")
        with connection.transaction(force_rollback=True):
            explained = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + billing_queries.CLAIM
            row = connection.execute(explained, values).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] == 1
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 60
