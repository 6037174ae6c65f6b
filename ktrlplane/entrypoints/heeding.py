"""The job that heeds what reconcilers report in SQL."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, field

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import TooBusy
from ktrlplane.domain.services.heeding import (
    Heeded,
    heed_reports,
    refuse_unknown,
    reported_on,
    sum_up_refused,
)
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.busy_tenants import Patience
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.reports import Addressee

WINDOW: Final = 1_000
"""Resources that one run of the job looks at."""

SUM_UP_EVERY: Final = 5_000
"""Refused reports, while a flood of them is worked off."""

AT_ONCE: Final = 100
"""Resources whose reports are heeded in one unit of work, if time allows."""


@define
class HeedReports:
    """Goes round all that reports wait about, a window at a time, so that each has its turn
    however much waits about others. Several workers do so beside each other: what one is at is
    busy for the other, which goes on to what is free."""

    _transact: Transact
    _platform: Platform
    _patience: Patience = field(factory=Patience)
    _after: str = ""
    _left: bool = False
    _refused: int = 0
    _met: set[Scope] = field(factory=set)
    _failures: list[Exception] = field(factory=list)

    def __call__(self, stop: threading.Event) -> bool:
        """Whether more is to be done at once: not for what is busy.

        Raises: ExceptionGroup of what went wrong, once the rest is done.
        """
        ask = partial(reported_on, after=self._after, limit=WINDOW)
        about = self._transact.read(ask)
        self._after = about[-1].resource_id if len(about) == WINDOW else ""
        self._refuse([one.resource_id for one in about if one.tenant is None])
        self._heed_all([one for one in about if one.tenant is not None], stop)
        # Now and then and in the end: what there is has to be counted for it.
        if self._refused > SUM_UP_EVERY or (self._refused and not self._after):
            self._transact(sum_up_refused)
            self._refused = 0
        more, failures = self._is_more(), self._failures
        self._failures = []
        if failures:
            raise ExceptionGroup("some could not be done", failures)
        return more

    def _is_more(self) -> bool:
        if self._after:
            return True
        left, self._left = self._left, False
        self._patience.keep_only(self._met)
        self._met = set()
        return left

    def _refuse(self, names: Sequence[str]) -> None:
        if names:
            refuse = partial(refuse_unknown, about=names, platform=self._platform)
            self._left |= self._transact(refuse)
            self._refused += len(names)

    def _heed_all(self, about: Sequence[Addressee], stop: threading.Event) -> None:
        theirs = _by_tenant(about)
        busy: set[Scope] = set()
        # Those of one tenant beside each other: it is held once for them.
        batches = deque(_batches([one for each in theirs.values() for one in each]))
        while batches and not stop.is_set():
            heeded = self._heed_or_part(batches.popleft(), batches)
            busy.update(heeded.busy)
            if heeded.unheeded:
                batches.appendleft(heeded.unheeded)
        self._met |= theirs.keys()
        self._patience.is_over(theirs.keys() - busy)
        self._patience.passed_over(busy, self._platform.now())
        if not stop.is_set():
            self._wait_for_one({tenant: theirs[tenant][:AT_ONCE] for tenant in busy})

    def _heed_or_part(
        self, some: Sequence[Addressee], batches: "deque[Sequence[Addressee]]"
    ) -> Heeded:
        """Where it cannot be done, each tenant is to be heeded alone: one does not keep the
        others from it."""
        try:
            return self._heed(some)
        except Exception as exc:  # noqa: BLE001 - told once the others are done
            apart = _by_tenant(some)
            if len(apart) > 1:
                batches.extendleft(apart.values())
            elif isinstance(exc, TooBusy):
                return Heeded(busy=apart.keys())
            else:
                self._failed(exc, *apart)
            return Heeded()

    def _heed(self, some: Sequence[Addressee], patience_s: float = 0) -> Heeded:
        heed = partial(heed_reports, about=some, patience_s=patience_s, platform=self._platform)
        heeded = self._transact(heed)
        self._left |= heeded.left
        self._refused += heeded.refused
        return heeded

    def _wait_for_one(self, busy: Mapping[Scope, Sequence[Addressee]]) -> None:
        chosen = self._patience.next(busy, self._platform.now())
        if chosen is None:
            return
        tenant, patience_s = chosen
        try:
            self._heed(busy[tenant], patience_s)
            self._patience.is_over([tenant])
        except TooBusy:
            self._patience.in_vain(tenant, self._platform.now())
        except Exception as exc:  # noqa: BLE001 - told at the end
            self._failed(exc, tenant)

    def _failed(self, exc: Exception, tenant: Scope) -> None:
        exc.add_note(str(tenant))
        self._failures.append(exc)


def _by_tenant(about: Sequence[Addressee]) -> dict[Scope, list[Addressee]]:
    theirs: dict[Scope, list[Addressee]] = {}
    for one in about:
        if one.tenant is not None:
            theirs.setdefault(one.tenant, []).append(one)
    return theirs


def _batches(about: Sequence[Addressee]) -> Iterator[Sequence[Addressee]]:
    for start in range(0, len(about), AT_ONCE):
        yield about[start : start + AT_ONCE]
