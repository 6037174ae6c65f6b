"""Workers that are killed again and again."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import define, field

from tests.end_to_end.judging import Database
from tests.end_to_end.serving import DEADLINE_S, environment, until
from tests.mail_servers import MailBox

NURSERY: Final = Path(__file__).with_name("nursery.py")
STARTED: Final = b'"worker_started"'


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
        WEBHOOK_ALLOW="127.0.0.0/8",
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


def settle(database: Database, workers: Workers) -> None:
    """With one worker that lives."""
    with workers.one_that_lives() as last:
        until(database.is_at_rest, "all to be done")
        stopped(last)
