"""The page about access tells what every operation needs, as the operations declare it.

``python -m ktrlplane.entrypoints.http.permission_table docs/access.md`` writes it anew.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.entrypoints.http.operations import Needs, Operation, anybody
from ktrlplane.entrypoints.marked_pages import begin, written_between

BEGIN: Final = begin("ktrlplane/entrypoints/http/permission_table.py")

SCOPES: Final = {
    "organization": "/organizations/{org_id}",
    "project": "/projects/{project_id}",
    "resource": "/resources/{resource_id}",
}
_ON_EACH: Final = ("/rbac", "/invitations")
"""What is below every kind of scope alike."""

# In a note; that something can be read is no permission's name.
_PERMISSION: Final = re.compile(r"\b(\w+_\w+|escalate|(read|write)(?= on\b))\b")


@frozen(order=True)
class _Row:
    does: str
    needs: str


def table(operations: Iterable[Operation]) -> str:
    """In Markdown: a table for each tag, a row for requests that do the same."""
    by_tag: dict[str, dict[_Row, dict[str, None]]] = {}
    for operation in operations:
        requests = by_tag.setdefault(operation.tag, {}).setdefault(_row(operation), {})
        requests[f"`{operation.method} {_path(operation)}`"] = None
    return "\n".join(line for tag, rows in by_tag.items() for line in _lines(tag, rows))


def _lines(tag: str, rows: dict[_Row, dict[str, None]]) -> Iterator[str]:
    yield from (f"### {tag}", "", "| request | what it does | needs |", "| --- | --- | --- |")
    for row, requests in rows.items():
        yield f"| {'<br>'.join(requests)} | {row.does} | {row.needs} |"
    yield ""


def _scope(operation: Operation) -> str | None:
    """The kind of scope that it is below, if it is below every kind alike."""
    for name, prefix in SCOPES.items():
        if operation.path.removeprefix(prefix).startswith(_ON_EACH):
            return name
    return None


def _path(operation: Operation) -> str:
    name = _scope(operation)
    return operation.path if name is None else "{scope}" + operation.path[len(SCOPES[name]) :]


def _row(operation: Operation) -> _Row:
    name = _scope(operation)
    row = _Row(operation.summary, told(operation.needs))
    if name is None:
        return row
    return _Row(*(text.replace(f"the {name}", "the scope") for text in (row.does, row.needs)))


def told(needs: Needs) -> str:
    """What one must hold, as a phrase."""
    held = "" if needs == anybody() else "a token"
    if needs.actions:
        place = needs.scope if needs.scope.startswith("each ") else f"the {needs.scope}"
        held = f"{', '.join(f'`{action}`' for action in needs.actions)} on {place}"
    return "; ".join(filter(None, (held, _PERMISSION.sub(r"`\g<0>`", needs.note))))


def written_into(page: str) -> str:
    """The page with the table of today. Raises: ValueError for a page without the marks."""
    return written_between(page, BEGIN, table(OPERATIONS))


def main(path: Path) -> None:
    path.write_text(written_into(path.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
