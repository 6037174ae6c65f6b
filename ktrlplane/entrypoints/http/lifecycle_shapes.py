"""What becomes of resources, as it goes over the wire."""

from datetime import datetime
from typing import Any

from attrs import frozen

from ktrlplane.domain.documents import Difference
from ktrlplane.domain.ids import PrincipalId, ResourceId, TransitionId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.reports import Condition
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.transitions import Transition

PLATFORM = "platform"


@frozen(kw_only=True)
class Actor:
    """Who did something: a user, a service account, or the platform itself, which has no id."""

    type: str
    id: PrincipalId | None

    @classmethod
    def of(cls, actor: PrincipalId | None) -> "Actor":
        if actor is None:
            return cls(type=PLATFORM, id=None)
        return cls(type="service_account" if actor.is_service_account else "user", id=actor)


@frozen(kw_only=True)
class ChangedField:
    """``pointer`` (RFC 6901) is into the resource; null stands for what is not there. No
    more than 64 KiB are kept of one change: where ``omitted`` is true, what is at the
    pointer or in it has changed, and the values are not kept."""

    pointer: str
    before: Any
    after: Any
    omitted: bool

    @classmethod
    def of(cls, change: Difference) -> "ChangedField":
        return cls(
            pointer=change.pointer,
            before=change.before,
            after=change.after,
            omitted=change.omitted,
        )


@frozen(kw_only=True)
class ShownTransition:
    """``from_status`` is null for the first one. ``changes`` are those of sku and settings."""

    transition_id: TransitionId
    resource_id: ResourceId
    from_status: Status | None
    to_status: Status
    reason: str | None
    generation: int
    changes: tuple[ChangedField, ...]
    actor: Actor
    occurred_at: datetime

    @classmethod
    def of(cls, one: Transition) -> "ShownTransition":
        return cls(
            transition_id=one.transition_id,
            resource_id=one.resource_id,
            from_status=one.from_status,
            to_status=one.to_status,
            reason=one.reason,
            generation=one.generation,
            changes=tuple(map(ChangedField.of, one.changes)),
            actor=Actor.of(one.actor),
            occurred_at=one.occurred_at,
        )


@frozen(kw_only=True)
class ReportedStatus:
    """What became of a resource by a report: no more than its reporter has said or is to know."""

    resource_id: ResourceId
    status: Status
    status_reason: str | None
    generation: int
    observed_generation: int
    conditions: tuple[Condition, ...]
    access_url: str | None
    error_message: str | None
    updated_at: datetime

    @classmethod
    def of(cls, resource: Resource) -> "ReportedStatus":
        return cls(
            resource_id=resource.resource_id,
            status=resource.status,
            status_reason=resource.status_reason,
            generation=resource.generation,
            observed_generation=resource.observed_generation,
            conditions=resource.conditions,
            access_url=resource.access_url,
            error_message=resource.error_message,
            updated_at=resource.updated_at,
        )
