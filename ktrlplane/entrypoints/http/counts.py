"""Counts in windows of time, kept by one process or by all the processes of a server."""

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from pathlib import Path
from typing import Final

_SLOT: Final = struct.Struct("<QdI")
_SLOTS: Final = 1 << 16
_PROBES: Final = 8
_SIZE: Final = _SLOT.size * _SLOTS
_MOST: Final = 0xFFFFFFFF


class Counts:
    """In memory, which processes that name the same ``file`` share: no server of its own, no
    network, and what is in it need not outlive them.

    A key has one of a few slots; where all are taken by others, the one whose window ends first
    gives way. Its count begins anew then, which 65,536 slots make rare.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = None
        if file is not None:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, _SIZE)
        self._memory = mmap.mmap(-1 if self._file is None else self._file, _SIZE)

    def hit(self, key: str, window_s: float) -> tuple[int, float]:
        """One more: how many by now in this window of the key, and when it ends, as a POSIX
        time. A window begins with its first hit."""
        digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
        name, now = int.from_bytes(digest, "little"), time.time()
        with self._lock:
            if self._file is None:
                return self._count(name, now, window_s)
            # This keeps other processes out, and not our own threads.
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                return self._count(name, now, window_s)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _count(self, name: int, now: float, window_s: float) -> tuple[int, float]:
        place, until, count = self._find(name, now)
        if count == 0:
            until = now + window_s
        count = min(count + 1, _MOST)
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
