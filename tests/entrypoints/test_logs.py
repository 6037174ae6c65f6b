"""What goes to standard error: one line an event, and no secret in it."""

import json
import subprocess
import sys

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from tests.payment_provider import payment_provider
from tests.payment_provider.server import KEY

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
theirs.warning("told", extra={{"count": 2}})
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
    assert set(warned) == {"event", "level", "logger", "timestamp", "count"}
    for broken in (failed, failed_too):
        assert broken["exception"][0]["exc_value"] == "it broke"


STEERING = {
    "ESC": "\x1b[31mRED",
    "BEL": "\a",
    "BS": "\b\b\b",
    "NUL": "\0",
    "DEL": "\x7f",
    "CSI of C1": "\x9b31m",
    "NEL": "\x85",
    "a carriage return": "\r",
    "a line feed": "\n",
    "line separators": "\u2028\u2029",
    "right to left": "\u202e\u2066\u200f",
    "a surrogate": "\ud800",
}
SENDS = """
import logging, structlog
from ktrlplane.entrypoints.logs import configure_logs
from ktrlplane.entrypoints.settings import Settings
configure_logs(Settings(log_format="console"))
class Raw:
    __repr__ = lambda self: self.sent
ours, theirs, raw = structlog.get_logger("ours"), logging.getLogger("theirs"), Raw()
for name, sent in {every!r}.items():
    raw.sent = sent
    ours.info("request", name=name, path=sent, listed=[sent], raw=raw)
    ours.info(name + sent)
    theirs.warning("%s: %s", name, sent)
    try:
        raise RuntimeError(name + sent)
    except RuntimeError as bug:
        ours.error("failed", exc_info=bug)
        theirs.error("failed too", exc_info=bug)
"""


def test_what_was_sent_does_not_steer_the_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SENDS.format(every=STEERING)],
        capture_output=True,
        timeout=60,
        check=True,
    )
    lines = done.stderr.decode().split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    for name, sent in STEERING.items():
        about = [line for line in lines if name in line]
        assert len(about) == 5, about
        assert all(sent.encode("unicode_escape").decode() in line for line in about[:3])


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_a_function_was_given_is_not_told(log_format: str) -> None:
    lines = told(log_format)
    assert "it broke" in lines
    assert "hunter2hunter2" not in lines


def test_the_library_prints_nothing_whatever_it_does() -> None:
    program = """
from datetime import timedelta
from ktrlplane import ControlPlane
control = ControlPlane.in_memory(deletion_grace=timedelta(0))
ada = control.sign_in("ada")
ada.create_project(id="plant", name="Plant")
ada.create_resource("plant", id="graph", name="G", type="Konnektr.Graph", sku="free")
ada.delete_project("plant", cascade=True)
control.catch_up()
assert not ada.projects().items
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


ASKS = """
import sys
from ktrlplane.adapters.stripe.calls import StripeAccount
from ktrlplane.adapters.stripe.payments import StripePayments
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile
from ktrlplane.entrypoints.logs import configure_logs
from ktrlplane.entrypoints.settings import Settings
configure_logs(Settings(log_level="debug"))
payments = StripePayments(StripeAccount(secret_key=sys.argv[1], api_base=sys.argv[2]))
scope = Scope.parse("organization", "acme")
profile = Profile(scope=scope, name="Acme", email="private@acme.example")
customer = payments.open_customer(profile, key="c").customer_id
print(payments.set_up(customer, key="s").client_secret)
print(payments.portal(customer, return_url="https://kp.example", key="p"))
"""


def test_the_providers_library_tells_no_secret_however_much_is_logged() -> None:
    with payment_provider(ManualClock()) as provider:
        done = subprocess.run(
            [sys.executable, "-c", ASKS, KEY, provider.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    secret, portal = done.stdout.splitlines()
    assert not any(word in done.stderr for word in (secret, portal, KEY, "private@acme.example"))
