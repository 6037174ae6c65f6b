"""What reaches the inbox when the operator runs the SQL that a manifest makes of objects."""

from typing import Any, Final

from attrs import frozen
from psycopg import Connection
from psycopg.rows import class_row

from tests.deploy.rendering import Cluster, Rows


@frozen(kw_only=True)
class Told:
    resource_id: str
    health: str
    observed_generation: int | None
    message: str | None
    access_url: str | None


_INBOX: Final = """
    SELECT resource_id, health, observed_generation, message, access_url
    FROM ktrlplane.reports ORDER BY report_id
"""


@frozen
class Reporter:
    """Runs the SQL as the operator does, each text by itself, and looks as ``owner``."""

    cluster: Cluster
    owner: Connection[Any]

    def reports(self, file: str, name: str, objects: Rows) -> list[Told]:
        return self.run(self.cluster.renderer.reports(file, name, objects))

    def run(self, statements: list[str]) -> list[Told]:
        """All that has been told by now."""
        for statement in statements:
            self.cluster.operator.execute(statement.encode())
        return self.inbox()

    def inbox(self) -> list[Told]:
        with self.owner.cursor(row_factory=class_row(Told)) as cursor:
            return cursor.execute(_INBOX).fetchall()
