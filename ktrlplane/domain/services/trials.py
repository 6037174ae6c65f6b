"""For how long what is paid for may be tried (product.md R5): once in an organization, and no
longer than each part of it allowed when it was bought."""

from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Tier
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.unit_of_work import UnitOfWork


def may_try(work: UnitOfWork, account: BillingAccount) -> bool:
    """Whether its first subscription is the first one in its organization, the projects there
    included."""
    return not account.has_subscribed and not work.billing.have_subscribed(account.scope)


def days_with(
    work: UnitOfWork, account: BillingAccount, project: Project, tier: Tier
) -> int | None:
    """``trial_days`` of the payer of ``project``, with one more of ``tier`` in that."""
    if account.subscription_id is not None and account.trial_days is None:
        return None
    scope = Scope.of(project.project_id)
    own = None if account.scope == scope else work.billing.find(scope)
    days = 0 if own is not None and own.has_subscribed else tier.trial_days
    return days if account.trial_days is None else min(account.trial_days, days)


def shortens(before: BillingAccount, days: int | None) -> bool:
    """Whether a trial that runs, or is about to, ends earlier with so many days."""
    return before.trial_days is not None and days is not None and days < before.trial_days


def limit_trial(work: UnitOfWork, scope: Scope, days: int | None, platform: Platform) -> None:
    """Of the account of ``scope``."""
    account = work.billing.find(scope)
    if account is not None and account.trial_days != days:
        work.billing.change(evolve(account, trial_days=days, updated_at=platform.now()))


def carry_what_was_tried(work: UnitOfWork, project: Project, platform: Platform) -> None:
    """It leaves its tenant: what is in it was tried or paid for, if anything was there, and is
    not tried again elsewhere."""
    scope, now = Scope.of(project.project_id), platform.now()
    if work.billing.have_subscribed(scope):
        account = work.billing.find(scope) or BillingAccount.of(scope, now)
        work.billing.change(evolve(account, has_subscribed=True, updated_at=now))
