"""What goes to standard error: one line an event, and no secret in it."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, structlog
from ktrlplane.entrypoints.logs import configure_logs
from ktrlplane.entrypoints.settings import Settings
configure_logs(Settings(log_format={log_format!r}, log_level="info"))
ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
def breaks(token):
    raise RuntimeError("it broke")
ours.debug("unheard")
ours.info("said", number=1)
theirs.warning("told")
try:
    breaks("hunter2" * 3)
except RuntimeError as bug:
    ours.error("failed", exc_info=bug)
    theirs.error("failed too", exc_info=bug)
"""


def told(log_format: str) -> str:
    program = PROGRAM.format(log_format=log_format)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stderr


def test_ours_and_the_libraries_lines_look_the_same() -> None:
    said, warned, failed, failed_too = map(json.loads, told("json").splitlines())
    assert (said["event"], said["number"], said["level"]) == ("said", 1, "info")
    assert (said["logger"], warned["logger"]) == ("ours", "theirs")
    assert set(warned) == {"event", "level", "logger", "timestamp"}
    for broken in (failed, failed_too):
        assert broken["exception"][0]["exc_value"] == "it broke"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_a_function_was_given_is_not_told(log_format: str) -> None:
    lines = told(log_format)
    assert "it broke" in lines
    assert "hunter2hunter2" not in lines
