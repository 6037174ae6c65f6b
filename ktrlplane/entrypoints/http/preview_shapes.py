"""What a rehearsal tells, as it goes over the wire."""

from typing import Final

from attrs import frozen

from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.services.previews import AccessChange, Effect
from ktrlplane.entrypoints.http.shapes import ResourcePrice


@frozen(kw_only=True)
class AccessEffect:
    """A user, or whoever proves that an invited address is theirs, gains or loses permissions
    at a scope and at all that is in it."""

    user_id: PrincipalId | None
    email: str | None
    scope_type: ScopeType
    scope_id: str
    permissions: tuple[str, ...]

    @classmethod
    def of(cls, effect: Effect) -> "AccessEffect":
        return cls(
            user_id=effect.user_id,
            email=effect.email,
            scope_type=effect.scope.scope_type,
            scope_id=effect.scope.scope_id,
            permissions=tuple(str(permission) for permission in effect.permissions),
        )


@frozen(kw_only=True)
class AccessPreview:
    """What a change that is only rehearsed (``validate_only``) would do to whom.
    ``is_whole`` is false where it concerns too many to tell of all."""

    gains: tuple[AccessEffect, ...]
    losses: tuple[AccessEffect, ...]
    is_whole: bool

    @classmethod
    def of(cls, change: AccessChange) -> "AccessPreview":
        return cls(
            gains=tuple(AccessEffect.of(effect) for effect in change.gains),
            losses=tuple(AccessEffect.of(effect) for effect in change.losses),
            is_whole=change.is_whole,
        )


@frozen(kw_only=True)
class PricePreview:
    """What a change that is only rehearsed (``validate_only``) would do to the price.
    Null stands for what is not there yet, and for a tier that the catalog no longer has."""

    price_before: ResourcePrice | None
    price_after: ResourcePrice | None


_TOLD: Final = {
    AccessPreview: "who would gain and lose what",
    PricePreview: "what it would cost, before and after",
}


def told_by(preview: type) -> str:
    return _TOLD[preview]
