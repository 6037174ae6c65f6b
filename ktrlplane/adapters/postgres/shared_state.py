from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ktrlplane.adapters.postgres.pool import Connection, Pool
from ktrlplane.adapters.postgres.prepared import after_rollback
from ktrlplane.adapters.postgres.refusals import Refusals
from ktrlplane.ports.shared_state import Save, SharedState

_MAKE: Final = b"""
    INSERT INTO ktrlplane.simulated_payments DEFAULT VALUES ON CONFLICT DO NOTHING
"""
_HOLD: Final = b"SELECT state FROM ktrlplane.simulated_payments FOR UPDATE"
_SAVE: Final = b"UPDATE ktrlplane.simulated_payments SET state = %(state)s"


class SimulatorState(SharedState):
    """What the payment simulator knows."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def held(self) -> Iterator[tuple[bytes | None, Save]]:
        with Refusals(), self._pool.connection() as connection, _transaction(connection):
            row = connection.execute(_HOLD).fetchone()
            if row is None:
                connection.execute(_MAKE)
                row = connection.execute(_HOLD).fetchone()

            def save(state: bytes) -> None:
                connection.execute(_SAVE, {"state": state})

            yield (None if row is None else row[0]), save


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """In a transaction; a refusal undoes it, and leaves the connection fit for others."""
    try:
        with connection.transaction():
            yield
    except BaseException:
        after_rollback(connection)
        raise
