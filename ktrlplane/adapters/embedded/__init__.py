"""PostgreSQL from a wheel, started and ended with the process that needs it."""

from ktrlplane.adapters.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
