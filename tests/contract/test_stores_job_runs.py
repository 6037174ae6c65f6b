from ktrlplane.domain.jobs import JobRun
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import HOUR, NOW


def test_the_last_run_is_known_and_the_last_that_succeeded(units: UnitsOfWork) -> None:
    with units.begin() as work:
        work.job_runs.record("dig", NOW, 0)
        work.job_runs.record("bury", NOW, 3)
        work.job_runs.record("dig", NOW + HOUR, 2)
    with units.view() as work:
        assert work.job_runs.all() == [
            JobRun(job="bury", last_run_at=NOW, last_success_at=None, failures=3),
            JobRun(job="dig", last_run_at=NOW + HOUR, last_success_at=NOW, failures=2),
        ]
    with units.begin() as work:
        work.job_runs.record("dig", NOW + 2 * HOUR, 0)
    with units.view() as work:
        (_, dig) = work.job_runs.all()
    assert dig == JobRun(
        job="dig", last_run_at=NOW + 2 * HOUR, last_success_at=NOW + 2 * HOUR, failures=0
    )


def test_a_clock_that_was_set_back_is_believed(units: UnitsOfWork) -> None:
    with units.begin() as work:
        work.job_runs.record("dig", NOW + HOUR, 0)
        work.job_runs.record("dig", NOW, 0)
    with units.view() as work:
        (dig,) = work.job_runs.all()
    assert (dig.last_run_at, dig.last_success_at) == (NOW, NOW)
