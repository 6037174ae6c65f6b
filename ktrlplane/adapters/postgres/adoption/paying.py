"""Billing accounts, and which projects pay through their organization."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.mending import times
from ktrlplane.adapters.postgres.adoption.ours import BillingAccount
from ktrlplane.adapters.postgres.adoption.tenants import Tenants
from ktrlplane.adapters.postgres.adoption.theirs import TheirBillingAccount
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.ids import ProjectId
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.adoption import Kind

_PAYERS = frozenset({ScopeType.ORGANIZATION.value, ScopeType.PROJECT.value})


def billing_accounts_of(
    theirs: Iterable[TheirBillingAccount], tenants: Tenants, found: Findings, now: datetime
) -> Iterator[BillingAccount]:
    for row in theirs:
        path = tenants.path(row.scope_type, row.scope_id)
        if row.scope_type in _PAYERS and path is not None:
            found.kept(Kind.BILLING_ACCOUNTS)
            yield BillingAccount(
                billing_account_id=row.billing_account_id,
                scope=path[-1],
                stripe_customer_id=row.stripe_customer_id or None,
                stripe_subscription_id=row.stripe_subscription_id or None,
                **times(row.created_at, row.updated_at, now),
            )
        elif (row.scope_type, row.scope_id) in tenants.blocked:
            found.kept(Kind.BILLING_ACCOUNTS)
        else:
            subscribed = f" (subscription {row.stripe_subscription_id})"
            note = subscribed if row.stripe_subscription_id else ""
            found.dropped(Kind.BILLING_ACCOUNTS, "no_such_scope", row.billing_account_id + note)


def with_payers(
    tenants: Tenants, accounts: Iterable[BillingAccount], catalog: Catalog, found: Findings
) -> Mapping[str, Project]:
    """The projects, each with the word on whether its organization pays for it.

    Only where that costs nobody anything they have not been asked about (R5.2): the
    organization has a subscription, the project has none of its own, and nothing in it is
    paid. What is paid later needs the consent of whoever manages the organization's billing.
    """
    subscribed = {one.scope for one in accounts if one.stripe_subscription_id is not None}
    paid = {one.project_id for one in tenants.resources.values() if _is_paid(one, catalog)}
    return {
        their_id: _with_payer(project, subscribed, paid, found)
        for their_id, project in tenants.projects.items()
    }


def _with_payer(
    project: Project, subscribed: AbstractSet[Scope], paid: AbstractSet[ProjectId], found: Findings
) -> Project:
    own = Scope.of(project.project_id) in subscribed
    if project.project_id in paid and not own:
        found.noted(Kind.PROJECTS, "nobody_pays", project.project_id.value)
    inherits = (
        project.org_id is not None
        and Scope.of(project.org_id) in subscribed
        and not own
        and project.project_id not in paid
    )
    return evolve(project, inherits_billing_from_org=inherits)


def _is_paid(resource: Resource, catalog: Catalog) -> bool:
    """By the catalog, or, where that does not know the tier, unless it is called free."""
    kind = catalog.resource_type(resource.type)
    tier = None if kind is None else kind.tier(resource.sku)
    has_price = resource.sku != "free" if tier is None else bool(tier.prices)
    return has_price or resource.stripe_price_id is not None
