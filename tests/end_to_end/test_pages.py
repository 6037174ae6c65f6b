"""What pages under docs/ have one type into a shell, run as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.end_to_end.serving import (
    DEADLINE_S,
    REPOSITORY,
    Server,
    Serving,
    environment,
    ktrlplane,
    serving,
)
from tests.webhook_receivers import Line, receiver, response

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl"),
]

DOCS: Final = REPOSITORY / "docs"
JSON: Final = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("pages")) as served:
        yield served
        assert served.stop() == 0


@pytest.fixture(scope="module")
def token(served: Serving) -> str:
    """Of the Owner of the organization acme."""
    given = ktrlplane(served.log.parent, "token", "--sub", "ada", "--email", "ada@example.com")
    body = {"id": "acme", "name": "Acme"}
    status, _ = Server(served).ask("POST", "/organizations", given.strip(), body)
    assert status == 201
    return given.strip()


def answers(page: Path, served: Serving, token: str, **variables: str) -> list[Mapping[str, Any]]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    # Each answer on a line of its own, which is all that is added.
    script = 'curl() { command curl "$@"; echo; }\n' + "\n".join(blocks)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | {"URL": served.url, "TOKEN": token} | variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def test_a_webhook_is_made_as_its_page_says(served: Serving, token: str) -> None:
    (made,) = answers(DOCS / "webhooks.md", served, token)
    assert made["secret"].startswith("whsec_")
    assert made["status"] == "enabled"
    assert made["event_types"] == ["resource.*", "project.deleted"]


def test_notifications_are_read_and_chosen_as_their_page_says(served: Serving, token: str) -> None:
    listed, *_, chosen = answers(DOCS / "notifications.md", served, token)
    assert listed["next_cursor"] is None
    assert {one["event_type"] for one in chosen["preferences"]} >= {"*", "resource.*"}


def test_logs_and_metrics_are_read_as_their_page_says(tmp_path: Path) -> None:
    """Of backends that say what they were asked."""

    def tell(line: Line) -> None:
        while (asked := line.request()) is not None:
            parameters = dict(urllib.parse.parse_qsl(asked.body.decode()))
            told = {"status": "success", "data": {"path": asked.line.split()[1], **parameters}}
            line.send(response(json.dumps(told).encode(), headers=JSON))

    with receiver(tell) as backend:
        address = backend.url("")
        with serving(tmp_path, LOKI_URL=address, MIMIR_URL=address) as served:
            ada = ktrlplane(tmp_path, "token", "--sub", "ada").strip()
            wish = {"id": "one", "name": "One", "type": "Konnektr.Flow", "sku": "free"}
            for path, body in (
                ("/projects", {"id": "plant", "name": "Plant"}),
                ("/projects/plant/resources", wish),
            ):
                assert Server(served).ask("POST", path, ada, body)[0] == 201
            told = answers(DOCS / "observability.md", served, ada, RESOURCE="one")
    every, errors, moment, over = (one["data"] for one in told)
    assert every["query"] == '{resource_id="one"}'
    assert errors["query"].startswith('{resource_id="one"} |= "timeout" | level=~')
    assert errors["limit"] == "200"
    assert moment["query"] == 'sum(rate(container_cpu_usage_seconds_total{resource_id="one"}[5m]))'
    assert over["step"] == "60"
    assert over["path"] == "/prometheus/api/v1/query_range"


def test_billing_is_tried_out_as_its_page_says(tmp_path: Path) -> None:
    """Against a server that simulates payments, each command a process of its own."""
    page = (DOCS / "billing.md").read_text().partition("## Trying it out")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    with serving(tmp_path / "data", "--demo") as served:
        home = served.log.parent
        script = "\n".join(blocks).replace("http://127.0.0.1:8080", served.url)
        done = subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                'ktrlplane() { "$PYTHON" -m ktrlplane "$@"; }\n' + script,
            ],
            cwd=home,
            env=environment(home) | {"PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert not [one for one in answers if "code" in one]
        states = [one["subscription_status"] for one in answers if "subscription_status" in one]
        assert states == ["past_due"]
        bought, *_, paid = (one for one in answers if one.get("latest_invoice"))
        assert [one["latest_invoice"]["status"] for one in (bought, paid)] == ["paid", "paid"]
        assert bought["latest_invoice"] != paid["latest_invoice"]
        (portal,) = (one["url"] for one in answers if "url" in one)
        _press(portal, "lose-customer")
        with urllib.request.urlopen(portal, timeout=DEADLINE_S) as shown:
            assert "The customer is gone" in shown.read().decode()
        assert served.stop() == 0
        assert portal.partition("?visit=")[2] not in served.log.read_text()


def _press(portal: str, act: str) -> None:
    address, _, secret = portal.partition("?visit=")
    form = urllib.parse.urlencode({"visit": secret, "act": act}).encode()
    with urllib.request.urlopen(address, data=form, timeout=DEADLINE_S) as shown:
        assert shown.url == portal
