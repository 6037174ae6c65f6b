"""Requests that are put aside: each comes back once, whatever ends its waiting."""

import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future

import pytest
from attrs import define, field

from ktrlplane.entrypoints.http.waiting import Parked, Seat
from ktrlplane.entrypoints.serving.parking import Parking, Place

IN_A_WHILE_S = 20


@define
class Exit:
    left: list[Place] = field(factory=list)
    came: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def leave(self, place: Place) -> None:
        self.left.append(place)
        self.came.release()

    def await_one(self) -> Place:
        assert self.came.acquire(timeout=IN_A_WHILE_S)
        return self.left[-1]


@pytest.fixture
def exit_() -> Exit:
    return Exit()


@pytest.fixture
def parking(exit_: Exit) -> Iterator[Parking]:
    parking = Parking(exit_.leave)
    yield parking
    parking.close()


def a_place(
    name: str, *, lasts_s: float = 60, signal: "Future[None] | None" = None, over: bool = False
) -> Place:
    def look(keys: Collection[str]) -> Collection[str]:
        return keys if over else ()

    now = time.monotonic()
    parked = Parked(name, None if signal else look, now, now + lasts_s, signal=signal)
    return Place(name, "request", parked, Seat())


def test_who_waits_for_a_signal_comes_back_with_it(parking: Parking, exit_: Exit) -> None:
    signal: Future[None] = Future()
    place = a_place("one", signal=signal)
    parking.put(place)
    parking.put(a_place("other", signal=Future()))
    signal.set_result(None)
    assert exit_.await_one() is place
    assert len(parking) == 1


def test_a_signal_that_was_given_already(parking: Parking, exit_: Exit) -> None:
    signal: Future[None] = Future()
    signal.cancel()
    place = a_place("one", signal=signal)
    parking.put(place)
    assert exit_.await_one() is place


def test_a_signal_of_one_that_has_left_is_heard_by_nobody(parking: Parking, exit_: Exit) -> None:
    """Not by the next request on the same connection, either."""
    signal: Future[None] = Future()
    first, second = a_place("one", signal=signal), a_place("one", signal=Future())
    parking.put(first)
    assert parking.take_out("one") is first
    parking.put(second)
    signal.set_result(None)
    assert parking.take_out("one") is second
    assert exit_.left == []


def test_signals_and_looks_go_together(parking: Parking, exit_: Exit) -> None:
    parking.put(a_place("by signal", signal=Future()))
    looked = a_place("by look", over=True)
    parking.put(looked)
    assert exit_.await_one() is looked


def test_time_is_up(parking: Parking, exit_: Exit) -> None:
    place = a_place("one", signal=Future(), lasts_s=0)
    parking.put(place)
    assert exit_.await_one() is place


def test_everybody_leaves_when_it_closes(parking: Parking, exit_: Exit) -> None:
    parking.put(a_place("one", signal=Future()))
    parking.close()
    exit_.await_one()
    late = a_place("late", signal=Future())
    parking.put(late)
    assert exit_.await_one() is late
