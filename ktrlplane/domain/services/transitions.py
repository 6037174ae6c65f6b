"""Keeping resources together with what became of them."""

from collections.abc import Sequence

from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.transitions import between
from ktrlplane.ports.unit_of_work import UnitOfWork


def keep_new(
    work: UnitOfWork, resource: Resource, *, actor: PrincipalId, platform: Platform
) -> None:
    """Raises: AlreadyExists."""
    work.resources.add(resource)
    _tell(work, [(None, resource)], actor, platform)


def keep(
    work: UnitOfWork,
    changes: Sequence[tuple[Resource, Resource]],
    *,
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    """Each resource as it was and as it is now; one that changed more than once comes with every
    step, in order. ``actor`` None is the platform itself."""
    changed = [(before, after) for before, after in changes if before != after]
    latest = {after.resource_id: after for _, after in changed}
    work.resources.replace_all(list(latest.values()))
    _tell(work, changed, actor, platform)


def _tell(
    work: UnitOfWork,
    changes: Sequence[tuple[Resource | None, Resource]],
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    now = platform.now()
    told = (between(before, after, actor=actor, at=now) for before, after in changes)
    work.transitions.add([one for one in told if one is not None])
