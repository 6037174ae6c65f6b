"""The renderer's source: what Go says to it."""

from pathlib import Path

import pytest

from tests.deploy.rendering import SOURCE, Renderer
from tests.go_programs import go


@pytest.mark.usefixtures("renderer")
@pytest.mark.parametrize("command", ["vet", "test"])
def test_go_has_nothing_against_it(command: str, tmp_path: Path) -> None:
    done = go(command, ".", source=SOURCE, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("renderer")
def test_it_is_formatted(tmp_path: Path) -> None:
    assert go("-l", ".", source=SOURCE, home=tmp_path, program="gofmt").stdout == ""


def test_what_it_cannot_do_it_says_in_a_sentence(renderer: Renderer) -> None:
    with pytest.raises(AssertionError, match='has no manifest "nobody"'):
        renderer.objects("graph.yaml", "nobody", [])
