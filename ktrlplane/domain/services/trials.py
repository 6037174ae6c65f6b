"""For how long what is paid for may be tried (product.md R5): once in an organization, and no
longer than each part of it allowed when it was bought."""

from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Tier
from ktrlplane.domain.lifecycle import ENDED
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.unit_of_work import UnitOfWork


def may_try(work: UnitOfWork, account: BillingAccount) -> bool:
    """Whether its first subscription is the first one in its organization, the projects there
    included."""
    return not account.has_subscribed and not work.billing.have_subscribed(account.scope)


def days_with(work: UnitOfWork, account: BillingAccount, where: Scope, tier: Tier) -> int | None:
    """``trial_days`` of the account that pays for a project, with one more of ``tier`` in that;
    ``where`` may also be the organization, for a project of which nothing is known."""
    own = None if account.scope == where else work.billing.find(where)
    return limited(account, 0 if own is not None and own.has_subscribed else tier.trial_days)


def limited(account: BillingAccount, days: int) -> int | None:
    """``trial_days`` of an account with something more that may be tried for so many. A trial
    that is over, or that somebody else has granted, is left as it is."""
    if account.subscription_id is not None and account.trial_days is None:
        return None
    return days if account.trial_days is None else min(account.trial_days, days)


def shortens(before: BillingAccount, days: int | None) -> bool:
    """Whether a trial that runs, or is about to, ends earlier with so many days."""
    return before.trial_days is not None and days is not None and days < before.trial_days


def is_last_of_a_trial(
    work: UnitOfWork, account: BillingAccount | None, resource: Resource
) -> bool:
    """Whether the trial of the account that pays for it is over without it, since nothing else
    is tried or paid for."""
    if account is None or not account.trial_days or resource.stripe_price_id is None:
        return False
    paid_for = work.billing.paid_for(account.scope)
    return sum(one.count for one in paid_for if one.price_id is not None) == 1


def limit_trial(work: UnitOfWork, scope: Scope, days: int | None, platform: Platform) -> None:
    """Of the account of ``scope``."""
    account = work.billing.find(scope)
    if account is not None and account.trial_days != days:
        work.billing.change(evolve(account, trial_days=days, updated_at=platform.now()))


def carry_what_was_tried(work: UnitOfWork, project: Project, platform: Platform) -> None:
    """It leaves its tenant: what is in it was tried or paid for, if anything was there, and is
    not tried again elsewhere. Nor is something else tried where it was, though nobody may have
    heard yet of what it has bought."""
    scope = Scope.of(project.project_id)
    has_subscribed = work.billing.have_subscribed(scope)
    is_about_to = any(
        one.stripe_price_id is not None and one.status not in ENDED
        for one in work.resources.of(project.project_id)
    )
    if project.org_id is not None and (has_subscribed or is_about_to):
        _mark_tried(work, Scope.of(project.org_id), platform)
    if has_subscribed:
        _mark_tried(work, scope, platform)


def _mark_tried(work: UnitOfWork, scope: Scope, platform: Platform) -> None:
    account = work.billing.find(scope) or BillingAccount.of(scope, platform.now())
    if not account.has_subscribed:
        work.billing.change(evolve(account, has_subscribed=True, updated_at=platform.now()))
