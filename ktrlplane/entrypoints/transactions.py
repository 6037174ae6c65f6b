"""Where units of work begin, end and are tried again."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import TypeVar

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import Interrupted, TooBusy
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork

T = TypeVar("T")


class _Rehearsed(Exception):
    """Ends a rehearsal, so that it leaves no trace."""


@frozen
class Transact:
    """``pauses_s`` are the longest pauses before each new attempt; the real ones are random,
    so that those who collided do not meet again."""

    units: UnitsOfWork
    pauses_s: tuple[float, ...] = (0.01, 0.04, 0.16, 0.64)

    def __call__(self, act: Callable[[UnitOfWork], T]) -> T:
        """Raises: Interrupted, once the pauses are used up, and what ``act`` raises."""
        return self._until_done(self.units.begin, act)

    def read(self, act: Callable[[UnitOfWork], T], *, fresh: bool = False) -> T:
        """Who may do what may be as of a second ago, unless ``fresh``. Raises: as a call."""
        view = self.units.view
        return self._until_done(partial(view, fresh=True) if fresh else view, act)

    def standings(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime, *, fresh: bool = False
    ) -> Sequence[Standing | None]:
        """As ``access.standings`` in ``read``, which is not begun for what is remembered: that
        would be most of what such an answer costs. Raises: as ``read``."""
        known = None if fresh else self.units.remembered(asked, at)
        if known is not None:
            return known
        return self.read(lambda work: work.access.standings(asked, at), fresh=fresh)

    def _until_done(
        self,
        opening: Callable[[], AbstractContextManager[UnitOfWork]],
        act: Callable[[UnitOfWork], T],
    ) -> T:
        for pause in self.pauses_s:
            try:
                with opening() as work:
                    return act(work)
            except TooBusy:
                raise  # it has waited long enough, and kept a connection meanwhile
            except Interrupted:
                time.sleep(random.uniform(pause / 4, pause))  # noqa: S311
        with opening() as work:
            return act(work)

    def rehearse(self, act: Callable[[UnitOfWork], T]) -> T:
        """What ``act`` would give, with every check, and nothing changed.

        Raises: as a call.
        """
        outcome: list[T] = []

        def act_and_leave(work: UnitOfWork) -> None:
            outcome[:] = [act(work)]
            raise _Rehearsed

        try:
            self(act_and_leave)
        except _Rehearsed:
            return outcome[0]
        raise AssertionError("a rehearsal always ends with Rehearsed")
