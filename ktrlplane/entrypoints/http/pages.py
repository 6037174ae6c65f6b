"""Lists over HTTP."""

from collections.abc import Sequence
from typing import Any

from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.entrypoints.http.cursors import Place, write_cursor
from ktrlplane.entrypoints.http.operations import Call, Reply


def paged(
    call: Call, page: Page[Any], request: PageRequest, items: Sequence[Any] | None = None
) -> Reply:
    """``items`` are the page's in another form."""
    cursor = None
    if page.next is not None:
        cursor = write_cursor(Place(request.sort, page.next, call.listing))
    content: dict[str, Any] = {
        "items": page.items if items is None else items,
        "next_cursor": cursor,
    }
    if page.total is not None:
        content["total"] = page.total
    return Reply(content=content, next_cursor=cursor)


def whole(items: Sequence[Any]) -> Reply:
    """A list that is always given whole."""
    return Reply(content={"items": items, "next_cursor": None})
