"""What principals hold, remembered for those who only ask.

docs/decisions/0009-decision-cache.md argues why what is found here is never older than a
second; listening.py hears of the changes.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Final

from attrs import frozen

from ktrlplane.adapters.postgres.changes import EVERYWHERE, Changes
from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.standings import Standing

BOUND_S: Final = 0.9
"""How long what has been remembered is good after the listener was up to date for certain: a
second, less what it takes to answer."""

_MANY_GRANTS: Final = 100
"""Whoever holds more on one path is not remembered, so that entries have a size."""

Question = tuple[PrincipalId, Scope]
_Key = tuple[str, str, str]


def _clock() -> Callable[[], float]:
    """Seconds, of a clock that nobody sets. On Linux one that goes on while the machine
    sleeps: whoever wakes must not take for current what it knew before."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return time.monotonic


@frozen(slots=True)
class _Entry:
    """``since`` is how many changes were known of when its query was about to begin, ``until``
    when the first of its grants expires."""

    standing: Standing
    scopes: tuple[str, ...]
    since: int
    until: datetime | None

    @classmethod
    def of(cls, standing: Standing, since: int) -> "_Entry":
        expiries = [g.expires_at for g in standing.grants if g.expires_at is not None]
        scopes = tuple(str(scope) for scope in standing.path)
        return cls(standing, scopes, since, min(expiries, default=None))

    def seen_at(self, at: datetime) -> Standing:
        if self.until is None or at < self.until:
            return self.standing
        return Standing(self.standing.path, [g for g in self.standing.grants if g.holds_at(at)])


class Decisions:
    """Standings by principal and scope, at most ``capacity``, those used last.

    Scopes that are not there are not remembered, so nobody need tell of new ones. Reading
    takes no lock: entries lie in a young and an old half, and when the young one is full it
    becomes the old one.
    """

    def __init__(self, capacity: int, *, now: Callable[[], float] | None = None) -> None:
        self.now = now or _clock()
        self._changes = Changes(capacity)
        self._half = max(1, capacity // 2)
        self._young: dict[_Key, _Entry] = {}
        self._old: dict[_Key, _Entry] = {}
        self._lock = Lock()
        self._heard_all_before = -math.inf

    # -- what is asked -------------------------------------------------------------------------

    @property
    def changes_known(self) -> int:
        """To be read before a query begins whose outcome is to be remembered."""
        return self._changes.count

    def find(self, principal: PrincipalId, scope: Scope, at: datetime) -> Standing | None:
        """None where nothing is remembered that is good now."""
        return self._found(principal, scope, at) if self._is_up_to_date() else None

    def find_all(self, asked: Sequence[Question], at: datetime) -> Sequence[Standing] | None:
        """In the order asked; None where any of them is not remembered."""
        if not self._is_up_to_date():
            return None
        found = []
        for principal, scope in asked:
            standing = self._found(principal, scope, at)
            if standing is None:
                return None
            found.append(standing)
        return found

    def _is_up_to_date(self) -> bool:
        return self.now() - self._heard_all_before <= BOUND_S

    def _found(self, principal: PrincipalId, scope: Scope, at: datetime) -> Standing | None:
        key = (principal.value, scope.scope_type, scope.scope_id)
        entry = self._young.get(key) or self._promoted(key)
        if entry is None or self._changes.any_since(entry.since, entry.scopes):
            return None
        return entry.seen_at(at)

    def keep(self, principal: PrincipalId, standing: Standing, since: int) -> None:
        """``since`` is what ``changes_known`` was before the query began: whatever has changed
        after that makes this stale from the beginning."""
        if len(standing.grants) <= _MANY_GRANTS:
            scope = standing.scope
            key = (principal.value, scope.scope_type, scope.scope_id)
            self._put(key, _Entry.of(standing, since))

    def answered(
        self,
        asked: Sequence[Question],
        at: datetime,
        load: Callable[[Sequence[Question]], Sequence[Standing | None]],
        may_keep: Callable[[], bool],
    ) -> Sequence[Standing | None]:
        """In the order asked; ``load`` is asked once for all that is not remembered."""
        if len(asked) == 1:  # as nearly all are
            known = self.find(*asked[0], at)
            if known is not None:
                return [known]
        found: list[Standing | None] = [None] * len(asked)
        if self._is_up_to_date():
            found = [self._found(principal, scope, at) for principal, scope in asked]
        missing = [number for number, standing in enumerate(found) if standing is None]
        if not missing:
            return found
        since = self.changes_known
        loaded = load([asked[number] for number in missing])
        is_good = may_keep()
        for number, standing in zip(missing, loaded, strict=True):
            found[number] = standing
            if standing is not None and is_good:
                self.keep(asked[number][0], standing, since)
        return found

    # -- what is heard -------------------------------------------------------------------------

    def changed(self, scopes: Iterable[str]) -> None:
        """Who may do what has changed at ``scopes``, each such as ``organization acme``, or at
        ``*``, which is all of them."""
        self._changes.add(scopes)

    def forget(self) -> None:
        """Everything: changes may have gone unheard."""
        self._changes.add([EVERYWHERE])
        with self._lock:
            self._young, self._old = {}, {}

    def vouch(self, moment: float) -> None:
        """Every change committed before ``moment``, by ``now``, has been told by now."""
        self._heard_all_before = moment

    # ------------------------------------------------------------------------------------------

    def _promoted(self, key: _Key) -> _Entry | None:
        entry = self._old.get(key)
        if entry is not None:
            self._put(key, entry)
        return entry

    def _put(self, key: _Key, entry: _Entry) -> None:
        with self._lock:
            if len(self._young) >= self._half and key not in self._young:
                self._young, self._old = {}, self._young
            self._young[key] = entry
