"""Where units of work begin, end and are tried again."""

import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import Interrupted, TooBusy, UpstreamError
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.payment_questions import Question, Unasked
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork

T = TypeVar("T")

Opening = Callable[[], AbstractContextManager[UnitOfWork]]
Consult = Callable[[Question[Any]], Any]
"""Asks the payment provider. Raises: what that does."""
Settle = Callable[[Collection[Scope]], object]
"""Looks at billing accounts at once, of which something has changed."""


class _Rehearsed(Exception):
    """Ends a rehearsal, so that it leaves no trace."""


class Unrehearsable(Exception):
    """What would come next cannot be undone."""


def _nobody_to_ask(question: Question[Any]) -> Any:
    raise UpstreamError("There is no payment provider here.")


@frozen
class Transact:
    """``pauses_s`` are the longest pauses before each new attempt; the real ones are random,
    so that those who collided do not meet again."""

    units: UnitsOfWork
    consult: Consult = _nobody_to_ask
    settle: Settle | None = None
    pauses_s: tuple[float, ...] = (0.01, 0.04, 0.16, 0.64)

    def __call__(self, act: Callable[[UnitOfWork], T]) -> T:
        """Raises: Interrupted, once the pauses are used up, and what ``act`` raises or the
        payment provider."""
        touched: list[Collection[Scope]] = []

        def act_and_look(work: UnitOfWork) -> T:
            done = act(work)
            touched[:] = [work.billing.touched]
            return done

        done = self._until_known(self.units.begin, act_and_look)
        if self.settle is not None and touched[0]:
            self.settle(touched[0])
        return done

    def read(self, act: Callable[[UnitOfWork], T], *, fresh: bool = False) -> T:
        """Who may do what may be as of a second ago, unless ``fresh``. Raises: as a call."""
        view = self.units.view
        return self._until_known(partial(view, fresh=True) if fresh else view, act)

    def standings(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime, *, fresh: bool = False
    ) -> Sequence[Standing | None]:
        """As ``access.standings`` in ``read``, which is not begun for what is remembered: that
        would be most of what such an answer costs. Raises: as ``read``."""
        known = None if fresh else self.units.remembered(asked, at)
        if known is not None:
            return known
        return self.read(lambda work: work.access.standings(asked, at), fresh=fresh)

    def _until_known(self, opening: Opening, act: Callable[[UnitOfWork], T]) -> T:
        try:
            return self._until_done(opening, act)
        except Unasked as first:
            unasked = first
        known: dict[Question[Any], Any] = {}

        def act_knowing(work: UnitOfWork) -> T:
            work.known = known
            return act(work)

        while True:
            known[unasked.question] = self.consult(unasked.question)
            try:
                return self._until_done(opening, act_knowing)
            except Unasked as more:
                unasked = more

    def _until_done(self, opening: Opening, act: Callable[[UnitOfWork], T]) -> T:
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

        Raises: as a call; Unrehearsable, where all is right and the payment provider would have
        to do something.
        """
        outcome: list[T] = []

        def act_and_leave(work: UnitOfWork) -> None:
            try:
                outcome[:] = [act(work)]
            except Unasked as unasked:
                if unasked.question.does_something:
                    raise Unrehearsable from unasked
                raise
            raise _Rehearsed

        try:
            self(act_and_leave)
        except _Rehearsed:
            return outcome[0]
        raise AssertionError("a rehearsal always ends with Rehearsed")
