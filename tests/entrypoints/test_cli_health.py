"""``ktrlplane worker --check``."""

from datetime import datetime, timedelta

import psycopg
import pytest

from ktrlplane.adapters.system import SystemClock
from ktrlplane.entrypoints.jobs import DUTIES
from tests.entrypoints.conftest import Ktrlplane, Outcome
from tests.postgres import as_url

pytestmark = pytest.mark.postgres
NAMES = [duty.job for duty in DUTIES]


@pytest.fixture
def check(ktrlplane: Ktrlplane, fresh_database: str) -> Ktrlplane:
    url = as_url(fresh_database)
    assert ktrlplane("migrate", DATABASE_URL=url).status == 0
    return lambda: ktrlplane("worker", "--check", DATABASE_URL=url)


def put_runs(database: str, at: datetime, *jobs: str, failures: int = 0) -> None:
    with psycopg.connect(database) as connection:
        for job in jobs:
            connection.execute(
                """
                INSERT INTO ktrlplane.job_runs VALUES (%s, %s, %s, %s)
                ON CONFLICT (job) DO UPDATE SET last_success_at = excluded.last_success_at
                """,
                (job, at, at, failures),
            )


def rows(outcome: Outcome) -> list[list[str]]:
    return [line.split() for line in outcome.out.splitlines()[1:-2]]


def test_where_no_worker_ever_ran_it_says_what_to_start(check: Ktrlplane) -> None:
    outcome = check()
    assert (outcome.status, outcome.err) == (1, "")
    assert rows(outcome) == [[name, "never", "0", "late"] for name in NAMES]
    said = outcome.out.splitlines()[-1]
    assert "start ktrlplane worker" in said


def test_what_is_done_in_time_is_told_and_exits_with_0(
    check: Ktrlplane, fresh_database: str
) -> None:
    put_runs(fresh_database, SystemClock().now() - timedelta(seconds=30), *NAMES, failures=2)
    with psycopg.connect(fresh_database) as connection:
        connection.execute("SELECT ktrlplane.report_status('nowhere', 'Healthy')")
    outcome = check()
    assert (outcome.status, outcome.err) == (0, "")
    assert [[row[0], row[-1]] for row in rows(outcome)] == [[name, "2"] for name in NAMES]
    assert outcome.out.splitlines()[-2:] == [
        "1 report waits, 0 were refused.",
        "The background work is done in time.",
    ]


def test_what_is_late_is_named_and_exits_with_1(check: Ktrlplane, fresh_database: str) -> None:
    now = SystemClock().now()
    put_runs(fresh_database, now, *NAMES)
    put_runs(fresh_database, now - timedelta(seconds=90), "end_deletions", "send_invitations")
    outcome = check()
    assert outcome.status == 1
    assert [row[0] for row in rows(outcome) if row[-1] == "late"] == ["end_deletions"]
    assert "late: end_deletions. " in outcome.out.splitlines()[-1]
