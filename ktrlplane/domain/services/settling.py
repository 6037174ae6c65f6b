"""Billing accounts, looked at one by one until the payment provider agrees (product.md R5.3):
whose turn it is, what is wanted of it, and that it is looked at again."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile, SubscriptionItems
from ktrlplane.domain.billing_accounts import (
    BillingAccount,
    BillingFault,
    pause_after,
)
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import PriceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.services.agreeing import Wanted
from ktrlplane.domain.services.payers import NOBODY, payer_at
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.settlement import NOT_SOLD, SUBSCRIBED_ELSEWHERE, WAITING
from ktrlplane.domain.services.terms import settle_terms, terms_in
from ktrlplane.domain.services.transitions import keep
from ktrlplane.domain.services.trials import may_try
from ktrlplane.domain.services.unpriced import price_what_came
from ktrlplane.ports.billing import Paid
from ktrlplane.ports.unit_of_work import UnitOfWork

SILENT_TRIES: Final = 5
"""That two who change the same thing get in each other's way is nobody's fault, at first."""


def claim_accounts(
    work: UnitOfWork,
    *,
    lease: timedelta,
    limit: int,
    among: Collection[Scope] | None = None,
    platform: Platform,
) -> Sequence[BillingAccount]:
    """Those that somebody is to look at. Nobody else does while the lease lasts, and who died
    over one is followed by another after it."""
    now = platform.now()
    return work.billing.claim(now, now + lease, limit=limit, among=among)


def wanted_of(work: UnitOfWork, claimed: BillingAccount, *, platform: Platform) -> Wanted | None:
    """What a claimed account is to have at the provider; None where the lease is over. An
    account with nothing left to pay for has its subscription cancelled from here on, whoever
    dies. Raises: Unasked, UpstreamError."""
    work.access.hold(claimed.scope)
    account = work.billing.find(claimed.scope)
    if account is None or account.leased_until != claimed.leased_until:
        return None
    account = settle_terms(work, account, terms_in(work, account), platform)
    account, unpriced = price_what_came(work, account, platform)
    items = _items(work.billing.paid_for(account.scope), platform)
    if not items and not unpriced and account.subscription_id is not None:
        account = account.ended()
        work.billing.change(account)
    return Wanted(
        account=account,
        items=items,
        at=platform.now(),
        profile=_profile(work, account, platform.now()),
        may_try=may_try(work, account),
        unpriced=unpriced,
    )


def _items(paid: Sequence[Paid], platform: Platform) -> SubscriptionItems:
    counted: dict[PriceId, int] = {}
    for one in paid:
        if one.price_id is not None:
            counted[one.price_id] = counted.get(one.price_id, 0) + one.count
    return SubscriptionItems(counted)


def _profile(work: UnitOfWork, account: BillingAccount, at: datetime) -> Profile | None:
    if account.customer_id is not None or account.opened_by is None:
        return None
    user = work.users.find(account.opened_by)
    try:
        name = payer_at(work, account.scope, NOBODY, at).name
    except NotFound:
        return None
    return Profile(scope=account.scope, name=name, email=(user and user.email) or "")


def put_off(
    work: UnitOfWork, claimed: BillingAccount, *, fault: BillingFault | None, platform: Platform
) -> None:
    """It is looked at again, later each time. ``fault`` is what the provider has done: what is
    being made meanwhile says so. None is told as well once it has been so for long."""
    work.access.hold(claimed.scope)
    present = work.billing.find(claimed.scope)
    if present is None or present.leased_until != claimed.leased_until:
        return
    attempts = present.attempts + 1
    if fault is None and attempts > SILENT_TRIES:
        fault = BillingFault.PROVIDER_UNAVAILABLE
    told = present.fault
    if fault in (BillingFault.PRICE_MISSING, BillingFault.SUBSCRIPTION_UNKNOWN) or told in (
        None,
        *_REASONS,
    ):
        told = fault or told
    account = evolve(present, attempts=attempts, fault=told, updated_at=platform.now())
    claimed_now = evolve(claimed, revision=present.revision, due_at=present.due_at)
    work.billing.settle(claimed_now, account, platform.now() + pause_after(attempts))
    if fault is None:
        return
    waiting = [
        (one, evolve(one, status_reason=_REASONS[fault]))
        for one in work.billing.resources_of(account.scope, unpaid=False)
        if one.status is Status.CREATING
        and one.stripe_price_id is not None
        and one.status_reason in (None, *_REASONS.values())
    ]
    keep(work, waiting, actor=None, platform=platform)


_REASONS: Final = {
    BillingFault.PROVIDER_UNAVAILABLE: WAITING,
    BillingFault.PRICE_MISSING: NOT_SOLD,
    BillingFault.SUBSCRIPTION_UNKNOWN: SUBSCRIBED_ELSEWHERE,
}
