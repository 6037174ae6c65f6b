"""Who pays for what (product.md R5.2). Whoever wants to know asks here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Self

from attrs import evolve, frozen

from ktrlplane.domain.access import Action, Scope, ScopeType
from ktrlplane.domain.billing import Interval
from ktrlplane.domain.billing_accounts import BillingAccount, PaidChange, Terms
from ktrlplane.domain.catalog import Price, Tier
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.organizations import PurchasePolicy
from ktrlplane.domain.projects import Project
from ktrlplane.domain.standings import Standing
from ktrlplane.domain.subscriptions import paying_scope
from ktrlplane.ports.unit_of_work import UnitOfWork

NOBODY: Final = PrincipalId("nobody")
"""Whose standing is asked for where only the thing itself matters."""


@frozen(kw_only=True)
class Payer:
    """A scope as one that pays, for itself or for a project. ``standing`` is that of who asks,
    on it; ``account`` is None where it has never paid for anything."""

    scope: Scope
    name: str
    standing: Standing
    policy: PurchasePolicy = PurchasePolicy.BILLING_MANAGERS
    account: BillingAccount | None

    @property
    def terms(self) -> Terms:
        return Terms() if self.account is None else self.account.terms

    def as_of_now(self, work: UnitOfWork) -> Self:
        """What it pays in may have been settled a moment ago, in this unit of work."""
        return evolve(self, account=work.billing.find(self.scope))

    def lets_buy(self, project: Standing) -> bool:
        """Whether who asks may spend its money for a project on which they stand so (R5.2)."""
        if self.standing.may(Action.MANAGE_BILLING):
            return True
        delegates = self.policy is PurchasePolicy.PROJECT_OWNERS
        return delegates and project.may(Action.MANAGE_BILLING)


def payer_at(work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime) -> Payer:
    """Of an organization or a project, paying for itself. Raises: NotFound."""
    account = work.billing.find(scope)
    if scope.scope_type is ScopeType.ORGANIZATION:
        org_id = OrganizationId(scope.scope_id)
        organization, standing = work.organizations.with_standing(org_id, actor, at)
        return Payer(
            scope=scope,
            name=organization.name,
            standing=standing,
            policy=organization.purchase_policy,
            account=account,
        )
    project, standing = work.projects.with_standing(ProjectId(scope.scope_id), actor, at)
    return Payer(scope=scope, name=project.name, standing=standing, account=account)


def payer_of(work: UnitOfWork, project: Project, actor: PrincipalId, at: datetime) -> Payer:
    """Who pays for what is in ``project``. Raises: NotFound."""
    return payer_at(work, paying_scope(project), actor, at)


def touch_payers(
    work: UnitOfWork, projects: Iterable[Project], paid: PaidChange, at: datetime
) -> None:
    """What these projects are to pay, or have paid for them, is not what it was."""
    work.billing.touch({paying_scope(project) for project in projects}, at, paid=paid)


def quoted(tier: Tier, terms: Terms) -> Price | None:
    """The first price of a tier that goes with what an account pays in."""
    return next((price for price in tier.prices if is_on(price, terms)), None)


def is_on(price: Price, terms: Terms) -> bool:
    """Whether it goes with what an account pays in."""
    return terms.currency in (None, price.currency) and terms.interval in (None, price.interval)


def terms_of(price: Price) -> Terms:
    return Terms(price.currency, Interval(price.interval))
