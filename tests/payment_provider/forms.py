"""Forms with names such as ``items[0][price]``, and lists in pages."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl


def read_form(text: str) -> dict[str, Any]:
    """What was sent, with mappings for what has brackets; numbered ones become lists."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, *rest = name.replace("]", "").split("[")
        here, last = tree, first
        for part in rest:
            here = here.setdefault(last, {})
            last = part or str(len(here))
        here[last] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    return list(inner.values()) if all(name.isdecimal() for name in inner) else inner


class NoSuchRow(Exception):
    """A list has none with the id that it is to go on behind."""


def page(
    rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any], url: str, most: int = 10
) -> dict[str, Any]:
    """``rows`` after ``starting_after``, 10 where ``limit`` says nothing."""
    ids = [row["id"] for row in rows]
    after = asked.get("starting_after")
    if after is not None and after not in ids:
        raise NoSuchRow
    start = 0 if after is None else ids.index(after) + 1
    end = start + int(asked.get("limit", most))
    more = end < len(rows)
    return {"object": "list", "url": url, "has_more": more, "data": list(rows[start:end])}
