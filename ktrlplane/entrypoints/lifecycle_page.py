"""The page about the life of resources draws it from the tables that the code goes by.

``python -m ktrlplane.entrypoints.lifecycle_page docs/lifecycle.md`` draws it anew.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ktrlplane.domain.lifecycle import (
    ASKED,
    GRACE_ENDED,
    REPORTED,
    STALLED,
    Health,
    Status,
)
from ktrlplane.entrypoints.marked_pages import begin, written_between

BEGIN: Final = begin("ktrlplane/entrypoints/lifecycle_page.py")

Moves = Mapping[Status, Status]


def drawn() -> str:
    """A diagram (Mermaid) and two tables."""
    return "\n".join([*_diagram(), "", *_requests(), "", *_reports()])


def _tables() -> Iterator[tuple[str, Moves]]:
    yield from ((str(request), moves) for request, moves in ASKED.items())
    yield from ((str(health), moves) for health, moves in REPORTED.items())
    yield "Stalled", STALLED
    yield "grace period ends", GRACE_ENDED


def _diagram() -> Iterator[str]:
    yield from ("```mermaid", "stateDiagram-v2", "    [*] --> Creating: create")
    for before in Status:
        arrows: dict[Status, list[str]] = {}
        for name, moves in _tables():
            after = moves.get(before, before)
            if after is not before:
                arrows.setdefault(after, []).append(name)
        for after, names in arrows.items():
            yield f"    {before} --> {after}: {', '.join(names)}"
    yield from ("    Deleted --> [*]", "```")


def _requests() -> Iterator[str]:
    yield f"| status | {' | '.join(ASKED)} |"
    yield f"| --- |{' --- |' * len(ASKED)}"
    for status in Status:
        cells = (str(moves.get(status, "refused")) for moves in ASKED.values())
        yield f"| {status} | {' | '.join(cells)} |"


def _reports() -> Iterator[str]:
    yield f"| status | {' | '.join(Health)} | gives up (`Stalled`) |"
    yield f"| --- |{' --- |' * (len(Health) + 1)}"
    for status in Status:
        tables = [*(REPORTED[health] for health in Health), STALLED]
        cells = (str(moves.get(status, "")) for moves in tables)
        yield f"| {status} | {' | '.join(cells)} |"


def written_into(page: str) -> str:
    """The page as of today. Raises: ValueError for a page without the marks."""
    return written_between(page, BEGIN, f"{drawn()}\n")


def main(path: Path) -> None:
    path.write_text(written_into(path.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
