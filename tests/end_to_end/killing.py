"""Workers that are killed again and again, and what has to be true afterwards."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from attrs import define, field, frozen

from tests.end_to_end.lives import endings
from tests.end_to_end.people import Memory
from tests.end_to_end.serving import DEADLINE_S, environment, until
from tests.mail_servers import MailBox

NURSERY: Final = Path(__file__).with_name("nursery.py")
STARTED: Final = b'"worker_started"'
LEASE: Final = "10 minutes"
"""For so long a worker that died keeps the mails it was about to send."""


@define
class Worker:
    """One of those that are killed."""

    pid: int
    log: Path
    dies_after_s: float
    dies_at: float | None = None

    def is_due(self) -> bool:
        """From when it has begun to work, so that it is killed at work."""
        if self.dies_at is None and STARTED in self.log.read_bytes():
            self.dies_at = time.monotonic() + self.dies_after_s
        return self.dies_at is not None and self.dies_at <= time.monotonic()


@define
class Workers:
    folder: Path
    settings: Mapping[str, str]
    nursery: "subprocess.Popen[str]"
    rng: random.Random
    kills: int = 0
    _alive: list[Worker] = field(factory=list)
    _logs: list[Path] = field(factory=list)

    def kill_who_is_due(self, how_many: int) -> None:
        """And have as many as before."""
        for worker in self._alive[:]:
            if worker.is_due():
                self._kill(worker)
        while len(self._alive) < how_many:
            log = self._new_log()
            # Most at any moment of their work, some as soon as they are there.
            lasts_s = self.rng.choice([0.0, 0.1, 2.0]) * self.rng.random()
            self._alive.append(Worker(self._ask(f"start {log}"), log, lasts_s))

    def kill_all(self) -> None:
        for worker in self._alive[:]:
            self._kill(worker)

    def _kill(self, worker: Worker) -> None:
        ended_with = self._ask(f"kill {worker.pid}")
        assert ended_with == -signal.SIGKILL, worker.log.read_text()
        self._alive.remove(worker)
        self.kills += 1

    def _ask(self, order: str) -> int:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{order}\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    def _new_log(self) -> Path:
        log = self.folder / f"worker-{len(self._logs)}.log"
        log.touch()
        self._logs.append(log)
        return log

    @contextmanager
    def one_that_lives(self) -> Iterator["subprocess.Popen[bytes]"]:
        """``ktrlplane worker`` as anybody starts it. Killed at the end, if it still runs."""
        with self._new_log().open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "ktrlplane", "worker"],
                cwd=self.folder,
                env=dict(self.settings),
                stderr=stderr,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def complaints(self) -> list[str]:
        """Of the living, about the dead."""
        lines = (line for log in self._logs for line in log.read_text().splitlines())
        return [one for one in lines if "job_failed" in one or "Traceback" in one]


@contextmanager
def workers_in(folder: Path, url: str, box: MailBox, rng: random.Random) -> Iterator[Workers]:
    settings = environment(
        folder,
        DATABASE_URL=url,
        DELETION_GRACE="2",
        SMTP_URL=f"smtp://127.0.0.1:{box.port}",
        PUBLIC_URL="http://ktrlplane.example.com",
        MAIL_FROM="no-reply@example.com",
    )
    with subprocess.Popen(
        [sys.executable, NURSERY],
        cwd=folder,
        env=settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        yield Workers(folder, settings, nursery, rng)


def stopped(process: "subprocess.Popen[bytes]") -> float:
    """With SIGTERM, and well; how long it took, in seconds."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    return time.monotonic() - began


@frozen
class Database:
    """What is there, seen without the code that has put it there."""

    url: str = field(repr=False)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def number(self, query: str) -> int:
        ((found,),) = self.rows(f"SELECT count(*) FROM ktrlplane.{query}")
        return int(found)

    def let_leases_end(self) -> None:
        """As if so much time had passed. While no worker is there."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                f"UPDATE ktrlplane.invitations SET mail_due_at = mail_due_at - interval '{LEASE}'"
            )

    def is_at_rest(self) -> bool:
        left = (
            "reports",
            "resources WHERE status = 'Deleting'",
            "projects WHERE status = 'Deleting'",
            "invitations WHERE mail_due_at IS NOT NULL",
        )
        return not any(map(self.number, left))


def settle(database: Database, workers: Workers) -> None:
    """With one worker that lives."""
    with workers.one_that_lives() as last:
        until(database.is_at_rest, "all to be done")
        stopped(last)


# -- what has to be true -----------------------------------------------------------------------


def judge(database: Database, memories: Sequence[Memory], box: MailBox) -> None:
    wrong = _refused(database, memories)
    assert not wrong, wrong
    strange = [one for memory in memories for one in _strange_lives(database, memory)]
    assert not strange, f"{len(strange)} of them, the first: {strange[0]}"
    _judge_endings(database, memories)
    _judge_mails(database, memories, box)


def _refused(database: Database, memories: Sequence[Memory]) -> dict[Any, tuple[int, int]]:
    """Where more or fewer were counted than came. What a report says of the generation is
    judged with the life of its resource."""
    expected: Counter[tuple[str, str]] = Counter()
    for memory in memories:
        expected.update(memory.refused)
    query = """
        SELECT resource_id, code, sum(times)::int FROM ktrlplane.refused_reports
        WHERE code <> 'unknown_generation' GROUP BY 1, 2
    """
    counted = {(name, code): times for name, code, times in database.rows(query)}
    return {
        key: (counted.get(key, 0), expected[key])
        for key in counted.keys() | expected.keys()
        if counted.get(key, 0) != expected[key]
    }


def _strange_lives(database: Database, memory: Memory) -> Iterator[Any]:
    """Resources that cannot have become what they are, had all gone as it should."""
    query = """
        SELECT r.resource_id, r.status, r.generation, r.observed_generation,
            array(
                SELECT jsonb_build_array(t.from_status, t.to_status, t.generation)
                FROM ktrlplane.resource_transitions t WHERE t.resource_id = r.resource_id
                ORDER BY t.occurred_at, t.transition_id
            ),
            (
                SELECT coalesce(sum(f.times), 0)::int FROM ktrlplane.refused_reports f
                WHERE f.resource_id = r.resource_id AND f.code = 'unknown_generation'
            )
        FROM ktrlplane.resources r
    """
    rows = {row[0]: row[1:] for row in database.rows(query)}
    for story in memory.stories:
        status, generation, observed, history, not_known = rows[story.resource_id]
        steps = tuple((before, after, at) for before, after, at in history)
        actual = status, generation, observed, steps, not_known
        possible = {
            (one.status, one.generation, one.observed, one.history, one.not_known)
            for one in endings(story)
        }
        if actual not in possible:
            yield story, actual, possible


def _judge_endings(database: Database, memories: Sequence[Memory]) -> None:
    ended = {project for memory in memories for project in memory.ended_projects}
    gone = {org for memory in memories for org in memory.ended_organizations}
    statuses = dict(database.rows("SELECT project_id, status FROM ktrlplane.projects"))
    assert {name for name, status in statuses.items() if status == "Deleted"} == ended
    assert {status for name, status in statuses.items() if name not in ended} <= {"Active"}
    found = database.rows(
        "SELECT org_id FROM ktrlplane.organizations WHERE deleted_at IS NOT NULL"
    )
    assert {name for (name,) in found} == gone
    left = database.rows("SELECT resource_id, project_id, status FROM ktrlplane.resources")
    assert [row for row in left if row[1] in ended and row[2] != "Deleted"] == []
    held = """
        SELECT scope_id FROM ktrlplane.role_assignments
        UNION SELECT scope_id FROM ktrlplane.invitations
    """
    assert {name for (name,) in database.rows(held)} & (ended | gone) == set()


def _judge_mails(database: Database, memories: Sequence[Memory], box: MailBox) -> None:
    ended = {name for one in memories for name in one.ended_projects | one.ended_organizations}
    invited = {to: scope for one in memories for to, scope in one.invited.items()}
    ids: dict[str, set[str]] = {}
    for mail in box.mails:
        (to,) = mail.recipients
        ids.setdefault(to, set()).add(mail.message["Message-ID"])
    assert ids.keys() <= invited.keys()
    unsent = database.rows("SELECT email FROM ktrlplane.invitations WHERE sent_at IS NULL")
    assert unsent == []
    alive = {to for to, scope in invited.items() if scope not in ended}
    assert alive - ids.keys() == set()
    assert {to: found for to, found in ids.items() if len(found) != 1} == {}
    assert len(set().union(*ids.values())) == len(ids)
