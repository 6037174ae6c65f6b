"""Whose turn it is, where only so many may do something at once."""

import threading
from collections import Counter
from concurrent.futures import Future

from attrs import define, field

from ktrlplane.domain.ids import PrincipalId


@define(eq=False)
class Turns:
    """Of each principal and of all. The others wait, and come in the order in which they asked,
    but for those whose principal has enough."""

    per_principal: int
    at_once: int
    _taken: Counter[str] = field(factory=Counter)
    _waiting: "dict[Future[None], str]" = field(factory=dict)
    _lock: threading.Lock = field(factory=threading.Lock)

    def ask(self, principal: PrincipalId) -> "Future[None]":
        """Done once it is one's turn, which lasts until ``leave``."""
        turn: Future[None] = Future()
        with self._lock:
            self._waiting[turn] = principal.value
            next_ones = self._next()
        _call(next_ones)
        return turn

    def leave(self, principal: PrincipalId, turn: "Future[None]") -> None:
        """Also for who has not had it yet. Once for each turn."""
        with self._lock:
            if self._waiting.pop(turn, None) is None:
                self._taken[principal.value] -= 1
                if self._taken[principal.value] <= 0:
                    del self._taken[principal.value]
            next_ones = self._next()
        _call(next_ones)

    def _next(self) -> "list[Future[None]]":
        free = self.at_once - self._taken.total()
        found: list[Future[None]] = []
        for turn, name in self._waiting.items():
            if free <= len(found):
                break
            if self._taken[name] < self.per_principal:
                self._taken[name] += 1
                found.append(turn)
        for turn in found:
            del self._waiting[turn]
        return found


def _call(turns: "list[Future[None]]") -> None:
    for turn in turns:
        turn.set_result(None)
