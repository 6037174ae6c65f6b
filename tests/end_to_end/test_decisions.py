"""Two servers on one database: what is taken away at one is soon gone at the other."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import psycopg
import pytest
from attrs import frozen

from tests.end_to_end.serving import Server, ktrlplane, serving, until
from tests.postgres import as_url

pytestmark = pytest.mark.postgres

WITHIN_S = 1.0
SLACK_S = 9.0
"""For a machine that runs other things beside the servers: how exact the second is, the tests of
what is remembered show with clocks of their own."""

RBAC = "/projects/plant/rbac"
GRANT = {"user_id": "bob", "role_id": "Viewer"}
CUT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'ktrlplane changes'"
)


@frozen
class Judging(Server):
    def allows(self, token: str, **headers: str) -> bool:
        """Whether the bearer may read the project, as a product asks."""
        asked = "/permissions/check?scopeType=project&scopeId=plant&action=read"
        status, held = self.ask("GET", asked, token, **headers)
        assert status == 200, held
        return bool(held["allowed"])


@frozen
class Two:
    """The one where things are changed, the other where they are seen. Each with one worker,
    so that nobody else remembers."""

    here: Judging
    there: Judging
    url: str
    tokens: Mapping[str, str]

    @property
    def bob(self) -> str:
        return self.tokens["bob"]

    def share(self) -> str:
        """Gives Bob a role in Ada's project, which the other server has then decided on and
        remembers; the assignment."""
        status, made = self.here.ask("POST", RBAC, self.tokens["ada"], GRANT)
        assert status == 201, made
        until(lambda: self.there.allows(self.bob), "Bob to be let in")
        until(self.is_remembered_there, "an answer that asks no database")
        return str(made["assignment_id"])

    def revoke(self, assignment: str) -> float:
        """When it was done."""
        status, said = self.here.ask("DELETE", f"{RBAC}/{assignment}", self.tokens["ada"])
        assert status == 204, said
        return time.monotonic()

    def is_remembered_there(self) -> bool:
        """Whether the question is answered while nobody can look at assignments."""
        assert self.there.allows(self.bob)
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE ktrlplane.role_assignments IN ACCESS EXCLUSIVE MODE")
            asking = ThreadPoolExecutor(1)
            answer = asking.submit(self.there.allows, self.bob)
            asking.shutdown(wait=False)
            done = wait([answer], timeout=0.5).done
        assert answer.result()
        return bool(done)

    def time_until_gone(self, since: float) -> float:
        until(lambda: not self.there.allows(self.bob), "the end of Bob's role")
        return time.monotonic() - since


@pytest.fixture(scope="module")
def two(databases: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    database = databases.make_database()
    folder = tmp_path_factory.mktemp("two")
    settings = {"DATABASE_URL": as_url(database), "WORKERS": "1"}
    with (
        serving(folder, "--no-worker", **settings) as here,
        serving(folder, "--no-worker", **settings) as there,
    ):
        tokens = {
            who: ktrlplane(folder, "token", "--sub", who, **settings).strip()
            for who in ("ada", "bob")
        }
        made = Two(Judging(here), Judging(there), database, tokens)
        for who in tokens.values():
            assert made.here.ask("GET", "/users/me", who)[0] == 200
        ada = tokens["ada"]
        assert made.here.ask("POST", "/projects", ada, {"id": "plant", "name": "P"})[0] == 201
        yield made
    databases.drop_database(database)


def test_a_role_taken_away_at_one_is_gone_at_the_other_within_a_second(two: Two) -> None:
    for _ in range(3):
        revoked = two.revoke(two.share())
        assert two.time_until_gone(revoked) < WITHIN_S + SLACK_S
        assert not two.here.allows(two.bob)


def test_whoever_wants_to_know_for_certain_knows_at_once(two: Two) -> None:
    for headers in ({"Cache_Control": "no-cache"}, {"Cache_Control": "Max-Age=0"}):
        two.revoke(two.share())
        assert not two.there.allows(two.bob, **headers)


def test_it_is_gone_at_once_where_it_was_taken_away(two: Two) -> None:
    assignment = two.share()
    assert two.here.allows(two.bob)
    two.revoke(assignment)
    assert not two.here.allows(two.bob)


def test_a_server_that_hears_nothing_finds_out_in_the_same_time(two: Two) -> None:
    for _ in range(3):
        assignment = two.share()
        with psycopg.connect(two.url, autocommit=True) as connection:
            # Both listen no more, and what is told from here on nobody hears.
            connection.execute(CUT)
        assert two.time_until_gone(two.revoke(assignment)) < WITHIN_S + SLACK_S


def test_a_change_by_plain_sql_is_noticed_too(two: Two) -> None:
    two.share()
    with psycopg.connect(two.url, autocommit=True) as connection:
        connection.execute("DELETE FROM ktrlplane.role_assignments WHERE user_id = 'bob'")
    assert two.time_until_gone(time.monotonic()) < WITHIN_S + SLACK_S
