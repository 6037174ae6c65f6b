"""docs/operations/worker.md says of every job what the code does."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

from ktrlplane.entrypoints.jobs import DUTIES

PAGE: Final = (Path(__file__).parents[2] / "docs" / "operations" / "worker.md").read_text()
ROW: Final = re.compile(r"^\| `(\w+)` \| (.+?)(?:,.*?)? \| .+ \| (.+) \|$", re.MULTILINE)
UNITS: Final = {"ms": 0.001, "s": 1, "second": 1, "minute": 60, "hour": 3600}


def duration(text: str) -> timedelta:
    """``each second``, ``every 2 s``, ``3 hours``."""
    *_, number, unit = ["1", *text.split()]
    count = int(number) if number.isdigit() else 1
    return timedelta(seconds=count * UNITS[unit if unit in UNITS else unit.removesuffix("s")])


def test_every_job_is_on_the_page_with_its_times() -> None:
    told = [(job, duration(every), duration(late)) for job, every, late in ROW.findall(PAGE)]
    assert told == [(duty.job, duty.every, duty.late_after) for duty in DUTIES]
