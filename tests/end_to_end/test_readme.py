"""The README's commands, run as written: in a copy of what is tracked, in a new environment."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.serving import DEADLINE_S, REPOSITORY

README = (REPOSITORY / "README.md").read_text()
ACCESS = (REPOSITORY / "docs" / "access.md").read_text()
LIFECYCLE = (REPOSITORY / "docs" / "lifecycle.md").read_text()
WORKER = (REPOSITORY / "docs" / "operations" / "worker.md").read_text()
INSTALL_S = 300.0

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(
        not (REPOSITORY / ".git").exists(), reason="needs the repository to make a clean copy"
    ),
]


def blocks(heading: str, language: str = "sh") -> list[str]:
    """The fenced blocks under a heading of the README."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"the README has no block in {language} under {heading}"
    return found


def bash(folder: Path, venv: Path, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=_environment(venv),
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )


def _environment(venv: Path) -> dict[str, str]:
    ours = ("KTRLPLANE_", "PYTHON", "VIRTUAL_ENV")
    others = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return others | {"PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in listed.decode().split("\0"):
            if name and (REPOSITORY / name).exists():
                archive.add(REPOSITORY / name, arcname=name)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def venv(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what the first half of the README's first command installs."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install, _, start = blocks("Start it")[0].strip().partition(" && ")
    assert start == "ktrlplane serve --demo"
    done = bash(clone, folder, install)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def serving(clone: Path, venv: Path) -> Iterator[int]:
    """The port of ``ktrlplane serve --demo``: the README's, or another where that is taken."""
    port = a_free_port()
    process = subprocess.Popen(
        [venv / "bin" / "ktrlplane", "serve", "--demo", "--port", str(port)],
        cwd=clone,
        env=_environment(venv),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    watchdog = threading.Timer(DEADLINE_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"KtrlPlane is ready at http://127.0.0.1:{port}\n"
        watchdog.cancel()
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(told: str) -> list[dict[str, Any]]:
    """The JSON among what commands say."""
    return [json.loads(line) for line in told.splitlines() if line.startswith(("{", "["))]


def test_what_the_readme_tries_works_as_it_says(clone: Path, venv: Path, serving: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    script = "\n".join(blocks("Try it")).replace(":8080", f":{serving}")
    done = bash(clone, venv, script)
    assert done.returncode == 0, done.stderr
    told = answers(done.stdout)
    organization, project, billing, resource, found, free, stranger, granted = told[:8]
    viewer, refused, invited, let_in, checked = told[8:]
    assert billing["stripe_customer"]["name"] == "Acme"
    assert organization["org_id"] == "acme"
    assert project["org_id"] == "acme"
    assert set(resource["settings_json"]["eventSinks"]) == {"kafka", "kusto", "mqtt", "webhook"}
    assert resource["resource_id"] in [item["resource_id"] for item in found["items"]]
    assert free["code"] == "validation_failed"
    assert "/settings_json/eventSinks/kafka" in [error["pointer"] for error in free["errors"]]
    assert stranger["code"] == "not_found"
    assert granted["role"]["name"] == "Viewer"
    assert viewer == project
    assert refused["code"] == "forbidden"
    assert (invited["status"], invited["email"]) == ("invited", "linus@example.com")
    assert let_in == project
    assert [len(one["via"]) for one in checked["results"]] == [2]


def test_what_the_page_about_access_shows_works(clone: Path, venv: Path, serving: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    script = "\n".join(re.findall(r"```sh\n(.*?)```", ACCESS, re.DOTALL))
    done = bash(clone, venv, script.replace(":8080", f":{serving}"))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one for one in told if "code" in one] == []
    models = "Konnektr.Graph:models/read"
    rehearsed = [(one["gains"], one["losses"]) for one in told if "gains" in one]
    joining, ending, moving, granting = rehearsed
    assert [(one["user_id"], models in one["permissions"]) for one in joining[0]] == [
        ("iris", True)
    ]
    assert [(one["user_id"], models in one["permissions"]) for one in ending[1]] == [
        ("hugo", True)
    ]
    assert [one["user_id"] for one in moving[1]] == ["hugo"]
    assert granting[0][0]["permissions"] == ["Konnektr.KtrlPlane:write"]
    (verdicts,) = [one["results"] for one in told if "results" in one]
    assert [one["allowed"] for one in verdicts] == [False, True]
    assert verdicts[1]["via"][0]["group_id"].startswith("grp_")
    assert [one["allowed"] for one in told if "allowed" in one] == [True] * 3
    assert "granted: barn-product@clients" in done.stdout


def test_the_page_about_the_life_of_resources_runs_as_it_stands(
    clone: Path, venv: Path, serving: int
) -> None:
    script = "\n".join(re.findall(r"```sh\n(.*?)```", LIFECYCLE, re.DOTALL))
    done = bash(clone, venv, script.replace(":8080", f":{serving}"))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one for one in told if "code" in one] == []
    here = [one for one in told if one.get("resource_id") == "garden-flow"]
    statuses = [one["status"] for one in here if "status" in one]
    assert statuses == [
        "Creating",
        "Running",  # as it was reported
        "Running",  # as it was waited for
        "Suspended",
        "Updating",
        "Updating",  # in a rehearsal
        "Deleting",
    ]
    (history,) = [one["items"] for one in told if "items" in one]
    assert len(history) == 4
    prices = [one["price_after"]["amount"] for one in told if "price_after" in one]
    assert prices[0] == 0 < prices[1]
    limits = [
        {limit["limit"]: limit for limit in one["limits"]} for one in told if "limits" in one
    ]
    assert [one["resources"]["maximum"] for one in limits] == [10, 20]
    assert [one["executions"]["maximum"] for one in limits] == [1000, None]
    assert [one["allowed"] for one in told if "allowed" in one] == [True]
    assert "As agreed with Rose" in done.stdout


def test_the_page_about_the_worker_tells_how_to_ask_whether_it_works(
    clone: Path, venv: Path, serving: int
) -> None:
    section = WORKER.partition("\n## Whether it works\n")[2].partition("\n## ")[0]
    (command,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    done = bash(clone, venv, command)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs, shown = (
        [line.split()[0] for line in text.splitlines()[:6]]
        for text in (done.stdout, re.findall(r"```text\n(.*?)```", section, re.DOTALL)[0])
    )
    assert jobs == shown
    assert f"exec: {{command: [{', '.join(command.split())}]}}" in WORKER
    url = f"http://127.0.0.1:{serving}/metrics"
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        told = answer.read().decode()
    gauges = re.findall(r"^\| `(ktrlplane_\w+)", section, re.MULTILINE)
    assert len(gauges) == 5
    assert [name for name in gauges if f"\n{name}" not in told] == []


def test_what_the_readme_runs_for_real_works(clone: Path, venv: Path, serving: int) -> None:
    done = bash(clone, venv, "\n".join(blocks("Run it for real")))
    assert done.returncode == 0, done.stderr
    assert '"openapi": "3.1' in done.stdout


def test_the_readmes_program_runs_outside_the_clone(venv: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks("Use it as a library", "python")))
    done = bash(tmp_path, venv, f"python {program}")
    assert done.returncode == 0, done.stderr


def test_an_installation_carries_the_catalog_and_the_migrations(
    venv: Path, tmp_path: Path
) -> None:
    packaged = (
        "import importlib.resources as r; print(*sorted(p.name for d in "
        "('ktrlplane.schemas', 'ktrlplane.adapters.postgres.migrations') "
        "for p in r.files(d).iterdir()))"
    )
    done = bash(tmp_path, venv, f'python -c "{packaged}"; ktrlplane catalog validate')
    assert done.returncode == 0, done.stderr
    names = done.stdout.split()
    assert "catalog.json" in names
    assert _names(REPOSITORY / "ktrlplane/adapters/postgres/migrations", "*.sql") <= set(names)
    assert _names(REPOSITORY / "schemas", "*.*") <= set(names)


def _names(folder: Path, pattern: str) -> set[str]:
    found: Sequence[str] = [path.name for path in folder.glob(pattern)]
    assert found
    return set(found)


def test_ci_runs_the_readmes_test_command() -> None:
    (command,) = blocks("Run all tests")
    assert command.strip() in (REPOSITORY / ".ci" / "run").read_text().splitlines()
