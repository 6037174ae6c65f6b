"""Which operating-system account PostgreSQL runs as: it refuses to run as root."""

import grp
import os
import pwd
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from ktrlplane.ports.database import DatabaseUnavailable

ROOT = 0
OURS = range(60706, 61184)
"""Numbers that are handed out to nobody: not to people (they end at 60000, those of systemd-homed
at 60513), not to containers or sessions (60705), not to systemd's passing services (from 61184)
and not yet to packages of Debian. A user namespace, which often ends at 65535, has them too."""
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}
"""All that the server's programs are told: our own environment may hold secrets and PG* words."""


@frozen
class Account:
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def has_a_name(self) -> bool:
        """Containers run programs under numbers that no user database knows."""
        return _is_known(pwd.getpwuid, self.uid)

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        text: str = "",
        output: int = subprocess.DEVNULL,
        keep: Sequence[int] = (),
        timeout_s: float = 300,
    ) -> int:
        """The exit status. The command enters ``folder`` before it gives up being root."""
        drop = not self.is_ours
        return subprocess.run(  # noqa: S603 - the programs of the wheel, by absolute path
            command,
            check=False,
            cwd=folder,
            env=ENVIRONMENT,
            input=text.encode(),
            stdout=output,
            stderr=output,
            pass_fds=keep,
            timeout=timeout_s,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=() if drop else None,
        ).returncode


def account_for(*folders: Path) -> Account:
    """Who we are; as root, the owner of the first of ``folders`` that is there and not root's,
    so that an ordinary user's data stay the user's; failing that, an account that is nobody
    else's.

    Raises: DatabaseUnavailable.
    """
    if os.geteuid() != ROOT:
        return Account(os.geteuid(), os.getegid())
    if not sys.platform.startswith("linux"):
        # Elsewhere a process cannot name its working directory without walking down to it.
        raise DatabaseUnavailable(
            "The embedded PostgreSQL does not run as root on this system: start as an ordinary"
            " user, or set KTRLPLANE_DATABASE_URL to a PostgreSQL of your own."
        )
    for folder in folders:
        if folder.exists() and (owner := folder.stat()).st_uid != ROOT:
            return Account(owner.st_uid, owner.st_gid)
    return _unused_account()


def _unused_account() -> Account:
    """By chance, so that two data directories of a machine seldom get the same."""
    at_work = _numbers_at_work()
    for number in random.SystemRandom().sample(OURS, len(OURS)):
        known = _is_known(pwd.getpwuid, number) or _is_known(grp.getgrgid, number)
        if not known and number not in at_work:
            return Account(number, number)
    raise DatabaseUnavailable(
        f"The embedded PostgreSQL does not run as root, and the user numbers {OURS[0]} to"
        f" {OURS[-1]} are all in use: give KTRLPLANE_DATA_DIR to an ordinary user with 'chown'."
    )


def _numbers_at_work() -> set[int]:
    """Of all users and groups that a process runs as, or may become."""
    numbers: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has ended
            for line in status.read_bytes().splitlines():
                if line.startswith((b"Uid:", b"Gid:", b"Groups:")):
                    numbers.update(map(int, line.split()[1:]))
    return numbers


def _is_known(database: Callable[[int], object], number: int) -> bool:
    try:
        database(number)
    except KeyError:
        return False
    return True
