"""The queue of deliveries as PostgreSQL works it off."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from ktrlplane.adapters.postgres import event_writing, webhook_queries, webhook_repeats
from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import OrganizationId, WebhookId
from ktrlplane.domain.webhook_deliveries import WebhookAttempt
from ktrlplane.domain.webhooks import EndpointStatus
from ktrlplane.ports.unit_of_work import UnitsOfWork
from ktrlplane.ports.webhooks import Due, Outcome
from tests.builders import HOUR, NOW, a_webhook, keep

pytestmark = pytest.mark.postgres

MINUTE = timedelta(minutes=1)


def tell(units: UnitsOfWork, org_id: str = "acme", count: int = 1) -> None:
    path = [Scope.of(OrganizationId(org_id))]
    with units.begin() as work:
        work.events.add(
            [
                Event.about(path, EventType.GROUP_CREATED, actor=OPERATOR, at=NOW, data={})
                for _ in range(count)
            ]
        )


def claim(units: UnitsOfWork, limit: int = 20, each: int = 100) -> list[Due]:
    with units.begin() as work:
        return list(work.webhooks.claim(NOW, NOW + HOUR, each=each, limit=limit, busy={}))


def answered(due: Due) -> Outcome:
    attempt = WebhookAttempt(number=1, attempted_at=NOW, response_status=200)
    return Outcome(delivery=due.delivery.after(attempt, now=NOW, jitter=0), attempt=attempt)


def test_workers_that_claim_at_once_are_given_other_ones(postgres_units: UnitsOfWork) -> None:
    keep(postgres_units, a_webhook(), a_webhook(number=2), a_webhook(number=3))
    tell(postgres_units, count=200)
    start = threading.Barrier(4)

    def work() -> list[Due]:
        start.wait()
        mine: list[Due] = []
        while some := claim(postgres_units):
            mine += some
            with postgres_units.begin() as unit:
                unit.webhooks.settle([answered(one) for one in some])
        return mine

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work) for _ in range(4)]
        taken = [one.delivery.delivery_id for each in running for one in each.result()]
    assert len(taken) == len(set(taken)) == 600
    with postgres_units.view() as unit:
        assert unit.webhooks.claim(NOW, NOW, each=1, limit=1, busy={}) == []


def test_a_claim_that_is_not_committed_is_passed_over_and_not_waited_for(
    postgres_units: UnitsOfWork,
) -> None:
    keep(postgres_units, a_webhook())
    tell(postgres_units, count=4)
    with postgres_units.begin() as work:
        first = work.webhooks.claim(NOW, NOW + HOUR, each=2, limit=10, busy={})
        then = claim(postgres_units)
    assert len(first) == len(then) == 2
    assert {one.delivery.delivery_id for one in first}.isdisjoint(
        one.delivery.delivery_id for one in then
    )


def execute(url: str, statement: LiteralString) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def explained(
    url: str, query: bytes, values: dict[str, Any], *, before: bytes = b""
) -> dict[str, Any]:
    with psycopg.connect(url) as connection, connection.transaction(force_rollback=True):
        connection.execute(before)
        plan = connection.execute(
            b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query, values
        ).fetchone()
    assert plan is not None
    found: dict[str, Any] = plan[0][0]["Plan"]
    return found


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def explained_claim(url: str) -> dict[str, Any]:
    values = {
        "now": NOW + HOUR,
        "until": NOW + 2 * HOUR,
        "each": 16,
        "limit": 100,
        "webhook_ids": [a_webhook(number=1).webhook_id.value],
        "counts": [16],
    }
    return explained(url, webhook_queries.CLAIM, values, before=webhook_queries.ALONG_INDEXES)


def tell_the_dead(units: UnitsOfWork) -> None:
    """Ten thousand for an endpoint that is busy, and as many for one that is paused."""
    tell(units, count=10_000)
    tell(units, "globex", 10)
    with units.begin() as work:
        work.webhooks.replace(a_webhook(number=2, status=EndpointStatus.PAUSED))


def test_what_waits_for_the_dead_is_in_nobodys_way(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    keep(postgres_units, a_webhook("organization globex", number=9))
    keep(postgres_units, a_webhook(number=1), a_webhook(number=2))
    tell_the_dead(postgres_units)
    execute(migrated_database, "VACUUM ANALYZE ktrlplane.webhook_deliveries, ktrlplane.events")
    plan = explained_claim(migrated_database)
    assert plan["Actual Rows"] == 10
    assert buffers(plan) < 600


def test_a_queue_that_was_counted_while_it_was_short_is_not_read_as_a_whole(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    """As after a night in which all was delivered and forgotten, before the next count."""
    keep(postgres_units, a_webhook("organization globex", number=9))
    keep(postgres_units, a_webhook(number=1), a_webhook(number=2))
    tell_the_dead(postgres_units)
    with postgres_units.begin() as work:
        work.webhooks.replace(a_webhook(number=2))
    execute(
        migrated_database,
        "DELETE FROM ktrlplane.webhook_deliveries WHERE event_id NOT IN"
        " (SELECT event_id FROM ktrlplane.events WHERE tenant = 'organization globex')",
    )
    execute(migrated_database, "DELETE FROM ktrlplane.events WHERE tenant = 'organization acme'")
    execute(migrated_database, "VACUUM ANALYZE ktrlplane.webhook_deliveries, ktrlplane.events")
    tell_the_dead(postgres_units)
    plan = explained_claim(migrated_database)
    assert plan["Actual Rows"] == 16
    assert buffers(plan) < 900


def test_where_there_are_no_endpoints_telling_looks_into_an_index_alone(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    for number in range(200):
        keep(postgres_units, a_webhook(f"organization other-{number}", number=number))
    tell(postgres_units)
    assert b"FROM ktrlplane.webhooks" in event_writing._ADD_ONE.text
    plan = explained(
        migrated_database,
        b"SELECT webhook_id FROM ktrlplane.webhooks "
        b"WHERE scope_type = 'organization' AND scope_id = 'acme'",
        {},
    )
    assert plan["Actual Rows"] == 0
    assert buffers(plan) <= 12


def test_a_long_history_costs_forgetting_nothing(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    keep(postgres_units, a_webhook())
    tell(postgres_units, count=5_000)
    execute(
        migrated_database,
        "UPDATE ktrlplane.webhook_deliveries SET status = 'delivered', next_attempt_at = NULL",
    )
    execute(migrated_database, "VACUUM ANALYZE ktrlplane.webhook_deliveries")
    values = {"before": NOW, "limit": 100}
    assert buffers(explained(migrated_database, webhook_repeats.FORGET, values)) < 60


def test_an_endpoint_that_ends_meanwhile_leaves_nothing_to_be_sent(
    postgres_units: UnitsOfWork,
) -> None:
    """Whoever removes it and whoever tells something do not wait for each other."""
    keep(postgres_units, a_webhook())
    tell(postgres_units)
    with postgres_units.begin() as removing:
        removing.webhooks.remove(WebhookId(a_webhook().webhook_id.value))
        tell(postgres_units)
    assert claim(postgres_units) == []
    with postgres_units.begin() as work:
        assert work.webhooks.forget(NOW - HOUR, 10) == 2
