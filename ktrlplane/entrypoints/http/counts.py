"""Counts in windows of time, kept by one process or by all the processes of a server."""

import fcntl
import hashlib
import math
import mmap
import os
import struct
import threading
import time
from pathlib import Path
from typing import Final

from attrs import define

_SLOT: Final = struct.Struct("<QdI")
_SLOTS: Final = 1 << 16
_PROBES: Final = 8
_SIZE: Final = _SLOT.size * _SLOTS
_MOST: Final = 0xFFFFFFFF


_TELL_AFTER_S: Final = 0.1
_MINE_AT_MOST: Final = 10_000


@define
class _Mine:
    """What this process knows of a key, ``name`` to the others: ``count`` as of when it told
    them last, and ``untold`` hits since then."""

    name: int
    count: int = 0
    until: float = math.inf
    untold: int = 0
    told_at: float = 0.0


class Counts:
    """In memory, which processes that name the same ``file`` share: no server of its own, no
    network, and what is in it need not outlive them.

    A key has one of a few slots; where all are taken by others, the one whose window ends first
    gives way. Its count begins anew then, which 65,536 slots make rare.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._mine: dict[str, _Mine] = {}
        self._file = None
        if file is not None:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, _SIZE)
        self._memory = mmap.mmap(-1 if self._file is None else self._file, _SIZE)

    def hit(self, key: str, window_s: float, most: int = 0, hits: int = 1) -> tuple[int, float]:
        """One more, or as many as ``hits``, 0 too: how many by now in this window of the key, and
        when it ends, as a POSIX time. A window begins with its first hit.

        Where ``most`` matters, a process tells the others of its hits a hundredth of that at a
        time, or after a tenth of a second, until nine tenths are used up; then of each at once.
        To tell, it waits for the others, and would do so on every request of a product.
        """
        now = time.time()
        with self._lock:
            mine = self._mine.get(key)
            if mine is None or mine.until <= now:
                if len(self._mine) >= _MINE_AT_MOST:
                    self._mine.clear()  # with a hundredth of each limit at most
                mine = self._mine[key] = _Mine(_name_of(key))
            mine.untold += hits
            if (
                mine.untold > most // 100
                or mine.count + mine.untold > most - most // 10
                or now - mine.told_at > _TELL_AFTER_S
            ):
                self._tell(mine, now, window_s)
            return mine.count + mine.untold, mine.until

    def _tell(self, mine: _Mine, now: float, window_s: float) -> None:
        if self._file is None:
            mine.count, mine.until = self._add(mine.name, mine.untold, now, window_s)
        else:
            # This keeps other processes out, and not our own threads.
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                mine.count, mine.until = self._add(mine.name, mine.untold, now, window_s)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
        mine.untold, mine.told_at = 0, now

    def _add(self, name: int, hits: int, now: float, window_s: float) -> tuple[int, float]:
        place, until, count = self._find(name, now)
        if count == 0:
            until = now + window_s
        count = min(count + hits, _MOST)
        _SLOT.pack_into(self._memory, place, name, until, count)
        return count, until

    def _find(self, name: int, now: float) -> tuple[int, float, int]:
        """Its slot, and until when and how much it counts there; 0 for what begins anew."""
        first_to_end, its_end = 0, float("inf")
        for probe in range(_PROBES):
            place = (name + probe) % _SLOTS * _SLOT.size
            known, until, count = _SLOT.unpack_from(self._memory, place)
            if known == name and until > now:
                return place, until, count
            if until < its_end:
                first_to_end, its_end = place, until
        return first_to_end, 0.0, 0


def _name_of(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
