"""Exports in flat memory: a portion after the other, each a reading of its own."""

from collections.abc import Iterator, Sequence
from functools import partial

from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.exports import Export, export_portion
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.transactions import Transact


def portions(
    transact: Transact, export: Export, *, actor: PrincipalId | None, platform: Platform
) -> Iterator[Sequence[str]]:
    """Lines. Raises: NotFound in the midst of it for who may no longer read."""
    place = None
    while True:
        ask = partial(export_portion, export=export, place=place, actor=actor, platform=platform)
        portion = transact.read(ask)
        if portion.lines:
            yield portion.lines
        place = portion.next
        if place is None:
            return
