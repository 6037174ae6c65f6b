"""Keeping resources together with what became of them, and telling it."""

from collections.abc import Sequence
from typing import Final

from ktrlplane.domain.billing_accounts import PaidChange
from ktrlplane.domain.events import Event, EventType
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.lifecycle import ENDED, Status
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.payers import touch_payers
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import changes, event_of
from ktrlplane.domain.snapshots import redacted
from ktrlplane.domain.transitions import between
from ktrlplane.ports.unit_of_work import UnitOfWork


def keep_new(
    work: UnitOfWork, resource: Resource, *, actor: PrincipalId, platform: Platform
) -> None:
    """Raises: AlreadyExists."""
    work.resources.add(resource)
    _kept(work, [(None, resource)], actor, platform)


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
    _kept(work, changed, actor, platform)


def _kept(
    work: UnitOfWork,
    changes: Sequence[tuple[Resource | None, Resource]],
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    """What is paid for changes with the resources, by whatever way (product.md R5.3)."""
    paid = [after for before, after in changes if _paid_at(before) != _paid_at(after)]
    other = {one.project_id for one in paid if _paid_at(one) is not None}
    less = {one.project_id for one in paid} - other
    for project_ids, how in ((less, PaidChange.LESS), (other, PaidChange.OTHER)):
        if project_ids:
            projects = [work.projects.get(one) for one in sorted(project_ids)]
            touch_payers(work, projects, how, platform.now())
    _tell(work, changes, actor, platform)


def _paid_at(resource: Resource | None) -> str | None:
    return None if resource is None or resource.status in ENDED else resource.stripe_price_id


def _tell(
    work: UnitOfWork,
    changes: Sequence[tuple[Resource | None, Resource]],
    actor: PrincipalId | None,
    platform: Platform,
) -> None:
    now = platform.now()
    told = (between(before, after, actor=actor, at=now) for before, after in changes)
    work.transitions.add([one for one in told if one is not None])
    work.events.add([_event(before, after, actor, platform) for before, after in changes])


def _event(
    before: Resource | None, after: Resource, actor: PrincipalId | None, platform: Platform
) -> Event:
    data = changes(before, None if after.status is Status.DELETED else after)
    kind = platform.catalog.resource_type(after.type)
    places = () if kind is None else kind.secret_places
    for side in data["before"] or {}, data["after"] or {}:
        if "settings_json" in side:
            side["settings_json"] = redacted(side["settings_json"], places)
    return event_of(_kind_of(before, after), after.path, data, actor=actor, platform=platform)


def _kind_of(before: Resource | None, after: Resource) -> EventType:
    if before is None:
        return EventType.RESOURCE_CREATED
    if after.status is not before.status and after.status in _ENDING:
        return _ENDING[after.status]
    if _wanted(before) != _wanted(after):
        return EventType.RESOURCE_UPDATED
    if after.status is not before.status:
        return EventType.RESOURCE_STATUS_CHANGED
    return EventType.RESOURCE_OBSERVED


_ENDING: Final = {
    Status.DELETING: EventType.RESOURCE_DELETION_STARTED,
    Status.DELETED: EventType.RESOURCE_DELETED,
}


def _wanted(resource: Resource) -> tuple[object, ...]:
    return resource.name, resource.sku, resource.settings_json.text
