"""``ktrlplane serve`` as a new user meets it, and as whoever operates it mistreats it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.serving import (
    DEADLINE_S,
    Serving,
    children_of,
    command_of,
    environment,
    family_of,
    is_alive,
    ktrlplane,
    serving,
    until,
)

pytestmark = pytest.mark.postgres
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
SERVERS = [
    "gunicorn",
    pytest.param(
        "granian",
        marks=pytest.mark.skipif(find_spec("granian") is None, reason="the extra is missing"),
    ),
]


def get(url: str, token: str | None = None) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
        return json.load(response)


def token_of(served: Serving, name: str) -> str:
    (row,) = [line for line in served.introduction if line.startswith(name)]
    return row.split()[-1]


def names_of(served: Serving, path: str, person: str = "Ada Okafor") -> list[str]:
    page = get(f"{served.url}/api/v1/{path}?limit=200", token_of(served, person))
    return sorted(item["name"] for item in page["items"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl")
def test_the_demo_introduces_itself_and_keeps_what_people_did(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as served:
        assert get(f"{served.url}/health") == {"status": "UP"}
        answers = [
            json.loads(
                subprocess.run(
                    line, shell=True, capture_output=True, check=True, timeout=DEADLINE_S
                ).stdout
            )
            for line in served.curl_lines
        ]
        me, resources, created = answers
        assert me["user"]["email"] == "ada.okafor@example.com"
        assert len(resources["items"]) == 5
        assert created["name"] == "My organization"
        before = names_of(served, "resources")
        assert served.stop() == 0
    with serving(tmp_path, "--demo") as served:
        assert names_of(served, "organizations") == ["My organization", "Northwind Energy"]
        assert names_of(served, "resources") == before
        assert served.stop(signal.SIGINT) == 0
    assert "Traceback" not in served.log.read_text()


@on_linux
@pytest.mark.parametrize("server", SERVERS)
def test_a_kill_leaves_nobody_behind_and_the_next_start_recovers(
    tmp_path: Path, server: str
) -> None:
    with serving(tmp_path, "--demo", "--server", server) as served:
        before = names_of(served, "resources")
        family = family_of(served.process.pid)
        assert len(family) > 4
        served.process.kill()
        until(lambda: not any(map(is_alive, family)), "the end of every child")
    with serving(tmp_path, "--demo", "--server", server) as served:
        assert names_of(served, "resources") == before
        assert served.stop() == 0


@on_linux
def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        dead = served.child("serving.background")
        os.kill(dead, signal.SIGKILL)
        until(
            lambda: any(
                pid != dead and "serving.background" in command_of(pid)
                for pid in children_of(served.process.pid)
            ),
            "a new worker",
        )
        assert get(f"{served.url}/health/ready")
        assert served.stop() == 0


@on_linux
def test_without_its_web_server_serve_ends_and_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-worker") as served:
        assert not any(
            "serving.background" in command_of(pid) for pid in children_of(served.process.pid)
        )
        os.kill(served.child("serving.web"), signal.SIGKILL)
        assert served.process.wait(DEADLINE_S) == 1
    said = [line for line in served.log.read_text().splitlines() if line.startswith("ktrlplane:")]
    assert said == [
        "ktrlplane: The web server ended by itself (signal SIGKILL); its log above says why."
    ]


def test_a_request_that_has_begun_is_answered_before_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        token = ktrlplane(tmp_path, "token", "--sub", "ada").strip()
        place = urlsplit(served.url)
        body = b'{"id": "late", "name": "Late"}'
        head = (
            f"POST /api/v1/organizations HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode()
        assert place.hostname is not None
        with socket.create_connection((place.hostname, place.port or 0), DEADLINE_S) as client:
            client.sendall(head + body[:5])
            # The application has the request once it waits for the rest of the body.
            until(lambda: get(f"{served.url}/health") == {"status": "UP"}, "an idle server")
            served.process.send_signal(signal.SIGTERM)
            until(lambda: "Handling signal: term" in served.log.read_text(), "the drain")
            client.sendall(body[5:])
            answer = client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 201 "), answer
        assert served.process.wait(DEADLINE_S) == 0


def test_other_commands_work_beside_serve(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        token = ktrlplane(tmp_path, "token", "--sub", "robot@clients", "--m2m").strip()
        get(f"{served.url}/api/v1/roles", token)
        ktrlplane(
            *(tmp_path, "grant", "--principal", "robot@clients", "--scope-type", "global"),
            *("--role", "service-account-permission-checker"),
        )
        granted = ktrlplane(tmp_path, "grants").splitlines()
        assert len(granted) == 2
        assert granted[1].split()[:2] == ["robot@clients", "service-account-permission-checker"]
        held = get(
            f"{served.url}/api/v1/permissions/check?scopeType=global&scopeId=*&userId=ada", token
        )
        assert held["permissions"] == []
        assert served.stop() == 0


def test_logs_are_json_and_standard_output_is_for_people(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert served.introduction == [f"KtrlPlane is ready at {served.url}"]
        assert served.stop() == 0
    entries = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert {"database_ready", "worker_started", "worker_stopped", "stopped"} <= {
        entry["event"] for entry in entries
    }


def test_a_port_is_taken_once(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        port = str(urlsplit(served.url).port)
        second = subprocess.run(
            [sys.executable, "-m", "ktrlplane", "serve", "--port", port],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == (
            f"ktrlplane: Port {port} of 127.0.0.1 is in use: end the program that listens there, "
            "or choose another one with --port.\n"
        )
