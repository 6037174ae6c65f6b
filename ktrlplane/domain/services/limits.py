"""The limits of tiers and whether there is room within them (product.md R3.3).

Who takes room holds the tenant (see ``Access.hold``), so nobody else takes it in between.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.catalog import Tier
from ktrlplane.domain.errors import Fault, LimitExceeded, ValidationFailed
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.limits import RESOURCES, LimitOverride
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.wishes import Settled, Wish, settled
from ktrlplane.ports.unit_of_work import UnitOfWork


def require_room(
    work: UnitOfWork,
    type: str,  # noqa: A002
    sku: str,
    scopes: Sequence[Scope],
    platform: Platform,
) -> None:
    """For one more in a project and its organization, which are ``scopes``. Raises:
    LimitExceeded with every cap in its way."""
    _require(_overflows(work, scopes, Counter({(type, sku): 1}), "/sku", platform))


def require_room_for_all(
    work: UnitOfWork, project: Project, org_id: OrganizationId, platform: Platform
) -> None:
    """For what is in ``project``, in an organization it is not in. Raises: LimitExceeded with
    everything that does not fit."""
    coming = Counter(
        (resource.type, resource.sku)
        for resource in work.resources.of(project.project_id)
        if resource.status is not Status.DELETING
    )
    _require(_overflows(work, [Scope.of(org_id)], coming, "/org_id", platform))


def fitting(work: UnitOfWork, wish: Wish, resource: Resource, platform: Platform) -> Settled:
    """What is wished of ``resource``, in a tier where there is room for it.

    Raises: ValidationFailed with everything that does not fit, LimitExceeded where it is
    nothing but room that is missing.
    """
    one = Counter({(wish.type, wish.sku): 0 if wish.sku == resource.sku else 1})
    overflows = _overflows(work, resource.path[:-1], +one, "/sku", platform)
    try:
        wanted = settled(wish, platform, present_sku=resource.sku)
    except ValidationFailed as refused:
        raise ValidationFailed([*refused.faults, *overflows]) from None
    _require(overflows)
    return wanted


def maximum_of(tier: Tier, scope: Scope, overrides: Sequence[LimitOverride]) -> int | None:
    """How many resources of ``tier`` there may be in ``scope``; None is any number.
    ``overrides`` are those of this tier that hold."""
    for one in overrides:
        if (one.scope, one.limit) == (scope, RESOURCES):
            return one.maximum
    is_project = scope.scope_type is ScopeType.PROJECT
    return tier.max_per_project if is_project else tier.max_per_organization


def overrides_of(
    work: UnitOfWork,
    scopes: Sequence[Scope],
    type: str,  # noqa: A002
    sku: str,
    at: datetime,
) -> Sequence[LimitOverride]:
    """Those of one tier that hold on any of ``scopes``."""
    return [one for one in work.limit_overrides.unended(scopes, type, sku) if one.holds_at(at)]


def _overflows(
    work: UnitOfWork,
    scopes: Sequence[Scope],
    coming: Counter[tuple[str, str]],
    pointer: str,
    platform: Platform,
) -> list[Fault]:
    """Of nothing that the catalog no longer has, since nothing is said of it any more."""
    faults: list[Fault] = []
    now = platform.now()
    for (type_, sku), more in sorted(coming.items()):
        kind = platform.catalog.resource_type(type_)
        tier = None if kind is None else kind.tier(sku)
        if tier is None:
            continue
        overrides = overrides_of(work, scopes, type_, sku, now)
        for scope in scopes:
            most = maximum_of(tier, scope, overrides)
            present = 0 if most is None else work.resources.count(scope, type_, sku)
            if most is not None and present + more > most:
                word = "" if more == 1 else f" and {more} would come"
                sentence = (
                    f"There may be {most} of the tier {sku} of {type_} in one "
                    f"{scope.scope_type}; {scope} has {present}{word}."
                )
                faults.append(Fault(pointer, "limit_exceeded", sentence))
    return faults


def _require(faults: Sequence[Fault]) -> None:
    if faults:
        sentences = [fault.detail for fault in faults]
        advice = "Delete some or choose another tier."
        raise LimitExceeded(" ".join([*sentences, advice]), faults)
