"""Seeing to it that a server somebody has open comes back."""

import os
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

import structlog

from ktrlplane.adapters.embedded.guests import LONGEST_END_S, Guest

LONGEST_PAUSE_S: Final = 30.0

_log = structlog.get_logger(__name__)


class Stay:
    """From coming in to leaving. A thread waits for the end of the server, and should that come
    before we leave, it comes in again, with ``enter``; so do the others who had it open, and one
    of them starts it."""

    def __init__(self, guest: Guest, enter: Callable[[Event], Guest]) -> None:
        self._opened_by = os.getpid()
        self._guest = guest
        self._enter = enter
        self._leaving = Event()
        self._thread = Thread(target=self._watch, name="embedded-postgres", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Returns when the data are written down, or at once if others stay. Nothing happens in
        a forked process, whose stack unwinds through the same context."""
        if os.getpid() == self._opened_by:
            self._leaving.set()
            self._guest.leave()
            self._thread.join(LONGEST_END_S)

    def _watch(self) -> None:
        self._guest.wait_for_the_end()
        while (guest := self._enter_again()) is not None:
            self._guest = guest
            if self._leaving.is_set():  # perhaps said to the one before
                guest.leave()
            guest.wait_for_the_end()

    def _enter_again(self) -> Guest | None:
        """None once we want to leave."""
        pause_s = 1.0
        while not self._leaving.is_set():
            try:
                return self._enter(self._leaving)
            except Exception as exc:  # noqa: BLE001 - nobody else would go on trying
                if self._leaving.is_set():
                    break
                _log.warning("embedded_database_is_down", reason=str(exc), again_in_s=pause_s)
            self._leaving.wait(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
        return None
