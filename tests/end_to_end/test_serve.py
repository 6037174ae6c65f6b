"""``ktrlplane serve`` as a new user meets it, and as whoever operates it mistreats it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

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
from tests.postgres import as_url

pytestmark = pytest.mark.postgres
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
with_granian = pytest.mark.skipif(find_spec("granian") is None, reason="the extra is missing")


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


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """For tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("plain")) as served:
        yield served
        assert served.stop() == 0


@pytest.fixture
def database_url(fresh_database: str) -> str:
    parts = conninfo_to_dict(fresh_database)
    return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"


def pasted(line: str) -> Any:
    """What a line prints that somebody pastes into a shell."""
    done = subprocess.run(line, shell=True, capture_output=True, check=True, timeout=DEADLINE_S)
    return json.loads(done.stdout)


def kill(served: Serving) -> None:
    family = family_of(served.process.pid)
    assert len(family) > 3
    served.process.kill()
    until(lambda: not any(map(is_alive, family)), "the end of every child")


@on_linux
@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl")
def test_the_demo_introduces_itself_and_survives_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as served:
        assert get(f"{served.url}/health") == {"status": "UP"}
        me, resources, created = map(pasted, served.curl_lines)
        assert me["user"]["email"] == "ada.okafor@example.com"
        assert len(resources["items"]) == 5
        assert created["name"] == "My organization"
        before = names_of(served, "resources")
        kill(served)
    with serving(tmp_path, "--demo") as served:
        assert names_of(served, "organizations") == ["My organization", "Northwind Energy"]
        assert names_of(served, "resources") == before
        assert served.stop(signal.SIGINT) == 0
    assert "Traceback" not in served.log.read_text()


@on_linux
@with_granian
def test_granian_serves_the_same_and_leaves_nobody_behind_either(
    tmp_path: Path, database_url: str
) -> None:
    for end in (kill, lambda served: served.stop()):
        with serving(tmp_path, "--server", "granian", DATABASE_URL=database_url) as served:
            assert get(f"{served.url}/health") == {"status": "UP"}
            end(served)
    assert served.process.returncode == 0


@on_linux
def test_a_worker_that_dies_is_started_again(plain: Serving) -> None:
    dead = plain.child("serving.background")
    os.kill(dead, signal.SIGKILL)
    until(
        lambda: any(
            pid != dead and "serving.background" in command_of(pid)
            for pid in children_of(plain.process.pid)
        ),
        "a new worker",
    )
    assert get(f"{plain.url}/health/ready")


@on_linux
def test_without_its_web_server_serve_ends_and_says_so(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, "--no-worker", DATABASE_URL=database_url) as served:
        (web,) = children_of(served.process.pid)
        os.kill(web, signal.SIGKILL)
        assert served.process.wait(DEADLINE_S) == 1
    said = [line for line in served.log.read_text().splitlines() if line.startswith("ktrlplane:")]
    assert said == [
        "ktrlplane: The web server ended by itself (signal SIGKILL); its log above says why."
    ]


def test_a_stop_answers_what_has_begun_and_logs_are_json(
    tmp_path: Path, database_url: str
) -> None:
    with serving(tmp_path, DATABASE_URL=database_url) as served:
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
    assert served.introduction == [f"KtrlPlane is ready at {served.url}"]
    entries = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert {"database_ready", "worker_started", "worker_stopped", "stopped"} <= {
        entry["event"] for entry in entries
    }


def test_other_commands_work_beside_serve(plain: Serving) -> None:
    beside = plain.log.parent
    token = ktrlplane(beside, "token", "--sub", "robot@clients", "--m2m").strip()
    ktrlplane(
        *(beside, "grant", "--principal", "robot@clients", "--scope-type", "global"),
        *("--role", "service-account-permission-checker"),
    )
    granted = ktrlplane(beside, "grants").splitlines()
    assert len(granted) == 2
    assert granted[1].split()[:2] == ["robot@clients", "service-account-permission-checker"]
    asked = "scopeType=global&scopeId=*&userId=ada"
    held = get(f"{plain.url}/api/v1/permissions/check?{asked}", token)
    assert held["permissions"] == []


def counted(served: Serving, route: str) -> float:
    with urllib.request.urlopen(f"{served.url}/metrics", timeout=DEADLINE_S) as response:
        lines = response.read().decode().splitlines()
    wanted = f'ktrlplane_http_requests_total{{method="GET",route="{route}",status="200"}}'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))


def test_all_workers_count_together(plain: Serving) -> None:
    route = "/api/v1/catalog/resource-types"
    before = counted(plain, route)
    for _ in range(20):  # each a connection of its own, to whichever worker takes it
        get(f"{plain.url}{route}")
    # What the others have counted is in their files within half a second.
    until(lambda: counted(plain, route) >= before + 20, "all to be counted")
    assert counted(plain, route) == before + 20


def test_any_wsgi_server_can_run_what_serves(fresh_database: str, tmp_path: Path) -> None:
    program = (
        "import gc; from falcon import testing; from ktrlplane.entrypoints.http import wsgi; "
        "gc.collect(); print(testing.TestClient(wsgi.app).simulate_get('/health/ready').status); "
        "wsgi.container.shutdown_resources()"
    )
    url = as_url(fresh_database)
    ktrlplane(tmp_path, "migrate", DATABASE_URL=url)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(tmp_path, DATABASE_URL=url),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stdout == "200 OK\n", done.stderr


def test_a_port_is_taken_once(plain: Serving) -> None:
    port = str(urlsplit(plain.url).port)
    second = subprocess.run(
        [sys.executable, "-m", "ktrlplane", "serve", "--port", port],
        cwd=plain.log.parent,
        env=environment(plain.log.parent),
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
