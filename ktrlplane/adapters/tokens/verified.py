"""Tokens that were verified a moment ago."""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from attrs import frozen

from ktrlplane.ports.identity import LEEWAY, Claims

KEPT_FOR: Final = timedelta(seconds=60)
"""How much longer than its key a token may live. As a product calls with one token many
times a minute, a longer time would save next to nothing."""

CAPACITY: Final = 10_000
"""As many callers within ``KEPT_FOR`` as one process can serve; some 10 MB when full."""


@frozen
class _Entry:
    claims: Claims
    since: datetime
    until: datetime


class Verified:
    """The last ``capacity`` tokens used, by digest, so that no credential lies in memory.

    Refusals are not kept: they would let strangers push the callers out.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: bytes, now: datetime) -> Claims | None:
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None:
                return None
            # A clock that was set back must not stretch an entry's life.
            if entry.since <= now < entry.until:
                self._entries.move_to_end(digest)
                return entry.claims
            del self._entries[digest]
            return None

    def put(self, digest: bytes, claims: Claims, now: datetime) -> None:
        until = min(claims.expires_at + LEEWAY, now + KEPT_FOR)
        with self._lock:
            self._entries[digest] = _Entry(claims, now, until)
            self._entries.move_to_end(digest)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
