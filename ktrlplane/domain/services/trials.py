"""For how long what is paid for may be tried (product.md R5): once, and no longer than each part
of it allows."""

from collections.abc import Iterable, Sequence

from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Tier
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import tier_of
from ktrlplane.ports.unit_of_work import UnitOfWork


def trial_days(account: BillingAccount, tiers: Iterable[Tier]) -> int:
    """The shortest of what is paid for."""
    if account.beyond_trial:
        return 0
    return min((tier.trial_days for tier in tiers if tier.prices), default=0)


def tiers_paid_by(work: UnitOfWork, scope: Scope, platform: Platform) -> Sequence[Tier]:
    found = (tier_of(one.type, one.sku, platform) for one in work.billing.paid_for(scope))
    return [tier for tier in found if tier is not None]


def may_try(work: UnitOfWork, account: BillingAccount) -> bool:
    """Whether its first subscription is the first one in its organization, the projects there
    included."""
    return not account.has_subscribed and not work.billing.have_subscribed(account.scope)


def tried_as_well(work: UnitOfWork, before: Scope, after: Scope) -> None:
    """What ``before`` has paid for and ``after`` pays for now was tried already."""
    former, present = work.billing.find(before), work.billing.find(after)
    if former is not None and former.has_subscribed and present is not None:
        work.billing.change(evolve(present, beyond_trial=True))
