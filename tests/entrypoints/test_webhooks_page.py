"""docs/webhooks.md: what it tells receivers to do with what we send them."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.webhook_deliveries import SCHEDULE
from ktrlplane.domain.webhooks import Webhook, new_secret
from ktrlplane.entrypoints.sending import EACH
from ktrlplane.entrypoints.signing import outgoing
from ktrlplane.ports.delivery import Failure
from tests.builders import a_webhook

PAGE: Final = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()

Request = tuple[str, Mapping[str, str], bytes]
"""A secret, headers and a body."""
Verify = Callable[[Request], bool]

_PYTHON: Final = """
import json, sys
asked = json.load(sys.stdin)
print(json.dumps(verify(asked["secret"], asked["headers"], asked["body"].encode())))
"""
_JAVASCRIPT: Final = """
const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(verify(asked.secret, asked.headers, Buffer.from(asked.body))));
"""
_GO: Final = """
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	var asked struct {
		Secret, Body string
		Headers      map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	header := http.Header{}
	for name, value := range asked.Headers {
		header.Set(name, value)
	}
	json.NewEncoder(os.Stdout).Encode(Verify(asked.Secret, header, []byte(asked.Body)))
}
"""


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module", params=["python", "javascript", "go"])
def verify(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verify:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "python":
        folder.joinpath("main.py").write_text(code("python") + _PYTHON)
        command = [sys.executable, str(folder / "main.py")]
    elif request.param == "javascript":
        folder.joinpath("main.js").write_text(code("javascript") + _JAVASCRIPT)
        command = [_found("node"), str(folder / "main.js")]
    else:
        go = _found("go")
        folder.joinpath("verify.go").write_text(code("go"))
        folder.joinpath("main.go").write_text(_GO)
        folder.joinpath("go.mod").write_text("module receiver\n\ngo 1.19\n")
        built = [go, "build", "-o", "receiver", "."]
        environment = os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off"}
        subprocess.run(built, cwd=folder, env=environment, check=True, capture_output=True)
        command = [str(folder / "receiver")]

    def ask(asked: Request) -> bool:
        secret, headers, body = asked
        told = json.dumps({"secret": secret, "headers": headers, "body": body.decode()})
        done = subprocess.run(command, input=told, capture_output=True, text=True, check=True)
        return bool(json.loads(done.stdout))

    return ask


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed.")
    return found


def sent(webhook: Webhook, at: datetime) -> Request:
    units = MemoryUnitsOfWork()
    path = [Scope.of(OrganizationId("acme"))]
    data = {"before": None, "after": {"name": 'caf\u00e9 \U0001f600 "\\'}}
    event = Event.about(path, EventType.RESOURCE_CREATED, actor=OPERATOR, at=at, data=data)
    with units.begin() as work:
        work.webhooks.add(webhook)
        work.events.add([event])
    with units.begin() as work:
        (due,) = work.webhooks.claim(at, at, each=1, limit=1, busy={})
    request = outgoing(due, at)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return webhook.secret, headers, request.body


def test_what_we_send_is_ours_and_nothing_else_is(verify: Verify) -> None:
    now = datetime.fromtimestamp(time.time(), UTC)
    webhook = a_webhook(secret=new_secret())
    secret, headers, body = sent(webhook, now)
    assert verify((secret, headers, body))
    assert not verify((new_secret(), headers, body))
    assert not verify((secret, headers, body + b" "))
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert not verify((secret, headers | {name: ""}, body)), name
        assert not verify((secret, headers | {name: headers[name] + "0"}, body)), name
        without = {key: value for key, value in headers.items() if key != name}
        assert not verify((secret, without, body)), name


def test_while_a_secret_is_changed_both_are_good(verify: Verify) -> None:
    now = datetime.fromtimestamp(time.time(), UTC)
    webhook = a_webhook(secret=new_secret())
    _, headers, body = sent(webhook.rotated(new_secret(), now), now)
    assert verify((webhook.secret, headers, body))


def test_what_is_old_is_refused(verify: Verify) -> None:
    now = datetime.fromtimestamp(time.time(), UTC)
    for away in (timedelta(minutes=6), -timedelta(minutes=6)):
        assert not verify(sent(a_webhook(secret=new_secret()), now + away))
    assert verify(sent(a_webhook(secret=new_secret()), now - timedelta(minutes=4)))


def test_the_example_is_what_is_sent() -> None:
    shown = json.loads(code("json"))
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    _, _, body = sent(a_webhook(), at)
    said = json.loads(body)
    assert said.keys() == shown.keys()
    assert (said["timestamp"], said["occurred_at"]) == (shown["timestamp"], shown["occurred_at"])


def test_numbers_and_words_are_those_of_the_code() -> None:
    told = PAGE.replace("\n", " ")
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    listed = re.findall(r"(\d+) (s|min|h)\b", told.partition("The next attempt is after")[2])
    pauses = [timedelta(**{units[unit]: int(number)}) for number, unit in listed]
    assert tuple(pauses[: len(SCHEDULE)]) == SCHEDULE
    assert f"up to {EACH} requests to one endpoint" in told
    reasons = PAGE.partition("| there was no answer, since |")[2]
    assert re.findall(r"^\| `(\w+)` \|", reasons, re.MULTILINE) == list(Failure)
