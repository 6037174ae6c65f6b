from datetime import timedelta

from ktrlplane.entrypoints.busy_tenants import Patience
from tests.builders import NOW, on

ACME, SOLO = on("organization acme"), on("project solo")


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_a_tenant_is_waited_for_once_it_has_been_busy_for_a_second() -> None:
    patience = Patience()
    patience.passed_over([ACME], NOW)
    patience.passed_over([ACME], NOW + after(0.9))
    assert patience.next([ACME], NOW + after(0.9)) is None
    assert patience.next([ACME], NOW + after(1)) == (ACME, 0.5)


def test_one_is_waited_for_at_a_time_and_the_one_that_waits_longest() -> None:
    patience = Patience()
    patience.passed_over([SOLO], NOW)
    patience.passed_over([SOLO, ACME], NOW + after(0.5))
    assert patience.next([ACME, SOLO], NOW + after(2)) == (SOLO, 0.5)
    assert patience.next([ACME], NOW + after(2)) == (ACME, 0.5)


def test_who_was_waited_for_in_vain_comes_last_and_is_waited_for_longer() -> None:
    patience = Patience()
    patience.passed_over([SOLO, ACME], NOW)
    patience.in_vain(SOLO, NOW + after(1))
    assert patience.next([SOLO, ACME], NOW + after(3)) == (ACME, 0.5)
    assert patience.next([SOLO], NOW + after(2.9)) is None
    assert patience.next([SOLO], NOW + after(3)) == (SOLO, 1.0)


def test_however_often_it_was_in_vain_it_is_tried_again_within_a_minute() -> None:
    patience, now = Patience(), NOW
    patience.passed_over([ACME], now)
    for _ in range(100):
        patience.in_vain(ACME, now)
    assert patience.next([ACME], now + after(60)) == (ACME, 2.0)


def test_whose_turn_has_come_or_who_is_not_met_any_more_is_not_waited_for() -> None:
    patience, later = Patience(), NOW + after(5)
    patience.passed_over([ACME, SOLO], NOW)
    patience.is_over([ACME])
    assert patience.next([ACME], later) is None
    patience.keep_only([ACME])
    assert patience.next([SOLO], later) is None
    patience.passed_over([SOLO], later)
    assert patience.next([SOLO], later) is None
