"""The data directory: what lies where in it, and whose it is.

postgres.lock   held by every process of a running server, so free means none is left
postgres.log    what the server said since it was started; postgres.log.1 the time before
postgres/       PostgreSQL's own data directory, with its socket and the keeper's in it
binaries/       a copy of the programs, where the installed ones would not do
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from ktrlplane.adapters.embedded.accounts import ROOT
from ktrlplane.adapters.embedded.forks import not_for_children
from ktrlplane.adapters.embedded.keeper import DOOR

NAME = "ktrlplane"
"""Of the database and of its user."""

PORT = 5432
"""Part of the socket's file name; nothing listens on the network."""

LONGEST_FOLDER = 103 - len(f"/.s.PGSQL.{PORT}.lock")
"""Bytes. A socket's path has 107 on Linux, 103 on macOS."""


@frozen
class Place:
    root: Path
    """Absolute."""

    @property
    def cluster(self) -> Path:
        return self.root / "postgres"

    @property
    def log(self) -> Path:
        return self.root / "postgres.log"

    @property
    def binaries(self) -> Path:
        return self.root / "binaries"

    def make(self) -> None:
        """Leaves the permissions of what is there already as they are."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def try_lock(self) -> FileIO | None:
        """A file that holds the lock until its last copy is closed; None when another server
        starts, runs or ends here."""
        lock = FileIO(self._open("postgres.lock", os.O_RDWR), "r+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        not_for_children(lock)
        return lock

    def new_log(self) -> FileIO:
        if self.log.exists():
            self.log.replace(self.root / "postgres.log.1")
        return FileIO(self._open("postgres.log", os.O_WRONLY | os.O_APPEND), "a")

    def forget_the_dead(self) -> None:
        """Only for the holder of the lock. After a kill -9, PostgreSQL trusts a pid file if the
        number lives again as another process, which in containers it soon does."""
        for name in ("postmaster.pid", f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}", DOOR):
            (self.cluster / name).unlink(missing_ok=True)

    @contextmanager
    def sockets(self) -> Iterator[Path]:
        """The folder with the sockets of the server here, up or down, under a name that is
        short enough for a socket's path."""
        opened_by = os.getpid()
        folder = os.fspath(self.cluster)
        if len(os.fsencode(folder)) <= LONGEST_FOLDER and "," not in folder:
            yield self.cluster
            return
        short = Path(tempfile.mkdtemp(prefix="kp-", dir=_short_temporary_folder()))
        link = short / "s"  # a comma would part two hosts in the URL, too
        link.symlink_to(self.cluster)
        try:
            yield link
        finally:
            if os.getpid() == opened_by:
                link.unlink(missing_ok=True)
                short.rmdir()

    def _open(self, name: str, flags: int) -> int:
        """As root in a user's folder, what we make is the user's; links are not followed."""
        path = self.root / name
        try:
            made = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return os.open(path, flags | os.O_NOFOLLOW)
        if os.geteuid() == ROOT:
            owner = self.root.stat()
            os.fchown(made, owner.st_uid, owner.st_gid)
        return made


def url_of(sockets: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(os.fspath(sockets), safe='/')}&port={PORT}"


def _short_temporary_folder() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_FOLDER // 2 else "/tmp"  # noqa: S108
