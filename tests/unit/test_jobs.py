"""Which job is late."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.jobs import SOONEST_LATE, Duty, JobRun, health_of
from tests.builders import NOW

SECOND = timedelta(seconds=1)


def run_of(job: str, since: timedelta | None, failures: int = 0) -> JobRun:
    success = None if since is None else NOW - since
    return JobRun(job=job, last_run_at=NOW, last_success_at=success, failures=failures)


def is_late(duty: Duty, since: timedelta | None, failures: int = 0) -> bool:
    (health,) = health_of([duty], [run_of(duty.job, since, failures)], NOW)
    return health.is_late


@pytest.mark.parametrize(
    ("every_s", "lasts_s", "late_after_s"),
    [(1, 0, 60), (20, 0, 60), (21, 0, 63), (3600, 0, 10_800), (2, 300, 360), (600, 5, 1805)],
)
def test_a_job_is_late_after_a_minute_or_three_turns_and_a_run(
    every_s: int, lasts_s: int, late_after_s: int
) -> None:
    duty = Duty(job="dig", every=every_s * SECOND, lasts=lasts_s * SECOND)
    assert not is_late(duty, late_after_s * SECOND)
    assert is_late(duty, late_after_s * SECOND + timedelta(microseconds=1))


@given(
    every=st.timedeltas(SECOND, timedelta(days=1)),
    since=st.timedeltas(timedelta(0), timedelta(days=9)),
    failures=st.integers(0, 100),
)
def test_nothing_but_the_last_success_makes_it_late(
    every: timedelta, since: timedelta, failures: int
) -> None:
    duty = Duty(job="dig", every=every)
    assert is_late(duty, since, failures) == (since > SOONEST_LATE and since > 3 * every)


def test_what_never_succeeded_is_late() -> None:
    duty = Duty(job="dig", every=SECOND)
    assert is_late(duty, None, failures=1)
    (health,) = health_of([duty], [], NOW)
    assert (health.last_success_at, health.failures, health.is_late) == (None, 0, True)


def test_a_success_from_far_ahead_is_none() -> None:
    duty = Duty(job="dig", every=SECOND)
    assert not is_late(duty, -SECOND)
    assert is_late(duty, timedelta(hours=-1))


def test_each_duty_is_told_in_its_place_and_no_other_job() -> None:
    duties = [Duty(job=name, every=SECOND) for name in ("dig", "bury")]
    found = health_of(duties, [run_of("bury", SECOND, 2), run_of("sing", SECOND)], NOW)
    assert [(one.job, one.failures, one.is_late) for one in found] == [
        ("dig", 0, True),
        ("bury", 2, False),
    ]
