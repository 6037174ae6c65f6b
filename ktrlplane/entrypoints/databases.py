"""Opening the database: for one command, or for as long as something is served.

Whoever opens the embedded one first ends it for all. A short command that came first would
take it away from a ``serve`` that starts meanwhile; so what lasts waits for the commands that
are running, and those that begin later borrow from it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.ports.database import DatabaseUnavailable

_FILE: Final = "commands.lock"


@contextmanager
def opened_for_a_command(settings: Settings) -> Iterator[str]:
    """The database's address. Raises: DatabaseUnavailable."""
    with _turn(settings, fcntl.LOCK_SH), Container(settings=settings).database().open() as url:
        yield url


@contextmanager
def opened_to_last(settings: Settings) -> Iterator[str]:
    """The database's address. Raises: DatabaseUnavailable."""
    with ExitStack() as lasting:
        with _turn(settings, fcntl.LOCK_EX):
            url = lasting.enter_context(Container(settings=settings).database().open())
        yield url


def _turn(settings: Settings, how: int) -> AbstractContextManager[None]:
    return nullcontext() if settings.database_url else _locked(settings.data_dir, how)


@contextmanager
def _locked(data_dir: Path, how: int) -> Iterator[None]:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / _FILE, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL cannot use {data_dir}: {exc.strerror}. Give "
            "KTRLPLANE_DATA_DIR a folder of your own, or set KTRLPLANE_DATABASE_URL to a "
            "PostgreSQL of your own."
        ) from None
    try:
        fcntl.flock(file, how)
        yield
    finally:
        os.close(file)
