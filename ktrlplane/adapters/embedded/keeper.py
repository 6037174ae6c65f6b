"""Runs one PostgreSQL server for everybody who has it open, and ends it when the last has left.

A program of its own, and standard library alone: ``keeper.py UID GID LOCK COMMAND...``, started
in PostgreSQL's data directory. Its standard input is a socket whose other end is held by the
process that started it, the first guest; later ones connect to ``DOOR``. Whatever ends a guest,
a clean exit or a kill -9, closes its connection, on every system and whichever thread opened the
server. After the last one the server gets a fast shutdown. Should the keeper itself be killed,
Linux sends the server that same signal, and all guests see their connections end.

One thread decides who is in: a guest has come in when it reads ``WELCOME``, and the door is shut
before the server is told to stop, so nobody comes in to a server that is about to end.

Being small, it can give up root and fork without the dangers of doing so among threads.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from types import FrameType

try:
    import ctypes
except ImportError:  # some builds of Python have no libffi
    LIBC = None
else:
    LIBC = ctypes.CDLL(None)

DOOR = ".s.keeper"
"""Beside PostgreSQL's own socket, and as open as that: to the account itself and to root."""

READY = b"+"
"""A guest's: the server has answered. From then on one that ends by itself is started again."""
LEAVING = b"."
"""A guest's. It is answered with ``OTHERS_STAY``, or with the end of the connection once the
server has ended."""
WELCOME, OTHERS_STAY = b"!", b"&"

PR_SET_PDEATHSIG = 1
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""Fast: open transactions are rolled back and the data written down. Immediate: as in a crash,
repaired at the next start."""

PATIENCE_S = ((FAST, 30), (IMMEDIATE, 10), (signal.SIGKILL, 10))
RESTART_PAUSE_S = 0.5
"""The processes of a killed server hold on to its memory for a moment, and a new one will not
start before they have gone."""
LONG_ENOUGH_S, RESTARTS = 10, 10
"""One that lived that long had started well; after so many that did not, the keeper gives up."""


class Guests:
    """Who has the server open."""

    def __init__(self, first: socket.socket) -> None:
        self._inside = {first}
        self._leaving: set[socket.socket] = set()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(DOOR)
        self._door.listen()
        self._door.settimeout(0)  # there may be nobody at it any more
        self.have_seen_it = False

    @property
    def all_left(self) -> bool:
        return not self._inside

    def wait(self, *others: int, timeout_s: float | None = None) -> None:
        """Until a guest comes, leaves or says something, or one of ``others`` is readable."""
        waiting: list[int | socket.socket] = [*others, self._door, *self._inside]
        readable, _, _ = select.select(waiting, (), (), timeout_s)
        self._hear(readable)

    def shut_the_door(self) -> None:
        """Who knocked but was not welcomed sees its connection end."""
        self._door.close()
        with suppress(FileNotFoundError):
            os.unlink(DOOR)  # noqa: PTH108 - importing pathlib takes longer than the rest

    def _hear(self, readable: Collection[object]) -> None:
        for guest in [each for each in self._inside if each in readable]:
            self._listen_to(guest)
        with suppress(BlockingIOError):
            while True:
                self._let_in(self._door.accept()[0])
        if self._inside:
            for guest in self._leaving:
                _tell(guest, OTHERS_STAY)
                guest.close()
            self._leaving.clear()

    def _listen_to(self, guest: socket.socket) -> None:
        try:
            word = guest.recv(1)
        except OSError:  # killed before it read what it was told
            word = b""
        if word == READY:
            self.have_seen_it = True
            return
        self._inside.remove(guest)
        if word == LEAVING:
            self._leaving.add(guest)
        else:
            guest.close()

    def _let_in(self, guest: socket.socket) -> None:
        _tell(guest, WELCOME)
        self._inside.add(guest)


def _tell(guest: socket.socket, word: bytes) -> None:
    with suppress(OSError):  # it is gone, which the next look shows
        guest.send(word, socket.MSG_DONTWAIT)


def main() -> int:
    uid, gid, lock, command = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    children = _wake_up_for_children()
    if os.geteuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    guests = Guests(_take_standard_input())
    try:
        return _keep(command, children, guests)
    finally:
        os.close(lock)  # the connections end after it: then nothing runs any more


def _take_standard_input() -> socket.socket:
    first = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return first


def _keep(command: list[str], children: int, guests: Guests) -> int:
    restarts = 0
    while True:
        begun_s = time.monotonic()
        server = _start(command)
        status = _watch(server, children, guests)
        if status is None:
            guests.shut_the_door()
            return _stop(server, children)
        restarts = 0 if time.monotonic() - begun_s > LONG_ENOUGH_S else restarts + 1
        if not guests.have_seen_it or restarts > RESTARTS or _all_leave_meanwhile(guests):
            return status


def _watch(server: int, children: int, guests: Guests) -> int | None:
    """The status with which the server ended; None once all guests have left."""
    while not guests.all_left:
        guests.wait(children)
        if (status := _ended(server, children)) is not None:
            return status
    return None


def _all_leave_meanwhile(guests: Guests) -> bool:
    until_s = time.monotonic() + RESTART_PAUSE_S
    while not guests.all_left and (left_s := until_s - time.monotonic()) > 0:
        guests.wait(timeout_s=left_s)
    return guests.all_left


def _wake_up_for_children() -> int:
    """A file descriptor that becomes readable when a child ends.

    The signals that ask a whole group or session of processes to end are not for the server,
    which is needed until its guests have finished. Handlers, unlike SIG_IGN, end at exec.
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
