"""What became of a resource: every change of its status and of what is wanted of it."""

from datetime import datetime
from typing import Final

from attrs import frozen

from ktrlplane.domain.documents import Difference, bounded, differences
from ktrlplane.domain.ids import PrincipalId, ResourceId, TransitionId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.resources import Resource

MAX_CHANGES: Final = 64 * 1024
"""Bytes of JSON that one transition keeps of what changed: a history is for people, and keeps
what settings may be for as long as there is a history."""
_SETTINGS: Final = "/settings_json"


@frozen(kw_only=True)
class Transition:
    """``from_status`` is None for the first one, ``actor`` where it was the platform itself.
    ``changes`` are those of sku and settings, as far as ``MAX_CHANGES`` go; ``generation`` is
    the one that it led to."""

    transition_id: TransitionId
    resource_id: ResourceId
    from_status: Status | None
    to_status: Status
    reason: str | None
    generation: int
    changes: tuple[Difference, ...]
    actor: PrincipalId | None
    occurred_at: datetime


def between(
    before: Resource | None, after: Resource, *, actor: PrincipalId | None, at: datetime
) -> Transition | None:
    """None where neither the status nor what is wanted has changed."""
    if before and (before.status, before.generation) == (after.status, after.generation):
        return None
    return Transition(
        transition_id=TransitionId.new(at),
        resource_id=after.resource_id,
        from_status=None if before is None else before.status,
        to_status=after.status,
        reason=after.status_reason,
        generation=after.generation,
        changes=() if before is None else tuple(_changes(before, after)),
        actor=actor,
        occurred_at=at,
    )


def _changes(before: Resource, after: Resource) -> list[Difference]:
    found = list(differences(before.sku, after.sku, "/sku"))
    if before.settings_json != after.settings_json:
        values = before.settings_json.value, after.settings_json.value
        found += differences(*values, _SETTINGS)
    return bounded(found, MAX_CHANGES, _SETTINGS)
