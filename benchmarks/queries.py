"""``python -m benchmarks.queries``: what it costs to keep a query to a resource and pass it on.

First the processor time of scoping a query as dashboards have them. Then requests by turns, one at
a time over connections that stay: to nginx, which has the answer recorded, and to the same nginx
through KtrlPlane.
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from benchmarks.servers import await_answer, free_port
from ktrlplane.domain.observability.logql import scope_logql
from ktrlplane.domain.observability.matchers import Matcher
from ktrlplane.domain.observability.promql import scope_promql

GOAL_SCOPING_US, GOAL_PROXY_MS = 300, 3.0

PROMQL: Final = (
    'sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / '
    'sum(rate(http_requests_total[5m])) * avg(up{job="a"})'
)
LOGQL: Final = (
    'sum by (app) (rate({app="shop"} |= "error" | json | level="error" [5m])) / '
    'sum by (app) (rate({app="shop"}[5m]))'
)
_CONFIGURATION: Final = """
daemon off; error_log stderr crit; pid {folder}/pid; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 1000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type application/json; return 200 '{answer}'; }}
    }}
}}
"""


def scoping(scope: Callable[[str, Matcher], str], query: str, rounds: int) -> float:
    """Microseconds of processor time, the median."""
    matcher = Matcher("resource_id", "production-graph")
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(50):
            scope(query, matcher)
        taken.append((time.process_time() - began) / 50 * 1e6)
    return statistics.median(taken)


def recorded(points: int) -> str:
    values = [[1767225600 + 60 * at, str(at)] for at in range(points)]
    series = [{"metric": {"__name__": "up", "job": f"j{n}"}, "values": values} for n in range(3)]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}})


@contextmanager
def nginx(folder: Path, answer: str) -> Iterator[str]:
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit("Answers come from nginx: install it (Debian: apt-get install nginx).")
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, port=port, answer=answer))
    process = subprocess.Popen([found, "-p", str(folder), "-c", str(file)])
    try:
        await_answer(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def ktrlplane(folder: Path, backend: str) -> Iterator[tuple[str, str]]:
    """The address, and a token of who may read the resource ``one``."""
    others = {name: text for name, text in os.environ.items() if "KTRLPLANE" not in name}
    ours = {"DATA_DIR": str(folder / "data"), "MIMIR_URL": backend, "WORKERS": "2"}
    environ = others | {f"KTRLPLANE_{name}": text for name, text in ours.items()}
    command = [sys.executable, "-m", "ktrlplane"]
    process = subprocess.Popen(
        [*command, "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().rpartition(" ")[2].strip()
        made = [*command, "token", "--sub", "ada"]
        token = subprocess.run(made, env=environ, capture_output=True, text=True, check=True)
        _make(url, token.stdout.strip())
        yield url, token.stdout.strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _make(url: str, token: str) -> None:
    wish = {"id": "one", "name": "One", "type": "Konnektr.Flow", "sku": "free"}
    for path, body in (
        ("/projects", {"id": "plant", "name": "Plant"}),
        ("/projects/plant/resources", wish),
    ):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{url}/api/v1{path}", data=json.dumps(body).encode(), headers=headers
        )
        urllib.request.urlopen(request, timeout=30).close()


def asking(url: str, path: str, token: str) -> Callable[[int], list[float]]:
    """Asks so often, one after the other; milliseconds each."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    form = urlencode({"query": PROMQL, "start": "1767200000", "end": "1767225600", "step": "60"})
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def ask(count: int) -> list[float]:
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            connection.request("POST", path, form, headers)
            answer = connection.getresponse()
            answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.status == 200, answer.status
        return taken

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=50, help="of each, a round")
    parser.add_argument("--points", type=int, default=40, help="of three series, in an answer")
    asked = parser.parse_args()
    for name, scope, query in (("PromQL", scope_promql, PROMQL), ("LogQL", scope_logql, LOGQL)):
        taken = scoping(scope, query, asked.rounds)
        print(
            f"scoping {len(query)} characters of {name}: {taken:.0f} us (goal {GOAL_SCOPING_US})"
        )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backend = stack.enter_context(nginx(folder, recorded(asked.points)))
        url, token = stack.enter_context(ktrlplane(folder, backend))
        path = "/prometheus/api/v1/query_range"
        plain = asking(backend, path, token)
        through = asking(url, f"/api/v1/resources/one{path}", token)
        direct: list[float] = []
        passed: list[float] = []
        plain(asked.requests), through(asked.requests)
        for _ in range(asked.rounds):
            direct += plain(asked.requests)
            passed += through(asked.requests)
    without, with_it = statistics.median(direct), statistics.median(passed)
    print(
        f"direct {without:.2f} ms, through KtrlPlane {with_it:.2f} ms, the median of {len(passed)}"
    )
    print(
        f"so it adds {with_it - without:.2f} ms (goal {GOAL_PROXY_MS}), {with_it / without:.1f} x"
    )


if __name__ == "__main__":
    main()
