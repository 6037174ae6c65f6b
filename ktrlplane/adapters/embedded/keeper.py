"""Runs one PostgreSQL server for one process and ends it with that process.

A program of its own, and standard library alone: ``keeper.py UID GID COMMAND...``. Its standard
input is a pipe whose other end only the owner holds. Whatever ends the owner, a clean exit or a
kill -9, closes the pipe, on every system and whichever thread opened the server; the server then
gets a fast shutdown. Should the keeper itself be killed, Linux sends the server that same signal.

Once the owner has seen the server answer, it writes ``READY``: from then on a server that ends
by itself, or is killed, is started again.

Being small, it can give up root and fork without the dangers of doing so among threads.
"""

import os
import select
import signal
import sys
import time
from types import FrameType

try:
    import ctypes
except ImportError:  # some builds of Python have no libffi
    LIBC = None
else:
    LIBC = ctypes.CDLL(None)

PR_SET_PDEATHSIG = 1
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""Fast: open transactions are rolled back and the data written down. Immediate: as in a crash,
repaired at the next start."""

PATIENCE_S = ((FAST, 30), (IMMEDIATE, 10), (signal.SIGKILL, 10))
OWNER = 0
READY = b"+"
STOP = b"."

RESTART_PAUSE_S = 0.5
"""The processes of a killed server hold on to its memory for a moment, and a new one will not
start before they have gone."""
LONG_ENOUGH_S, RESTARTS = 10, 10
"""One that lived that long had started well; after so many that did not, the keeper gives up."""


def main() -> int:
    uid, gid, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    children = _wake_up_for_children()
    if os.geteuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ready, restarts = False, 0
    while True:
        begun_s = time.monotonic()
        server = _start(command)
        status, ready = _watch(server, children, ready=ready)
        if status is None:
            return _stop(server, children)
        restarts = 0 if time.monotonic() - begun_s > LONG_ENOUGH_S else restarts + 1
        if not ready or restarts > RESTARTS:
            return status
        if select.select([OWNER], [], [], RESTART_PAUSE_S)[0]:
            return status


def _watch(server: int, children: int, *, ready: bool) -> tuple[int | None, bool]:
    """The status with which the server ended, None once the owner wants it to stop; and whether
    the owner has seen it answer."""
    while True:
        readable, _, _ = select.select([OWNER, children], [], [])
        if (status := _ended(server, children)) is not None:
            return status, ready
        if OWNER in readable:
            if os.read(OWNER, 1) != READY:
                return None, ready
            ready = True


def _wake_up_for_children() -> int:
    """A file descriptor that becomes readable when a child ends.

    The signals that ask a whole group or session of processes to end are not for the server,
    which is needed until the owner has finished. Handlers, unlike SIG_IGN, end at exec.
    """

    def nothing(_signal: int, _frame: FrameType | None) -> None: ...

    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for each in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, nothing)
    return read


def _start(command: list[str]) -> int:
    keeper = os.getpid()
    server = os.fork()
    if server == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            _die_with(keeper)
            os.execv(command[0], command)  # noqa: S606 - no shell is the point
        except OSError as exc:
            os.write(2, f"FATAL: {command[0]}: {exc.strerror}\n".encode())
        finally:
            os._exit(127)
    return server


def _die_with(keeper: int) -> None:
    """After the change of user, which clears the setting."""
    if LIBC is not None and sys.platform.startswith("linux"):
        LIBC.prctl(PR_SET_PDEATHSIG, FAST)
    if os.getppid() != keeper:  # it died before the setting was made
        os._exit(127)


def _ended(server: int, children: int) -> int | None:
    """The server's exit status, 128 + n if signal n ended it; None while it runs."""
    try:
        while os.read(children, 4096):
            pass
    except BlockingIOError:
        pass
    pid, status = os.waitpid(server, os.WNOHANG)
    if pid == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _stop(server: int, children: int) -> int:
    for each, patience_s in PATIENCE_S:
        os.kill(server, each)
        while select.select([children], [], [], patience_s)[0]:
            if (status := _ended(server, children)) is not None:
                return status
    return 1


if __name__ == "__main__":
    sys.exit(main())
