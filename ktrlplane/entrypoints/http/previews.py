"""Rehearsals of changes of access: they tell who would gain and lose what."""

from collections.abc import Callable

from attrs import evolve

from ktrlplane.domain.services.previews import Affected, compared
from ktrlplane.entrypoints.http.operations import Call, Reply
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from ktrlplane.ports.unit_of_work import UnitOfWork


def previewed(
    work: UnitOfWork, call: Call, affected: Callable[[], Affected], act: Callable[[], Reply]
) -> Reply:
    """What ``act`` gives, with its effect on those ``affected`` if it is only rehearsed."""
    if not call.rehearsed:
        return act()
    reply, change = compared(work, affected(), act, call.platform.now())
    return evolve(reply, preview=AccessPreview.of(change))
