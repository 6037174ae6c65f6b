"""Reading a list to its end."""

from collections.abc import Callable
from typing import TypeVar

from attrs import evolve

from ktrlplane.domain.paging import Page, PageRequest

T = TypeVar("T")


def walk(read: Callable[[PageRequest], Page[T]], page: PageRequest) -> list[T]:
    """All that ``read`` gives page by page, from ``page`` on, by its cursors. Every page but
    the last is full, and where totals are asked for all of them tell the same."""
    walked: list[T] = []
    totals = set()
    while True:
        found = read(page)
        walked += found.items
        totals.add(found.total)
        if found.next is None:
            assert len(totals) == 1
            return walked
        assert len(found.items) == page.limit
        page = evolve(page, after=found.next)
