"""A Prometheus with series that a test makes, which stands for Mimir: it speaks the same language
below the same addresses, and knows no tenants."""

import math
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Final

import requests

Series = Mapping[tuple[str, Iterable[tuple[str, str]]], Sequence[tuple[float, float]]]
"""The points, seconds and value, of a metric and its labels (which are pairs)."""

_FEATURES: Final = "promql-experimental-functions,promql-at-modifier,promql-negative-offset"
"""Those that a version has not heard of, or always has, it only mentions."""
_POLLS: Final = 600
_PAUSE_S: Final = 0.05


class NotInstalled(Exception):
    """There is no Prometheus here."""


@contextmanager
def prometheus(series: Series) -> Iterator[str]:
    """The address of one that has these, without ``/prometheus``. Raises: NotInstalled."""
    program, tool = _installed("prometheus"), _installed("promtool")
    with tempfile.TemporaryDirectory() as folder:
        storage, points = Path(folder, "storage"), Path(folder, "points")
        storage.mkdir()
        if series:
            points.write_text(_openmetrics(series))
            command = [tool, "tsdb", "create-blocks-from", "openmetrics", points, storage]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            assert made.returncode == 0, made.stdout + made.stderr
        configuration = Path(folder, "prometheus.yml")
        configuration.write_text("scrape_configs: []\n")
        log = Path(folder, "log")
        address = f"127.0.0.1:{_free_port()}"
        arguments = {
            "config.file": configuration,
            "enable-feature": _FEATURES,
            "storage.tsdb.path": storage,
            "storage.tsdb.retention.time": "100y",
            "web.listen-address": address,
            "web.route-prefix": "/prometheus",
        }
        with log.open("w") as said:
            process = subprocess.Popen(
                [program, *(f"--{name}={value}" for name, value in arguments.items())],
                stdout=said,
                stderr=said,
            )
        try:
            _await_readiness(process, f"http://{address}", log)
            yield f"http://{address}"
        finally:
            process.kill()
            process.wait()


def _installed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotInstalled(f"There is no {program} here (apt install prometheus).")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_readiness(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(_POLLS):
        try:
            process.wait(_PAUSE_S)
        except subprocess.TimeoutExpired:
            if _is_ready(address):
                return
        else:
            break
    raise AssertionError(f"Prometheus does not get ready. {log.read_text()[-2000:]}")


def _is_ready(address: str) -> bool:
    try:
        return requests.get(f"{address}/prometheus/-/ready", timeout=1).ok
    except requests.RequestException:
        return False


def _openmetrics(series: Series) -> str:
    lines = []
    for (name, labels), points in series.items():
        pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
        lines += [
            f"{name}{{{pairs}}} {_number(value)} {seconds:.3f}"
            for seconds, value in sorted(points, key=itemgetter(0))
        ]
    return "\n".join([*lines, "# EOF\n"])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))
