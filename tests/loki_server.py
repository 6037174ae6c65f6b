"""Loki as its queries see it: its own engine over streams that a test makes."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypedDict

from tests.go_programs import built

_SOURCE: Final = Path(__file__).parent / "oracles" / "loki"


class Stream(TypedDict):
    """``entries`` are nanoseconds and lines."""

    labels: Mapping[str, str]
    entries: Sequence[tuple[int, str]]


@contextmanager
def loki(streams: Mapping[str, Sequence[Stream]]) -> Iterator[str]:
    """The address of one that has these, by tenant. Raises: CannotBuild."""
    program = built(_SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder, "streams.json")
        recorded.write_text(json.dumps(streams))
        process = subprocess.Popen([program, recorded], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, "It does not listen."
            yield address
        finally:
            process.kill()
            process.communicate()
