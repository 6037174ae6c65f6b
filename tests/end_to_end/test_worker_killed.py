"""Workers may be killed at any instant: nothing is lost, and nothing done twice."""

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ktrlplane import ControlPlane
from ktrlplane.domain.ids import ProjectId
from tests.end_to_end.judging import Database, judge
from tests.end_to_end.killing import settle, stopped, workers_in
from tests.end_to_end.lives import HEALTHS
from tests.end_to_end.people import Person
from tests.end_to_end.serving import DEADLINE_S, until
from tests.mail_servers import mail_server
from tests.postgres import as_url

pytestmark = pytest.mark.postgres

LASTS_S: Final = float(os.environ.get("KTRLPLANE_TEST_KILLS_S", "20"))
"""By hand, for as long as you like: ``KTRLPLANE_TEST_KILLS_S=600 pytest -s`` this file."""
SEED: Final = int(os.environ.get("KTRLPLANE_TEST_KILLS_SEED", "1"))
"""Of what is done and how long workers live; what meets what is decided by the machine."""
FEWEST: Final = 5
"""Of kills, however slow the machine is."""
SOON_S: Final = 10.0
NAMES: Final = ("ada", "bob", "eve")


@pytest.fixture
def database(fresh_database: str) -> Database:
    return Database(fresh_database)


@contextmanager
def people_at(database: Database, *names: str) -> Iterator[list[Person]]:
    with ExitStack() as stack:
        control = stack.enter_context(ControlPlane.postgres(database.url, migrate=True))
        people = []
        for number, name in enumerate(names):
            connection = psycopg.connect(database.url, autocommit=True)
            reconciler = stack.enter_context(connection)
            reconciler.execute("SET ROLE ktrlplane_operator")
            people.append(Person(name, control, reconciler, random.Random(SEED * 100 + number)))
        yield people


@contextmanager
def held(database: Database, tenant: str) -> Iterator[None]:
    """As somebody does who changes it."""
    with psycopg.connect(database.url, autocommit=True) as somebody:
        key = "hashtextextended(%s, 0)"
        somebody.execute(f"SELECT pg_advisory_lock({key})", (f"tenant {tenant}",))
        yield


def test_workers_that_are_killed_lose_nothing_and_double_nothing(
    database: Database, tmp_path: Path
) -> None:
    url, stop, rng = as_url(database.url), threading.Event(), random.Random(SEED)
    with (
        mail_server() as box,
        people_at(database, *NAMES) as people,
        workers_in(tmp_path, url, box, rng) as workers,
        ThreadPoolExecutor(len(people)) as pool,
    ):
        began = time.monotonic()
        done = [pool.submit(person.work_until, stop) for person in people]
        try:
            while time.monotonic() < began + LASTS_S or workers.kills < FEWEST:
                assert not any(one.done() for one in done), "somebody gave up"
                assert time.monotonic() < began + LASTS_S + DEADLINE_S
                workers.kill_who_is_due(how_many=2)
                stop.wait(0.01)
        finally:
            stop.set()
            for one in done:
                one.result()
        workers.kill_all()
        database.let_leases_end()
        settle(database, workers)
        memories = [person.memory for person in people]
        print(  # noqa: T201 - for who lets it run by hand
            f"{workers.kills} kills, {sum(one.operations for one in memories)} operations, "
            f"{sum(one.reports for one in memories)} reports, "
            f"{database.number('resource_transitions')} transitions, "
            f"{sum(len(one.invited) for one in memories)} invitations, {len(box.mails)} mails "
            f"to {len({mail.recipients for mail in box.mails})} people"
        )
        judge(database, memories, box)
        assert workers.complaints() == []


def test_a_worker_that_is_told_to_stop_does_so_soon_and_leaves_the_rest_to_the_next(
    database: Database, tmp_path: Path
) -> None:
    url = as_url(database.url)
    with (
        mail_server() as box,
        people_at(database, "ada") as (ada,),
        workers_in(tmp_path, url, box, ada.rng) as workers,
    ):
        project = ada.me.create_project(id="plant", name="Plant").project_id
        ada.me.create_project(id="annex", name="Annex")
        for payer in ("plant", "annex"):
            ada.pay_for(ProjectId(payer))
        kept_back = ada.resource("annex")
        stories = [ada.resource("plant") for _ in range(150)]
        for _ in range(10):
            for story in stories:
                ada.report(story, ada.rng.choice(HEALTHS))
        ada.report(kept_back, "Degraded")
        ada.invite(project, 40)
        came = database.number("reports")
        # However fast the worker is, there is something that it cannot have done yet.
        with held(database, "project annex"), workers.one_that_lives() as worker:
            until(lambda: database.number("reports") < came, "the first to be heeded")
            assert stopped(worker) < SOON_S
            assert database.number("reports") > 0
        assert database.number("invitations WHERE mail_due_at > now()") == 0
        settle(database, workers)
        judge(database, [ada.memory], box)
        assert len(box.mails) == 40
        assert workers.complaints() == []
