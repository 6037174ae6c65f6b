"""Which operating-system account PostgreSQL runs as: it refuses to run as root."""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from ktrlplane.ports.database import DatabaseUnavailable

ROOT = 0
NOBODY = 65534
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
        try:
            pwd.getpwuid(self.uid)
        except KeyError:
            return False
        return True

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
    so that an ordinary user's data stay the user's; failing that, ``nobody``."""
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
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY, NOBODY)
    return Account(nobody.pw_uid, nobody.pw_gid)
