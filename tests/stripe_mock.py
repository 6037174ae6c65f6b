"""Stripe's own judge of requests: it knows their OpenAPI document, and remembers nothing."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.go_programs import CannotBuild, go, kept

VERSION: Final = "v0.203.0"


def built() -> Path:
    """Built once and kept. Raises: CannotBuild."""
    folder = kept(f"stripe-mock-{VERSION}")
    program = folder / "stripe-mock"
    if program.exists():
        return program
    with tempfile.TemporaryDirectory(dir=folder) as part:
        module = f"github.com/stripe/stripe-mock@{VERSION}"
        done = go("install", module, source=folder, home=folder, GOBIN=part, GOFLAGS="-p=2")
        if done.returncode:
            raise CannotBuild(f"The modules cannot be had. {done.stderr[-500:]}")
        # Whole or not at all, whoever else builds it at the same time.
        Path(part, "stripe-mock").replace(program)
    return program


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
