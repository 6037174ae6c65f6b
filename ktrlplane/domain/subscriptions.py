"""What subscriptions must contain, from the resources they pay for (R5.3). Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import SubscriptionItems
from ktrlplane.domain.ids import PriceId, ProjectId
from ktrlplane.domain.lifecycle import ENDED
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource

PriceOf = Callable[[Resource], PriceId | None]
"""What one resource is paid at; None for what is free."""


def paying_scope(project: Project) -> Scope:
    """The organization whose billing the project inherits, or the project itself (R5.2)."""
    if project.org_id is not None and project.inherits_billing_from_org:
        return Scope.of(project.org_id)
    return Scope.of(project.project_id)


def desired_items(resources: Iterable[Resource], price_of: PriceOf) -> SubscriptionItems:
    """One of its price for each resource that is not on its way out. Suspended ones count:
    what is kept for somebody is paid for."""
    prices = (price_of(resource) for resource in resources if resource.status not in ENDED)
    return SubscriptionItems(Counter(price for price in prices if price is not None))


def desired_by_payer(
    projects: Mapping[ProjectId, Project], resources: Iterable[Resource], price_of: PriceOf
) -> Mapping[Scope, SubscriptionItems]:
    """What each scope is to pay for, those with nothing to pay included. Each resource is in
    one of them. Raises: KeyError, for a resource of none of ``projects``."""
    paid: defaultdict[Scope, list[Resource]] = defaultdict(list)
    for project in projects.values():
        paid[paying_scope(project)] = []
    for resource in resources:
        paid[paying_scope(projects[resource.project_id])].append(resource)
    return {scope: desired_items(theirs, price_of) for scope, theirs in paid.items()}


@frozen
class ItemChange:
    """From ``before`` to ``after`` of a price; 0 is none. The two differ."""

    price_id: PriceId
    before: int
    after: int


def changes(present: SubscriptionItems, desired: SubscriptionItems) -> Sequence[ItemChange]:
    """What leads from one to the other, in the order of the prices' ids; none where they are
    the same."""
    prices = sorted({*present.quantities, *desired.quantities})
    all_of_them = (ItemChange(price, present.of(price), desired.of(price)) for price in prices)
    return tuple(change for change in all_of_them if change.before != change.after)
