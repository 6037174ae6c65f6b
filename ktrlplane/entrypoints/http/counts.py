"""Counts that the processes of one server keep together, for windows of time."""

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from limits.storage import Storage

_SLOT: Final = struct.Struct("<QdI")
_SLOTS: Final = 1 << 16
_PROBES: Final = 8
_SIZE: Final = _SLOT.size * _SLOTS
_NOBODY: Final = (0, 0.0, 0)


class SharedCounts(Storage):
    """In a file that every process maps into its memory: no server of its own, no network, and
    what is in it need not outlive the processes.

    A key has one of a few slots; where all are taken by others, the one whose window ends first
    gives way. Its count begins anew then, which 65,536 slots make rare.
    """

    STORAGE_SCHEME = None

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, _SIZE)
        self._memory = mmap.mmap(self._file, _SIZE)
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        name, now = _name(key), time.time()
        with self._alone():
            place, until, count = self._find(name, now)
            if count == 0:
                until = now + expiry
            count = min(count + amount, 0xFFFFFFFF)
            _SLOT.pack_into(self._memory, place, name, until, count)
        return count

    def get(self, key: str) -> int:
        with self._alone():
            return self._find(_name(key), time.time())[2]

    def get_expiry(self, key: str) -> float:
        now = time.time()
        with self._alone():
            return self._find(_name(key), now)[1] or now

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._alone():
            self._memory[:] = bytes(_SIZE)
        return None

    def clear(self, key: str) -> None:
        with self._alone():
            place, _, _ = self._find(_name(key), time.time())
            _SLOT.pack_into(self._memory, place, *_NOBODY)

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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The lock of the file keeps other processes out, and not our own threads."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def _name(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
