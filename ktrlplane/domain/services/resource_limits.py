"""What a resource may use, as its tier says or the platform's operator in its place."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import field, frozen

from ktrlplane.domain.access import GLOBAL, Action, Scope, ScopeType
from ktrlplane.domain.catalog import Enforcement, Limit, Meter, ResourceType, Tier
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.limits import MAX_MAXIMUM, RESOURCES, HeldLimit, LimitOverride
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.held_resources import require_in
from ktrlplane.domain.services.limits import maximum_of, overrides_of
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class ResourceLimits:
    """``limits`` are those of the tier that its reader may know of. ``features`` are the words
    of the catalog, and none where the catalog has the tier no more."""

    resource_id: ResourceId
    type: str
    sku: str
    features: tuple[str, ...]
    limits: tuple[HeldLimit, ...]


def _is_a_quantity(_: object, __: object, value: int) -> None:
    if not 0 <= value <= MAX_MAXIMUM:
        raise ValueError(f"A quantity is 0 to {MAX_MAXIMUM}.")


@frozen(kw_only=True)
class CheckLimit:
    """May ``quantity`` more be used?"""

    meter: str
    quantity: int = field(validator=_is_a_quantity, metadata=apart(0))


@frozen(kw_only=True)
class LimitVerdict:
    """``remaining`` is before anything more is used. All but ``allowed`` is None where there is
    no limit."""

    allowed: bool
    remaining: int | None = None
    limit: int | None = None
    enforcement: Enforcement | None = None


def read_limits(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> ResourceLimits:
    """By who may read the resource, or report usage of it, there or everywhere. How many
    resources there are in a project or organization is told to who may read that.

    Raises: NotFound.
    """
    now = platform.now()
    resource, standing = _known(work, resource_id, project_id, actor, now)
    kind, tier = _tier_of(resource, platform)
    features: tuple[str, ...] = ()
    limits: tuple[HeldLimit, ...] = ()
    if kind is not None and tier is not None:
        overrides = overrides_of(work, resource.path, resource.type, resource.sku, now)
        counted = _counted(work, resource, standing, tier, overrides)
        features, limits = tier.features, (*counted, *_metered(resource, kind, tier, overrides))
    return ResourceLimits(
        resource_id=resource.resource_id,
        type=resource.type,
        sku=resource.sku,
        features=features,
        limits=limits,
    )


def check_limit(
    work: UnitOfWork,
    resource_id: ResourceId,
    command: CheckLimit,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> LimitVerdict:
    """By who may read the limits. Raises: NotFound, ValidationFailed for a meter that the type
    does not have."""
    now = platform.now()
    resource, _ = _known(work, resource_id, project_id, actor, now)
    kind, tier = _tier_of(resource, platform)
    meters = () if kind is None else tuple(meter.name for meter in kind.meters)
    if command.meter not in meters:
        detail = f"{resource.type} has no such meter; it has {', '.join(meters) or 'none'}."
        raise ValidationFailed([Fault("/meter", "unknown_meter", detail)])
    if kind is None or tier is None:
        return LimitVerdict(allowed=True)
    overrides = overrides_of(work, resource.path, resource.type, resource.sku, now)
    for held in _metered(resource, kind, tier, overrides):
        if held.limit == command.meter and held.maximum is not None:
            return LimitVerdict(
                allowed=held.allows(command.quantity),
                remaining=held.remaining,
                limit=held.maximum,
                enforcement=held.enforcement,
            )
    return LimitVerdict(allowed=True)


def _known(
    work: UnitOfWork,
    resource_id: ResourceId,
    project_id: ProjectId | None,
    actor: PrincipalId,
    at: datetime,
) -> tuple[Resource, Standing]:
    resource, standing = work.resources.with_standing(resource_id, actor, at)
    if not standing.may(Action.READ) and not standing.may(Action.REPORT_USAGE):
        (everywhere,) = work.access.standings([(actor, GLOBAL)], at)
        if everywhere is None or not everywhere.may(Action.REPORT_USAGE):
            standing.require()
    require_in(resource, project_id)
    return resource, standing


def _tier_of(resource: Resource, platform: Platform) -> tuple[ResourceType | None, Tier | None]:
    kind = platform.catalog.resource_type(resource.type)
    return kind, None if kind is None else kind.tier(resource.sku)


def _counted(
    work: UnitOfWork,
    resource: Resource,
    standing: Standing,
    tier: Tier,
    overrides: Sequence[LimitOverride],
) -> Iterator[HeldLimit]:
    """From the project upwards."""
    for scope in reversed(standing.readable_path()):
        if scope.scope_type is not ScopeType.RESOURCE:
            yield HeldLimit(
                limit=RESOURCES,
                display_name="Resources",
                unit="resource",
                scope=scope,
                maximum=maximum_of(tier, scope, overrides),
                window="none",
                enforcement=Enforcement.HARD,
                usage=work.resources.count(scope, resource.type, resource.sku),
                is_overridden=any(
                    (one.scope, one.limit) == (scope, RESOURCES) for one in overrides
                ),
            )


def _metered(
    resource: Resource, kind: ResourceType, tier: Tier, overrides: Sequence[LimitOverride]
) -> Iterator[HeldLimit]:
    """What is said nearest to the resource holds."""
    meters = {meter.name: meter for meter in kind.meters}
    for limit in tier.limits:
        nearest = max(
            (one for one in overrides if one.limit == limit.meter),
            key=lambda one: resource.path.index(one.scope),
            default=None,
        )
        yield _metered_limit(resource, limit, meters[limit.meter], nearest)


def _metered_limit(
    resource: Resource, limit: Limit, meter: Meter, override: LimitOverride | None
) -> HeldLimit:
    return HeldLimit(
        limit=meter.name,
        display_name=meter.display_name,
        unit=meter.unit,
        scope=Scope.of(resource.resource_id),
        maximum=limit.maximum if override is None else override.maximum,
        window=limit.window,
        enforcement=limit.enforcement,
        is_overridden=override is not None,
    )
