"""Where who may do what has changed, in the order in which this process came to know."""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

EVERYWHERE: Final = "*"


class Changes:
    """Counted, for ``capacity`` scopes at most: when it has too many it takes everything for
    changed and begins anew.

    Readers take no lock. A change is counted before it is found at its scope, and by then it
    is committed: who reads ``count`` and asks the database after that sees what was changed.
    """

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self._capacity = max(1, capacity)
        self._last: dict[str, int] = {}
        self._everywhere = 0
        self._lock = Lock()

    def add(self, scopes: Iterable[str]) -> None:
        with self._lock:
            self.count += 1
            for scope in scopes:
                self._last[scope] = self.count
            if EVERYWHERE in self._last or len(self._last) > self._capacity:
                self._everywhere = self.count
                self._last = {}

    def any_since(self, count: int, scopes: Sequence[str]) -> bool:
        """Whether any of ``scopes`` was changed after ``count`` changes."""
        last = self._last  # before the other: whoever begins anew raises that first
        if count < self._everywhere:
            return True
        for scope in scopes:  # noqa: SIM110 - asked on every request, any() costs twice as much
            if last.get(scope, 0) > count:
                return True
        return False
