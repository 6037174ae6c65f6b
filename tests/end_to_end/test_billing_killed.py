"""However often whatever bills is killed, and whatever the payment provider does: it bills what
there is. ``python -m benchmarks.billing`` does it for as long as one likes."""

from pathlib import Path

import pytest

from benchmarks.billing import chaos
from tests.postgres import as_url


@pytest.mark.postgres
def test_what_is_billed_is_what_there_is_however_much_is_killed(
    fresh_database: str, tmp_path: Path
) -> None:
    url = as_url(fresh_database)
    outcome = chaos(url, tmp_path / "served", people=2, operations=30, seed=1)
    assert list(outcome.wrong) == []
    assert outcome.billed
    assert len(outcome.kills) == 2
    assert sum(outcome.faults.values()) > 3
