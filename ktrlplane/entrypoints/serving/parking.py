"""Where requests are that wait, and the thread that looks whether it is over for some."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from ktrlplane.entrypoints.http.waiting import LOOK_EVERY_S, Parked, Seat

_log: Final = logging.getLogger(__name__)


@frozen(eq=False)
class Place:
    """``conn`` and ``req`` are gunicorn's; ``seat`` is the one that the request had."""

    conn: Any
    req: Any
    parked: Parked
    seat: Seat


class Parking:
    """``leave`` is called, in some thread, for each place that is given back.
    A place is given back once: when it is over, when its time is up, or when it is taken out."""

    def __init__(self, leave: Callable[[Place], object]) -> None:
        self._leave = leave
        self._places: dict[Any, Place] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def put(self, place: Place) -> None:
        with self._changed:
            is_open = not self._is_closed
            if is_open:
                self._places[place.conn] = place
                self._begin()
                self._changed.notify()
        if not is_open:
            self._leave(place)
        elif place.parked.signal is not None:
            place.parked.signal.add_done_callback(lambda _: self._give_back(place))

    def _give_back(self, place: Place) -> None:
        with self._changed:
            is_here = self._places.get(place.conn) is place
            if is_here:
                del self._places[place.conn]
        if is_here:
            self._leave(place)

    def take_out(self, conn: Any) -> Place | None:
        """None where it has been given back already."""
        with self._changed:
            return self._places.pop(conn, None)

    def close(self) -> None:
        """Everybody leaves, and who comes from now on leaves at once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="parking", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._places or self._is_closed)
                waiting = list(self._places.values())
                closed = self._is_closed
            for place in waiting if closed else self._over(waiting):
                self._give_back(place)
            if closed:
                return
            time.sleep(LOOK_EVERY_S)

    @staticmethod
    def _over(waiting: list[Place]) -> list[Place]:
        now = time.monotonic()
        looked_for = [place.parked for place in waiting if place.parked.look is not None]
        keys = {parked.key for parked in looked_for}
        try:
            look = looked_for[0].look if looked_for else None
            over = set() if look is None else set(look(keys))
        except Exception as exc:  # noqa: BLE001 - they are answered when their time is up
            _log.debug("waiting_not_looked_at", exc_info=exc)
            over = set()
        return [one for one in waiting if one.parked.key in over or one.parked.until <= now]
