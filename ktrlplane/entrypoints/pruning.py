"""The job that forgets entries of the log which are not to be kept any longer."""

import threading
from functools import partial
from typing import Final

from attrs import define

from ktrlplane.domain.access import Scope
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.retention import next_to_prune, prune_events
from ktrlplane.entrypoints.transactions import Transact

WINDOW: Final = 100
"""Tenants that one run looks at."""


@define
class PruneEvents:
    """Goes round all tenants whose entries are not kept for ever, a part of each at a time, so
    that none waits for another one's million."""

    _transact: Transact
    _platform: Platform
    _after: Scope | None = None
    _left: bool = False

    def __call__(self, stop: threading.Event) -> bool:
        """Whether more is to be done at once.

        Raises: ExceptionGroup of what went wrong, once the others are done.
        """
        ask = partial(next_to_prune, after=self._after, limit=WINDOW)
        tenants = self._transact.read(ask)
        self._after = tenants[-1] if len(tenants) == WINDOW else None
        failures: list[Exception] = []
        for tenant in tenants:
            if stop.is_set():
                break
            try:
                prune = partial(prune_events, tenant=tenant, platform=self._platform)
                self._left |= self._transact(prune)
            except Exception as exc:  # noqa: BLE001 - one tenant keeps no other from it
                exc.add_note(str(tenant))
                failures.append(exc)
        if failures:
            raise ExceptionGroup("some could not be pruned", failures)
        if self._after is not None:
            return True
        left, self._left = self._left, False
        return left
