import secrets
from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

from ktrlplane.ports.payments import BillingChanged

T = TypeVar("T")


class Once:
    """What has a key is done once; the same answer is given again."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._last = 0
        self._mark = ""
        self._done: dict[str, tuple[object, Any]] = {}

    def _once(self, key: str, what: object, make: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._done:
                self._done[key] = (what, make())
            before, answer = self._done[key]
            if before != what:
                raise BillingChanged(
                    "This was asked for before in another form; look at it again."
                )
            given: T = answer
            return given

    def _new(self, kind: str) -> str:
        self._last += 1
        return f"{self._mark}{kind}_{self._last}"

    def _new_secret(self, kind: str) -> str:
        return f"{self._mark}{kind}_{secrets.token_urlsafe(24)}"
