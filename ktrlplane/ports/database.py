"""The PostgreSQL that the stores live in: one of our own, or somebody else's."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol


class DatabaseUnavailable(Exception):
    """There is no database to work with.

    ``str()`` is a sentence for a person: what is wrong and what to do. It holds no password.
    """


class DatabaseServer(Protocol):
    @abstractmethod
    def open(self) -> AbstractContextManager[str]:
        """A libpq connection URL that accepts connections now, and does so until the context
        ends. The URL may hold a password and names a database that is there, perhaps empty.

        What was committed is found again by the next opening. Opening from several processes
        at once, or twice in one, gives the same database. Processes forked inside the context
        may use the URL; the context ends for all of them when it ends where it was opened.

        Raises: DatabaseUnavailable, before the context begins.
        """


class CannotMigrate(Exception):
    """The database holds what this version cannot bring to its schema, or must not touch.

    ``str()`` is a sentence for a person: what is in the way and what to do.
    """
