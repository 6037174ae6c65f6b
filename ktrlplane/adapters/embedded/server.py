import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

import psycopg
from attrs import field, frozen

from ktrlplane.adapters.embedded import keeper
from ktrlplane.adapters.embedded.accounts import ENVIRONMENT, account_for
from ktrlplane.adapters.embedded.binaries import binaries_for
from ktrlplane.adapters.embedded.clusters import Cluster, did_not_start
from ktrlplane.adapters.embedded.places import Place
from ktrlplane.ports.database import DatabaseServer, DatabaseUnavailable

PAUSE_S = 0.025


@frozen
class EmbeddedPostgres(DatabaseServer):
    """A PostgreSQL server of our own, with its data in ``data_dir``.

    Whoever opens it first starts it and, leaving the context or dying in any way, ends it.
    Whoever opens it meanwhile borrows it, for no longer than that.
    """

    data_dir: Path = field(converter=Path)
    patience_s: float = 120.0
    """How long a start, recovery after a crash included, or another process's may take."""
    fsync: bool = True
    """False is for tests: it saves the waiting for the disk, and a power cut costs the data."""
    copies: Sequence[Path] = (
        Path("/var/cache/ktrlplane"),
        Path(tempfile.gettempdir()) / "ktrlplane",
    )
    """Where root puts a copy of the programs if those installed cannot be read without being
    root. Nor can the data directory, perhaps, which is where others put theirs."""

    @contextmanager
    def open(self) -> Iterator[str]:
        place = Place(self.data_dir.absolute())
        with place.url() as url:
            with _troubles_told(place):
                place.make()
                server = self._start_or_find(place, url)
            try:
                yield url
            finally:
                if server is not None:
                    server.stop()

    def _start_or_find(self, place: Place, url: str) -> "_Server | None":
        """None if another process's is up."""
        deadline_s = time.monotonic() + self.patience_s
        while time.monotonic() < deadline_s:
            if (lock := place.try_lock()) is not None:
                try:
                    return self._start(place, lock, url)
                finally:
                    os.close(lock)
            if _answers(url) and place.is_claimed():
                return None
            time.sleep(PAUSE_S)
        raise DatabaseUnavailable(
            f"Another process runs the embedded PostgreSQL in {place.root}, and it has not"
            f" answered for {self.patience_s:.0f} seconds: end that process (see {place.log})."
        )

    def _start(self, place: Place, lock: int, url: str) -> "_Server":
        account = account_for(place.cluster, place.root)
        copies = (place.binaries,) if account.is_ours else self.copies
        cluster = Cluster(place, account, binaries_for(account, copies), self.fsync)
        log = place.new_log()
        try:
            cluster.make(lock, log)
            place.forget_the_dead()
            server = _Server(cluster, lock, log)
        finally:
            os.close(log)
        try:
            self._wait(server, place, url)
            server.keep_up()
        except BaseException:
            server.stop()
            raise
        return server

    def _wait(self, server: "_Server", place: Place, url: str) -> None:
        deadline_s = time.monotonic() + self.patience_s
        while not _answers(url):
            if not server.lives or time.monotonic() > deadline_s:
                raise did_not_start(place)
            time.sleep(PAUSE_S)


class _Server:
    """One that this process has started."""

    def __init__(self, cluster: Cluster, lock: int, log: int) -> None:
        account = cluster.account
        command = (*(str(account.uid), str(account.gid)), *cluster.server_command)
        self._owner = os.getpid()
        self._keeper = subprocess.Popen(  # noqa: S603 - our own program
            (sys.executable, "-I", "-S", keeper.__file__, *command),
            bufsize=0,
            cwd=cluster.place.cluster,
            env=ENVIRONMENT,
            pass_fds=(lock,),  # the server holds the lock, not we: it may outlive us a moment
            start_new_session=True,  # Ctrl-C is for us, and we are not done with the server
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        assert self._keeper.stdin is not None
        self._pipe = self._keeper.stdin
        self._claim = os.fdopen(cluster.place.claim(), "rb")
        _started_here.add(self)

    @property
    def lives(self) -> bool:
        return self._keeper.poll() is None

    def keep_up(self) -> None:
        """From now on it is started again should it end."""
        self._tell(keeper.READY)

    def stop(self) -> None:
        """Returns when the data are written down. Nothing happens in a forked process, whose
        stack unwinds through the same context."""
        if os.getpid() == self._owner:
            self._claim.close()  # first, so that nobody borrows what is about to end
            self._tell(keeper.STOP)  # works even if something else has a copy of the pipe
            self.let_go()
            self._keeper.wait()

    def _tell(self, word: bytes) -> None:
        with suppress(OSError):
            self._pipe.write(word)

    def let_go(self) -> None:
        self._claim.close()
        with suppress(OSError):
            self._pipe.close()


_started_here: WeakSet[_Server] = WeakSet()


def _leave_it_to_the_parent() -> None:
    """A forked process must not hold pipe and claim longer than the one that has the server."""
    for server in _started_here:
        server.let_go()


os.register_at_fork(after_in_child=_leave_it_to_the_parent)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _troubles_told(place: Place) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as exc:
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot use {place.root}: {exc}. Give KTRLPLANE_DATA_DIR a"
            " folder of your own, or set KTRLPLANE_DATABASE_URL to a PostgreSQL of your own."
        ) from exc
