"""The servers that are measured, and the load on them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen

WORKERS, THREADS, CONNECTIONS = 2, 4, 8
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")


@frozen(kw_only=True)
class Request:
    name: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(factory=dict)
    body: str = ""

    def script(self) -> str:
        """For wrk, in Lua; JSON strings are Lua strings where they are ASCII."""
        lines = [f"wrk.method = {json.dumps(self.method)}", f"wrk.body = {json.dumps(self.body)}"]
        lines += [
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
            for name, value in self.headers.items()
        ]
        return "\n".join(lines)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(server: str, app: str, port: int) -> list[str]:
    if server == "granian":
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi"),
            *("--workers", str(WORKERS), "--blocking-threads", str(THREADS)),
            *("--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "error", app),
        ]
    return [
        *(sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", str(WORKERS)),
        *("--threads", str(THREADS), "--keep-alive", "75", "--reuse-port"),
        *("--log-level", "error", "-b", f"127.0.0.1:{port}", app),
    ]


@contextmanager
def serving(server: str, app: str, ready: str, environ: Mapping[str, str]) -> Iterator[str]:
    """The address of ``app`` under ``server``, once ``ready`` answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        _command(server, app, port),
        env=os.environ | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await_answer(url + ready)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def await_answer(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def rate(url: str, request: Request, seconds: float) -> float:
    """Requests a second, all of them answered well."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "request.lua")
        script.write_text(request.script())
        command = [
            *(_wrk(), "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds:.0f}s"),
            *("-s", str(script), url + request.path),
        ]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    refused = _REFUSED.search(told)
    found = _RATE.search(told)
    if found is None or refused is not None:
        raise RuntimeError(f"{request.name} did not go well:\n{told}")
    return float(found[1])


def _wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("The load comes from wrk: install it (Debian: apt-get install wrk).")
    return found
