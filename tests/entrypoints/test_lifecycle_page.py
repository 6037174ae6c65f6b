"""The page about the life of resources draws it as the code goes by it."""

from pathlib import Path
from typing import Final

import pytest

from ktrlplane.domain.lifecycle import MOVES, Status
from ktrlplane.entrypoints.lifecycle_page import drawn, main, written_into

PAGE: Final = Path(__file__).parents[2] / "docs" / "lifecycle.md"


def test_the_page_has_the_tables_of_today() -> None:
    page = PAGE.read_text()
    assert page == written_into(page), (
        "The life of resources has changed. Look at what changed, then draw it anew: "
        f"python -m ktrlplane.entrypoints.lifecycle_page docs/{PAGE.name}"
    )


def test_the_page_is_drawn_anew_between_its_marks(tmp_path: Path) -> None:
    page = PAGE.read_text()
    copy = tmp_path / "lifecycle.md"
    copy.write_text(page.replace("Creating --> Running", "Creating --> Flying"))
    main(copy)
    assert copy.read_text() == page
    with pytest.raises(ValueError, match="marks"):
        written_into("# A page without them")


def test_every_move_is_drawn_once() -> None:
    arrows = [
        tuple(line.partition(":")[0].split(" --> "))
        for line in drawn().splitlines()
        if " --> " in line and "[*]" not in line
    ]
    moves = [(before, after) for before in Status for after in MOVES[before]]
    assert sorted((one.strip(), other) for one, other in arrows) == sorted(moves)
