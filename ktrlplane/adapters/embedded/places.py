"""The data directory: what lies where in it, and whose it is.

postgres.lock   held by every process of a running server, so free means none is left
postgres.log    what the server said since it was started; postgres.log.1 the time before
postgres/       PostgreSQL's own data directory, with the socket in it
binaries/       a copy of the programs, where the installed ones would not do
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from ktrlplane.adapters.embedded.accounts import ROOT

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

    def try_lock(self) -> int | None:
        """A file descriptor that holds the lock until its last copy is closed; None when
        another server starts, runs or ends here."""
        lock = self._open("postgres.lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def claim(self) -> int:
        """Only for the holder of the lock: a file descriptor to hold for as long as others may
        borrow the server. A new file each time, for the owner of a server that died may live."""
        (self.root / "postgres.owner").unlink(missing_ok=True)
        claim = self._open("postgres.owner", os.O_RDWR)
        fcntl.flock(claim, fcntl.LOCK_EX)
        return claim

    def is_claimed(self) -> bool:
        """False also of a server that still answers, but whose owner has left or was killed."""
        try:
            claim = os.open(self.root / "postgres.owner", os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(claim)
        return False

    def new_log(self) -> int:
        if self.log.exists():
            self.log.replace(self.root / "postgres.log.1")
        return self._open("postgres.log", os.O_WRONLY | os.O_APPEND)

    def forget_the_dead(self) -> None:
        """Only for the holder of the lock. After a kill -9, PostgreSQL trusts a pid file if the
        number lives again as another process, which in containers it soon does."""
        for name in ("postmaster.pid", f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}"):
            (self.cluster / name).unlink(missing_ok=True)

    @contextmanager
    def url(self) -> Iterator[str]:
        """Of the server here, up or down."""
        opened_by = os.getpid()
        folder = os.fspath(self.cluster)
        if len(os.fsencode(folder)) <= LONGEST_FOLDER and "," not in folder:
            yield _url(folder)
            return
        short = Path(tempfile.mkdtemp(prefix="kp-", dir=_short_temporary_folder()))
        link = short / "s"  # a comma would part two hosts in the URL, too
        link.symlink_to(self.cluster)
        try:
            yield _url(os.fspath(link))
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


def _url(folder: str) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(folder, safe='/')}&port={PORT}"


def _short_temporary_folder() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_FOLDER // 2 else "/tmp"  # noqa: S108
