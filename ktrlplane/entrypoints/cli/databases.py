"""The container of a command that works on the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve

from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings


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
        if container.migrations().pending():
            raise Refused(
                "The database is not at the current schema: run ktrlplane migrate first."
            )
        yield container
