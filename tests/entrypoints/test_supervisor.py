"""Small programs stand in for the web server and the worker."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ktrlplane.entrypoints.serving import supervisor
from ktrlplane.entrypoints.serving.supervisor import (
    Child,
    ServingFailed,
    Supervisor,
    answers_ready,
)

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def a_child(tmp_path: Path, name: str, *lines: str) -> Child:
    (tmp_path / f"stand_in_{name}.py").write_text("\n".join(lines))
    return Child(name, (f"stand_in_{name}",), os.environ | {"PYTHONPATH": os.fspath(tmp_path)})


IDLE = ("import signal", "signal.pause()")
DEAF = ("import signal", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "signal.pause()")


def tell_myself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def supervised(web: Child, *workers: Child, ready: Sequence[bool] = (True,)) -> Supervisor:
    answers = iter(ready)
    return Supervisor(
        web=web,
        worker=workers[0] if workers else None,
        is_ready=lambda: next(answers),
        on_ready=tell_myself,
    )


def test_a_stop_ends_every_child(tmp_path: Path) -> None:
    web, worker = a_child(tmp_path, "web", *IDLE), a_child(tmp_path, "worker", *IDLE)
    supervised(web, worker, ready=(False, False, True)).run()
    assert not web.runs
    assert not worker.runs


def test_who_does_not_stop_in_time_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_WITHIN_S", 0.5)
    web = a_child(tmp_path, "web", f"open({str(tmp_path / 'deaf')!r}, 'x')", *DEAF)
    Supervisor(
        web=web,
        worker=None,
        is_ready=(tmp_path / "deaf").exists,
        on_ready=tell_myself,
    ).run()
    assert not web.runs


def test_a_web_server_that_never_gets_ready_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_WITHIN_S", 0.3)
    web = a_child(tmp_path, "web", *IDLE)
    with pytest.raises(ServingFailed, match="did not get ready"):
        supervised(web, ready=(False,) * 1000).run()
    assert not web.runs


def test_a_web_server_that_ends_at_once_is_a_failure_with_its_status(tmp_path: Path) -> None:
    web = a_child(tmp_path, "web", "raise SystemExit(3)")
    with pytest.raises(ServingFailed, match=r"ended by itself \(exit status 3\)"):
        supervised(web, ready=(False,) * 1000).run()


def test_a_worker_that_keeps_dying_is_started_again_and_again(tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    web = a_child(tmp_path, "web", *IDLE)
    worker = a_child(
        tmp_path,
        "worker",
        "import os, signal",
        f"with open({str(lives)!r}, 'a') as file: print('again', file=file)",
        f"third = len(open({str(lives)!r}).readlines()) == 3",
        "os.kill(os.getppid(), signal.SIGTERM) if third else None",
    )
    Supervisor(web=web, worker=worker, is_ready=lambda: True, on_ready=lambda: None).run()
    assert lives.read_text().splitlines() == ["again"] * 3
    assert not web.runs


def test_children_take_no_module_from_the_folder_that_they_are_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "types.py").write_text("raise SystemExit('not mine')")
    (folder / "stand_in_web.py").write_text("raise SystemExit('not mine')")
    monkeypatch.chdir(folder)
    web = a_child(tmp_path, "web", f"open({str(tmp_path / 'here')!r}, 'x')", *IDLE)
    Supervisor(
        web=web, worker=None, is_ready=(tmp_path / "here").exists, on_ready=tell_myself
    ).run()
    assert (tmp_path / "here").exists()


def test_nobody_there_is_not_ready() -> None:
    assert not answers_ready("http://127.0.0.1:1")
