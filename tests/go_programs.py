"""Programs of Go that tests need, built where Go and its modules are to be had."""

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

_BUILD_S: Final = 600


class CannotBuild(Exception):
    """Go, or the modules that are needed, are not to be had here."""


def kept(name: str) -> Path:
    """A folder for what lasts longer than tests."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(cache) / "ktrlplane" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def go(
    *arguments: str, source: Path, home: Path, program: str = "go", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program of Go in ``source``; ``home`` is for what it keeps, where there is no other.

    Raises: CannotBuild.
    """
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/go/bin", "/usr/lib/go/bin"))
    found = shutil.which(program, path=path)
    if found is None:
        raise CannotBuild(f"There is no {program} here.")
    homeless = {"GOCACHE": str(home / "cache"), "GOPATH": str(home / "path")}
    known = {**({} if "HOME" in os.environ else homeless), **os.environ, **environment}
    return subprocess.run(
        [found, *arguments],
        cwd=source,
        env=known,
        capture_output=True,
        text=True,
        check=False,
        timeout=_BUILD_S,
    )


def built(source: Path) -> Path:
    """The program of a module of ours, built once for as long as it stays the same. Raises:
    CannotBuild where its modules cannot be had."""
    files = [*sorted(source.glob("*.go")), source / "go.mod", source / "go.sum"]
    digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = kept(f"{source.name}-{digest}")
    program = folder / source.name
    if program.exists():
        return program
    modules = go("mod", "download", source=source, home=folder)
    if modules.returncode:
        raise CannotBuild(f"Its modules cannot be had. {modules.stderr[-500:]}")
    with tempfile.TemporaryDirectory(dir=folder) as part:
        made = Path(part, source.name)
        done = go("build", "-buildvcs=false", "-o", str(made), ".", source=source, home=folder)
        assert done.returncode == 0, done.stderr
        # Whole or not at all, whoever else builds it at the same time.
        made.replace(program)
    return program


def module_folder(source: Path, module: str) -> Path:
    """Where the sources are of a module that ours uses."""
    found = go("list", "-m", "-f", "{{.Dir}}", module, source=source, home=kept("modules"))
    assert found.returncode == 0, found.stderr
    return Path(found.stdout.strip())
