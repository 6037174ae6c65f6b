"""What the platform's operator allows in place of what a tier says."""

from datetime import datetime
from typing import Final

from attrs import field, frozen

from ktrlplane.domain.access import GLOBAL, Action, Scope, ScopeType
from ktrlplane.domain.catalog import ResourceType, Tier
from ktrlplane.domain.errors import Fault, NotFound, ValidationFailed, both
from ktrlplane.domain.events import OPERATOR, EventType
from ktrlplane.domain.ids import OverrideId, PrincipalId
from ktrlplane.domain.limits import MAX_MAXIMUM, RESOURCES, LimitOverride
from ktrlplane.domain.naming import is_a_description
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.standings import expiry_faults, require_alive, standing_on
from ktrlplane.domain.services.telling import path_to, tell
from ktrlplane.domain.services.wishes import unknown_sku, unknown_type
from ktrlplane.ports.unit_of_work import UnitOfWork


def _is_a_maximum(_: object, __: object, value: int | None) -> None:
    if value is not None and not 0 <= value <= MAX_MAXIMUM:
        raise ValueError(f"A maximum is 0 to {MAX_MAXIMUM}, or null for no limit.")


def _is_a_reason(instance: object, attribute: object, value: str) -> None:
    is_a_description(instance, attribute, value)
    if not value.strip():
        raise ValueError("Say why, for who reads it next year.")


@frozen(kw_only=True)
class OverrideLimit:
    """``limit`` is ``resources``, for how many of the tier there may be in the scope, or a
    meter that the tier limits. ``maximum`` null is no limit."""

    scope_type: ScopeType = field(metadata=apart("organization"))
    scope_id: str = field(metadata=apart("unnamed"))
    type: str
    sku: str
    limit: str
    maximum: int | None = field(validator=_is_a_maximum, metadata=apart(0))
    reason: str = field(validator=_is_a_reason, metadata=apart("unsaid"))
    expires_at: datetime | None = field(default=None, metadata=apart())


def override_limit(
    work: UnitOfWork, command: OverrideLimit, *, actor: PrincipalId | None, platform: Platform
) -> LimitOverride:
    """From now on, in place of the tier's and of what was said for this scope before. What
    there is over a lower maximum stays. ``actor`` None is the command line, which may.

    Raises: NotFound and Forbidden without ``write`` at global scope, ValidationFailed,
    InvalidTransition for a scope on its way out.
    """
    now = platform.now()
    _require_operator(work, Action.WRITE, actor, now)
    scope, kind = both(
        lambda: _held_scope(work, command, now), lambda: _limited(command, platform, now)
    )
    override = LimitOverride(
        override_id=OverrideId.new(now),
        scope=scope,
        type=kind.type,
        sku=command.sku,
        limit=command.limit,
        maximum=command.maximum,
        reason=command.reason,
        created_by=actor,
        created_at=now,
        expires_at=command.expires_at,
    )
    for before in work.limit_overrides.unended([scope], kind.type, command.sku):
        if before.limit == command.limit:
            _end(work, before, actor, platform)
    work.limit_overrides.put(override)
    created, path = EventType.LIMIT_OVERRIDE_CREATED, path_to(work, scope, platform)
    tell(work, created, path, None, override, actor=actor or OPERATOR, platform=platform)
    return override


def list_overrides(
    work: UnitOfWork,
    page: PageRequest,
    *,
    scope: Scope | None = None,
    holding: bool = False,
    actor: PrincipalId | None,
    platform: Platform,
) -> Page[LimitOverride]:
    """On one scope, or everywhere; those that no longer hold too, unless ``holding``.

    Raises: NotFound without ``read`` at global scope.
    """
    now = platform.now()
    _require_operator(work, Action.READ, actor, now)
    return work.limit_overrides.of(scope, page, now if holding else None)


def read_override(
    work: UnitOfWork, override_id: OverrideId, *, actor: PrincipalId | None, platform: Platform
) -> LimitOverride:
    """Raises: NotFound."""
    _require_operator(work, Action.READ, actor, platform.now())
    return work.limit_overrides.get(override_id)


def lift_override(
    work: UnitOfWork,
    override_id: OverrideId,
    *,
    as_seen: Expectation[LimitOverride] | None = None,
    actor: PrincipalId | None,
    platform: Platform,
) -> LimitOverride:
    """What the tier says holds again. Lifting it again changes nothing.

    Raises: NotFound, Forbidden, PreconditionFailed.
    """
    _require_operator(work, Action.WRITE, actor, platform.now())
    work.access.hold(work.limit_overrides.get(override_id).scope)
    override = work.limit_overrides.get(override_id)
    expect(override, as_seen)
    return _end(work, override, actor, platform)


def _end(
    work: UnitOfWork, override: LimitOverride, actor: PrincipalId | None, platform: Platform
) -> LimitOverride:
    """What has ended already stays as it is."""
    ended = override.ended(by=actor, at=platform.now())
    if ended != override:
        work.limit_overrides.put(ended)
        kind, path = EventType.LIMIT_OVERRIDE_ENDED, path_to(work, override.scope, platform)
        by = actor or OPERATOR
        tell(work, kind, path, override, ended, actor=by, platform=platform)
    return ended


def _require_operator(
    work: UnitOfWork, action: Action, actor: PrincipalId | None, at: datetime
) -> None:
    """Raises: NotFound, Forbidden."""
    if actor is None:
        return
    standing = standing_on(work, GLOBAL, actor, at)
    if not standing.may(Action.READ):
        raise NotFound("There is nothing here but for who runs the platform.")
    standing.require(action)


def _held_scope(work: UnitOfWork, command: OverrideLimit, at: datetime) -> Scope:
    """This unit of work's to change. Raises: ValidationFailed, InvalidTransition."""
    if command.scope_type is ScopeType.GLOBAL:
        raise _wrong(
            "/scope_type", "global_scope", "A limit is of an organization, project or resource."
        )
    try:
        scope = Scope.parse(command.scope_type, command.scope_id)
    except ValueError as exc:
        raise _wrong("/scope_id", "pattern", str(exc)) from None
    work.access.hold(scope)
    (standing,) = work.access.standings([(_NOBODY, scope)], at)
    if standing is None:
        raise _wrong("/scope_id", "unknown_scope", f"There is no {scope}.")
    require_alive(work, scope)
    return scope


def _limited(command: OverrideLimit, platform: Platform, at: datetime) -> ResourceType:
    """The type whose tier has such a limit. Raises: ValidationFailed."""
    faults = expiry_faults(command.expires_at, at, "An override")
    kind = platform.catalog.resource_type(command.type)
    tier = None if kind is None else kind.tier(command.sku)
    if kind is None:
        faults.append(unknown_type(platform))
    elif tier is None:
        faults.append(unknown_sku(kind))
    else:
        faults += _limit_faults(command, tier)
    if faults or kind is None:
        raise ValidationFailed(faults)
    return kind


def _limit_faults(command: OverrideLimit, tier: Tier) -> list[Fault]:
    known = [RESOURCES, *(limit.meter for limit in tier.limits)]
    if command.limit not in known:
        detail = f"The tier {tier.sku} has no such limit; it has {', '.join(known)}."
        return [Fault("/limit", "unknown_limit", detail)]
    if command.limit == RESOURCES and command.scope_type is ScopeType.RESOURCE:
        detail = "How many resources there may be is a limit of projects and organizations."
        return [Fault("/limit", "unknown_limit", detail)]
    return []


def _wrong(pointer: str, code: str, detail: str) -> ValidationFailed:
    return ValidationFailed([Fault(pointer, code, detail)])


_NOBODY: Final = PrincipalId("nobody")
"""Whose standing is asked for where only it matters whether the scope is there."""
