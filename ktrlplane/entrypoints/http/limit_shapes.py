"""Limits, as they go over the wire."""

from datetime import datetime

from attrs import frozen

from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.catalog import Enforcement
from ktrlplane.domain.ids import OverrideId, ResourceId
from ktrlplane.domain.limits import HeldLimit, LimitOverride
from ktrlplane.domain.services.resource_limits import ResourceLimits
from ktrlplane.entrypoints.http.lifecycle_shapes import Actor


@frozen(kw_only=True)
class ShownLimit:
    """``limit`` is ``resources`` or a meter; ``maximum`` null is no limit. ``usage`` null was
    never reported, and then all of it remains."""

    limit: str
    display_name: str
    unit: str
    scope_type: ScopeType
    scope_id: str
    maximum: int | None
    usage: int | None
    remaining: int | None
    window: str
    enforcement: Enforcement
    is_overridden: bool

    @classmethod
    def of(cls, held: HeldLimit) -> "ShownLimit":
        return cls(
            limit=held.limit,
            display_name=held.display_name,
            unit=held.unit,
            scope_type=held.scope.scope_type,
            scope_id=held.scope.scope_id,
            maximum=held.maximum,
            usage=held.usage,
            remaining=held.remaining,
            window=held.window,
            enforcement=held.enforcement,
            is_overridden=held.is_overridden,
        )


@frozen(kw_only=True)
class ShownLimits:
    resource_id: ResourceId
    type: str
    sku: str
    features: tuple[str, ...]
    limits: tuple[ShownLimit, ...]

    @classmethod
    def of(cls, found: ResourceLimits) -> "ShownLimits":
        return cls(
            resource_id=found.resource_id,
            type=found.type,
            sku=found.sku,
            features=found.features,
            limits=tuple(ShownLimit.of(one) for one in found.limits),
        )


@frozen(kw_only=True)
class ShownOverride:
    """``created_by`` is the platform where it was the command line. ``holds`` until it expires,
    is lifted or another takes its place; ``ended_by`` and ``ended_at`` tell of the last two."""

    override_id: OverrideId
    scope_type: ScopeType
    scope_id: str
    type: str
    sku: str
    limit: str
    maximum: int | None
    reason: str
    holds: bool
    created_by: Actor
    created_at: datetime
    expires_at: datetime | None
    ended_by: Actor | None
    ended_at: datetime | None

    @classmethod
    def at(cls, moment: datetime, one: LimitOverride) -> "ShownOverride":
        return cls(
            override_id=one.override_id,
            scope_type=one.scope.scope_type,
            scope_id=one.scope.scope_id,
            type=one.type,
            sku=one.sku,
            limit=one.limit,
            maximum=one.maximum,
            reason=one.reason,
            holds=one.holds_at(moment),
            created_by=Actor.of(one.created_by),
            created_at=one.created_at,
            expires_at=one.expires_at,
            ended_by=None if one.ended_at is None else Actor.of(one.ended_by),
            ended_at=one.ended_at,
        )
