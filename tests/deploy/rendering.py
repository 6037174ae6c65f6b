"""What the db-query-operator makes of the shipped manifests, without the operator."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from psycopg import Connection
from psycopg.rows import dict_row

REPOSITORY: Final = Path(__file__).parents[2]
MANIFESTS: Final = REPOSITORY / "deploy" / "db-query-operator"
SOURCE: Final = REPOSITORY / "deploy" / "render"

Rows = Sequence[Mapping[str, Any]]


class CannotBuild(Exception):
    """Go, or the modules that the renderer needs, are not to be had here."""


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


def go(*arguments: str, folder: Path, program: str = "go") -> subprocess.CompletedProcess[str]:
    """Runs a program of Go on the renderer's source; ``folder`` is for what it keeps, where there
    is no home.

    Raises: CannotBuild.
    """
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/go/bin", "/usr/lib/go/bin"))
    found = shutil.which(program, path=path)
    if found is None:
        raise CannotBuild(f"There is no {program} here.")
    homeless = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}
    return subprocess.run(
        [found, *arguments],
        cwd=SOURCE,
        env={**({} if "HOME" in os.environ else homeless), **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )


def built(folder: Path) -> Renderer:
    """Raises: CannotBuild."""
    modules = go("mod", "download", folder=folder)
    if modules.returncode:
        raise CannotBuild(f"The modules of the renderer cannot be had. {modules.stderr}")
    program = folder / "render"
    done = go("build", "-buildvcs=false", "-o", str(program), ".", folder=folder)
    assert done.returncode == 0, done.stderr
    return Renderer(program)
