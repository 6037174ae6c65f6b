"""The container of a command that works on the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import evolve

from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.ports.adoption import TAKEN_OVER

_EMPTY: Final = (
    "The database {} is empty. If KtrlPlane is served from elsewhere, set KTRLPLANE_DATA_DIR or "
    "KTRLPLANE_DATABASE_URL as it is there; if this is to be its database, run ktrlplane migrate "
    "first."
)
_NOT_TAKEN_OVER: Final = (
    "The database is the former system's, and has not been taken over: run ktrlplane migrate "
    "--check, then ktrlplane migrate."
)


@contextmanager
def opened(settings: Settings) -> Iterator[Container]:
    """Whichever schema the database has. Raises: DatabaseUnavailable."""
    with Container(settings=settings).database().open() as url:
        # A command asks once: there is nothing to remember, and nobody to listen for.
        once = evolve(settings, database_url=url, decision_cache=0)
        container = Container(settings=once)
        try:
            yield container
        finally:
            container.shutdown_resources()


@contextmanager
def current(settings: Settings) -> Iterator[Container]:
    """With the schema that this version works on. Raises: DatabaseUnavailable, Refused."""
    with opened(settings) as container:
        migrations = container.migrations()
        pending = migrations.pending()
        if TAKEN_OVER in pending:
            raise Refused(_NOT_TAKEN_OVER)
        if pending and pending[0] == migrations.first():
            raise Refused(_EMPTY.format(_where(settings)))
        if pending:
            raise Refused(
                "The database is not at the current schema: run ktrlplane migrate first."
            )
        yield container


def _where(settings: Settings) -> str:
    if settings.database_url is None:
        return f"in {settings.data_dir}"
    return "that KTRLPLANE_DATABASE_URL names"
