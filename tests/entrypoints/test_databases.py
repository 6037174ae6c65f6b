import threading
from pathlib import Path

import pytest

from ktrlplane.entrypoints.databases import opened_for_a_command, opened_to_last
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.ports.database import DatabaseUnavailable

pytestmark = pytest.mark.postgres


def test_what_lasts_waits_for_a_command_and_then_owns_the_database(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    opened, enough = threading.Event(), threading.Event()

    def serve() -> None:
        with opened_to_last(settings):
            opened.set()
            assert enough.wait(60)

    thread = threading.Thread(target=serve)
    with opened_for_a_command(settings):
        thread.start()
        assert not opened.wait(0.5)
    assert opened.wait(60)
    try:
        # Who comes now borrows, and does not wait.
        with opened_for_a_command(settings):
            pass
        assert thread.is_alive()
    finally:
        enough.set()
        thread.join()


def test_commands_do_not_wait_for_each_other(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with opened_for_a_command(settings) as one, opened_for_a_command(settings) as other:
        assert one == other


@pytest.mark.parametrize("opening", [opened_for_a_command, opened_to_last])
def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path, opening: object) -> None:
    assert callable(opening)
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match="KTRLPLANE_DATA_DIR"):
        opening(Settings(data_dir=tmp_path / "file")).__enter__()
