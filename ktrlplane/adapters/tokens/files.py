"""Files that appear whole or not at all, readable by their owner alone."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def create_once(path: Path, content: bytes) -> None:
    """Leaves a file alone that is there already, be it made at this very moment."""
    # A link, unlike a rename, refuses to take the place of another file.
    with _written(path.parent, content) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)


def replace(path: Path, content: bytes) -> None:
    with _written(path.parent, content) as draft:
        draft.replace(path)


@contextmanager
def _written(directory: Path, content: bytes) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(dir=directory, prefix=".draft-")  # mode 0600
    draft = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
