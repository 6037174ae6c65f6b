"""Whose turn it is, where only so many may do something at once."""

import threading
from collections import Counter
from concurrent.futures import Future

from attrs import define, field


class TooManyWait(Exception):
    """One has enough waiting already."""


@define(eq=False)
class Turns:
    """Of each and of all. The others wait, and come in the order in which they asked, but for
    those who have enough. ``whose`` is a name, such as that of a principal."""

    of_each: int
    at_once: int
    may_wait: int = 64
    """Of each, at most."""
    _taken: Counter[str] = field(factory=Counter)
    _waiting: "dict[Future[None], str]" = field(factory=dict)
    # What is collected meanwhile, in this very thread, may leave.
    _lock: threading.RLock = field(factory=threading.RLock)

    def ask(self, whose: str) -> "Future[None]":
        """Done once it is one's turn, which lasts until ``leave``. Raises: TooManyWait."""
        turn: Future[None] = Future()
        with self._lock:
            if list(self._waiting.values()).count(whose) >= self.may_wait:
                raise TooManyWait(whose)
            self._waiting[turn] = whose
            next_ones = self._next()
        _call(next_ones)
        return turn

    def leave(self, whose: str, turn: "Future[None]") -> None:
        """Also for who has not had it yet. Once for each turn."""
        with self._lock:
            if self._waiting.pop(turn, None) is None:
                self._taken[whose] -= 1
                if self._taken[whose] <= 0:
                    del self._taken[whose]
            next_ones = self._next()
        _call(next_ones)

    def _next(self) -> "list[Future[None]]":
        free = self.at_once - self._taken.total()
        found: list[Future[None]] = []
        for turn, name in list(self._waiting.items()):
            if free <= len(found):
                break
            if self._taken[name] < self.of_each:
                self._taken[name] += 1
                found.append(turn)
        for turn in found:
            self._waiting.pop(turn, None)
        return found


def _call(turns: "list[Future[None]]") -> None:
    for turn in turns:
        turn.set_result(None)
