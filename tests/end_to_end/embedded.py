"""Processes that have the embedded PostgreSQL open, and what can be seen of it from outside."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attrs import frozen

from ktrlplane.adapters.embedded import EmbeddedPostgres

HOLDER = Path(__file__).with_name("holder.py")
REPOSITORY = Path(__file__).parents[2]
NOBODY, NAMELESS = 65534, 54321
DEADLINE_S = 60
embedded = partial(EmbeddedPostgres, fsync=False)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@frozen
class Holder:
    """A process that has the server open."""

    process: "subprocess.Popen[str]"
    data_dir: Path

    def says(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.next_line())
        return said

    def next_line(self) -> str:
        """After what it says come the warnings of its log."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the holder ended without a word"
        return line

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_S) == 0


@contextmanager
def holding(
    data_dir: Path, *statements: str, become: Sequence[str] = (), path: Sequence[Path] = ()
) -> Iterator[Holder]:
    command = [*become, sys.executable, os.fspath(HOLDER), os.fspath(data_dir), *statements]
    search = os.pathsep.join(map(str, (*path, REPOSITORY)))
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": search},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Holder(process, data_dir)
        finally:
            process.kill()


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def keeper(data_dir: Path) -> int:
    return parent(postmaster(data_dir))


def servers(data_dir: Path) -> int:
    """How many run in ``data_dir``, told by their commands and not by what they leave there."""
    found, cluster = 0, os.path.realpath(data_dir / "postgres")
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            program = (process / "cmdline").read_bytes().partition(b"\0")[0]
            if program.endswith(b"/bin/postgres"):
                found += os.path.realpath(process / "cwd") == cluster
    return found


def parent(pid: int) -> int:
    asked = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=True)
    return int(asked.stdout)


def eventually(happens: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + DEADLINE_S
    moment = threading.Event()
    while not happens():
        if time.monotonic() > deadline_s:
            return False
        moment.wait(0.01)
    return True


def nothing_runs(data_dir: Path) -> bool:
    """Every process of a server holds the lock, so this sees the last of them go."""
    with (data_dir / "postgres.lock").open("r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def value(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def start_of(url: str) -> Any:
    """When the server that answers there was started; None if none does."""
    try:
        return value(url, "SELECT pg_postmaster_start_time()::text")
    except psycopg.OperationalError:
        return None
