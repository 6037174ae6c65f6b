"""How many resources of a tier there may be (product.md R3.3).

Whoever asks holds the tenant (see ``Access.hold``), so nobody adds one in between.
"""

from collections import Counter
from collections.abc import Iterator

from ktrlplane.domain.access import Scope
from ktrlplane.domain.catalog import Tier
from ktrlplane.domain.errors import LimitExceeded
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.unit_of_work import UnitOfWork


def require_room(
    work: UnitOfWork,
    type: str,  # noqa: A002
    sku: str,
    project: Project,
    platform: Platform,
) -> None:
    """For one more in ``project``. Raises: LimitExceeded."""
    tier = _tier(platform, type, sku)
    if tier is None:
        return
    caps = [(Scope.of(project.project_id), tier.max_per_project)]
    if project.org_id is not None:
        caps.append((Scope.of(project.org_id), tier.max_per_organization))
    for scope, most in caps:
        _require(_overflow(work, scope, most, type, sku, more=1))


def require_room_for_all(
    work: UnitOfWork, project: Project, org_id: OrganizationId, platform: Platform
) -> None:
    """For what is in ``project``, in an organization it is not in. Raises: LimitExceeded with
    everything that does not fit."""
    scope = Scope.of(org_id)
    coming = Counter(
        (resource.type, resource.sku)
        for resource in work.resources.of(project.project_id)
        if resource.status is not Status.DELETING
    )
    overflows: list[str] = []
    for (type_, sku), more in sorted(coming.items()):
        tier = _tier(platform, type_, sku)
        if tier is not None:
            most = tier.max_per_organization
            overflows += _overflow(work, scope, most, type_, sku, more=more)
    _require(overflows)


def _tier(platform: Platform, type: str, sku: str) -> Tier | None:  # noqa: A002
    """None for what the catalog no longer has."""
    kind = platform.catalog.resource_type(type)
    return None if kind is None else kind.tier(sku)


def _overflow(
    work: UnitOfWork,
    scope: Scope,
    most: int | None,
    type: str,  # noqa: A002
    sku: str,
    *,
    more: int,
) -> Iterator[str]:
    if most is None:
        return
    present = work.resources.count(scope, type, sku)
    if present + more > most:
        coming = "" if more == 1 else f" and {more} would come"
        kind = scope.scope_type
        yield (
            f"There may be {most} of the tier {sku} of {type} in one {kind}; "
            f"{scope} has {present}{coming}."
        )


def _require(overflows: Iterator[str] | list[str]) -> None:
    sentences = list(overflows)
    if sentences:
        advice = "Delete some or choose another tier."
        raise LimitExceeded(" ".join([*sentences, advice]))
