"""``ktrlplane serve`` as a process, and what a person sees of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 90.0


def until(is_so: Callable[[], bool], what: str) -> None:
    """Looks ten times a second, and not for ever."""
    looking, deadline = threading.Event(), time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"in vain waited for: {what}"
        looking.wait(0.1)


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """Nothing of ours from outside; variables without their prefix."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("KTRLPLANE_")}
    ours = {"DATA_DIR": os.fspath(data_dir)} | variables
    named = {f"KTRLPLANE_{name}": value for name, value in ours.items()}
    return others | named | {"PYTHONPATH": os.fspath(REPOSITORY)}


@define
class Serving:
    process: "subprocess.Popen[str]"
    log: Path
    url: str = ""
    introduction: list[str] = field(factory=list)

    def read_until(self, is_last: Callable[[str], bool]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.introduction.append(line.rstrip("\n"))
            if is_last(line):
                self.url = self.introduction[0].removeprefix("KtrlPlane is ready at ")
                return
        raise AssertionError(f"serve ended without a word:\n{self.log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    @property
    def curl_lines(self) -> list[str]:
        return [line for line in self.introduction if line.startswith("curl ")]

    def child(self, part: str) -> int:
        """The pid of the child whose command has ``part`` in it."""
        found = [pid for pid in children_of(self.process.pid) if part in command_of(pid)]
        assert len(found) == 1, found
        return found[0]


@frozen
class Server:
    served: Serving

    def ask(
        self, method: str, path: str, token: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.served.url}/api/v1{path}",
            method=method,
            data=sent,
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)


@contextmanager
def serving(data_dir: Path, *arguments: str, **variables: str) -> Iterator[Serving]:
    """Ready on a free port; killed afterwards, if it still runs."""
    data_dir.mkdir(exist_ok=True)
    log = data_dir / "serve.log"
    with log.open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "ktrlplane", "serve", "--port", "0", *arguments],
            cwd=data_dir,
            env=environment(data_dir, **variables),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    watchdog = threading.Timer(DEADLINE_S, process.kill)
    watchdog.start()
    try:
        served = Serving(process, log)
        last = "/api/v1/organizations" if "--demo" in arguments else "is ready at"
        served.read_until(lambda line: last in line)
        watchdog.cancel()
        yield served
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ktrlplane(data_dir: Path, *arguments: str, **variables: str) -> str:
    """What the command prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "ktrlplane", *arguments],
        cwd=data_dir,
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def children_of(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def family_of(pid: int) -> set[int]:
    """Everything below, of every generation."""
    found: set[int] = set()
    todo = children_of(pid)
    while todo:
        child = todo.pop()
        if child not in found:
            found.add(child)
            todo += children_of(child)
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """A zombie is not: whoever adopted it may take its time to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
