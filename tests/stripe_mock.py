"""Stripe's own judge of requests: it knows their OpenAPI document, and remembers nothing."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

VERSION: Final = "v0.203.0"
_BUILD_S: Final = 300


class CannotBuild(Exception):
    """Go, or the modules that are needed, are not to be had here."""


def built() -> Path:
    """Built once and kept. Raises: CannotBuild."""
    folder = _kept() / f"stripe-mock-{VERSION}"
    program = folder / "stripe-mock"
    if program.exists():
        return program
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/go/bin", "/usr/lib/go/bin"))
    found = shutil.which("go", path=path)
    if found is None:
        raise CannotBuild("There is no go here.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as part:
        homeless = {"GOCACHE": f"{folder}/cache", "GOPATH": f"{folder}/path"}
        known = {**({} if "HOME" in os.environ else homeless), **os.environ}
        done = subprocess.run(
            [found, "install", f"github.com/stripe/stripe-mock@{VERSION}"],
            env={**known, "GOBIN": part, "GOFLAGS": "-p=2"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_BUILD_S,
        )
        if done.returncode:
            raise CannotBuild(f"The modules cannot be had. {done.stderr[-500:]}")
        # Whole or not at all, whoever else builds it at the same time.
        Path(part, "stripe-mock").replace(program)
    return program


def _kept() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(cache) / "ktrlplane"


@contextmanager
def stripe_mock(program: Path) -> Iterator[str]:
    """Its address."""
    process = subprocess.Popen(
        [program, "-http-addr", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"HTTP at address: (\S+)", line)
            if found:
                break
        else:
            raise AssertionError("It does not listen.")
        yield f"http://{found[1]}"
    finally:
        process.kill()
        process.communicate()
