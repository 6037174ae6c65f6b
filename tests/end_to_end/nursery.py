"""A program that has everything imported and forks workers, so that one that was killed is
replaced at once: ``start LOG`` and ``kill PID`` on standard input, a number in answer. What is
left when the input ends is killed."""

import os
import signal
import sys
from typing import Never

from ktrlplane.entrypoints.cli import run
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings


def start(log: str) -> int:
    pid = os.fork()
    if pid == 0:
        become_worker(log)
    alive.add(pid)
    return pid


def become_worker(log: str) -> Never:
    status = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for number in (1, 2):
            os.dup2(file, number)
        os.close(0)
        status = run(["worker"])
    finally:
        os._exit(status)


def kill(pid: int) -> int:
    """What it ended with: minus the signal, or its status."""
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    alive.discard(pid)
    return os.waitstatus_to_exitcode(status)


alive: set[int] = set()
if __name__ == "__main__":
    Container(settings=Settings()).catalog()
    for line in sys.stdin:
        word, _, what = line.strip().partition(" ")
        sys.stdout.write(f"{start(what) if word == 'start' else kill(int(what))}\n")
        sys.stdout.flush()
    for one in list(alive):
        kill(one)
