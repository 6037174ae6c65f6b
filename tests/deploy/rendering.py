"""What the db-query-operator makes of the shipped manifests, without the operator."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from psycopg import Connection
from psycopg.rows import dict_row

from tests.go_programs import built

REPOSITORY: Final = Path(__file__).parents[2]
MANIFESTS: Final = REPOSITORY / "deploy" / "db-query-operator"
SOURCE: Final = REPOSITORY / "deploy" / "render"

Rows = Sequence[Mapping[str, Any]]


@frozen
class Renderer:
    program: Path

    def manifests(self, file: str) -> list[dict[str, Any]]:
        return self._ask("manifests", file)

    def query(self, file: str, name: str) -> str:
        return next(
            one["spec"]["query"] for one in self.manifests(file) if one["metadata"]["name"] == name
        )

    def objects(self, file: str, name: str, rows: Rows) -> list[dict[str, Any]]:
        """One for each row."""
        return self._ask("objects", file, name, given=json.dumps(rows).encode())

    def reports(self, file: str, name: str, objects: Rows) -> list[str]:
        """One statement for each object."""
        return self.reports_of(file, name, json.dumps(objects).encode())

    def reports_of(self, file: str, name: str, objects: bytes) -> list[str]:
        return self._ask("reports", file, name, given=objects)

    def _ask(self, command: str, file: str, *name: str, given: bytes = b"") -> Any:
        done = subprocess.run(
            [self.program, command, MANIFESTS / file, *name],
            input=given,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)


@frozen
class Cluster:
    """What would be there, by what is in the database and the operator may read."""

    renderer: Renderer
    operator: Connection[Any]

    def of(self, file: str, name: str) -> list[dict[str, Any]]:
        with self.operator.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(self.renderer.query(file, name).encode()).fetchall()
        return self.renderer.objects(file, name, rows)


def renderer() -> Renderer:
    """Raises: CannotBuild."""
    return Renderer(built(SOURCE))
