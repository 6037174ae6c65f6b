import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import SubprocessError
from threading import Event

import psycopg
from attrs import field, frozen

from ktrlplane.adapters.embedded.accounts import account_for
from ktrlplane.adapters.embedded.binaries import binaries_for
from ktrlplane.adapters.embedded.clusters import Cluster, did_not_start
from ktrlplane.adapters.embedded.guests import LONGEST_END_S, Guest, join, launch
from ktrlplane.adapters.embedded.places import Place, url_of
from ktrlplane.adapters.embedded.staying import Stay
from ktrlplane.ports.database import DatabaseServer, DatabaseUnavailable

PAUSE_S = 0.025


@frozen
class EmbeddedPostgres(DatabaseServer):
    """A PostgreSQL server of our own, with its data in ``data_dir``.

    Whoever opens it first starts it, and whoever leaves the context last, or dies in any way,
    ends it.
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
    """Where root puts a copy of the programs if those installed will not do for another account.
    Nor can that account reach the data directory, perhaps, which is where others put theirs."""

    @contextmanager
    def open(self) -> Iterator[str]:
        place = Place(self.data_dir.absolute())
        with place.sockets() as sockets:
            with _troubles_told(place):
                place.make()
            guest = self._enter(place, sockets, Event(), new=True)
            stay = Stay(guest, partial(self._enter, place, sockets, new=False))
            try:
                yield url_of(sockets)
            finally:
                stay.end()

    def _enter(self, place: Place, sockets: Path, enough: Event, *, new: bool) -> Guest:
        """Into the server that runs, or else one that we start. Only a ``new`` one may begin
        without data. Once there is ``enough`` of waiting, this gives up.

        Raises: DatabaseUnavailable.
        """
        url = url_of(sockets)
        deadline_s = time.monotonic() + self.patience_s
        with _troubles_told(place):
            while time.monotonic() < deadline_s and not enough.is_set():
                if (guest := self._start(place, new=new)) is not None:
                    if self._answers_to(guest, url, enough):
                        return guest
                    raise did_not_start(place)
                guest = join(sockets)
                if guest is not None and self._answers_to(guest, url, enough):
                    return guest
                enough.wait(PAUSE_S)
        raise DatabaseUnavailable(
            f"Another process runs the embedded PostgreSQL in {place.root}, and it has not"
            f" answered for {self.patience_s:.0f} seconds: end that process (see {place.log})."
        )

    def _start(self, place: Place, *, new: bool) -> Guest | None:
        """None if one runs."""
        if (lock := place.try_lock()) is None:
            return None
        with lock:
            account = account_for(place.cluster, place.root)
            copies = (place.binaries,) if account.is_ours else self.copies
            cluster = Cluster(place, account, binaries_for(account, copies), self.fsync)
            with place.new_log() as log:
                if new:
                    cluster.make(lock.fileno(), log.fileno())
                else:
                    cluster.check()
                place.forget_the_dead()
                return launch(cluster, lock.fileno(), log.fileno())

    def _answers_to(self, guest: Guest, url: str, enough: Event) -> bool:
        """If not, we have left again."""
        deadline_s = time.monotonic() + self.patience_s
        came_in = False
        try:
            while guest.is_connected and time.monotonic() < deadline_s and not enough.is_set():
                if came_in := _answers(url):
                    guest.has_seen_it()
                    return True
                enough.wait(PAUSE_S)
            return False
        finally:
            if not came_in:
                guest.leave()
                guest.wait_for_the_end(LONGEST_END_S)


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
    except (OSError, SubprocessError) as exc:
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot use {place.root}: {exc}. Give KTRLPLANE_DATA_DIR a"
            " folder of your own, or set KTRLPLANE_DATABASE_URL to a PostgreSQL of your own."
        ) from exc
