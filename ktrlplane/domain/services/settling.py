"""Billing accounts, looked at one by one until the payment provider agrees (product.md R5.3):
what is wanted of an account, and what follows from what was found."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile, SubscriptionItems
from ktrlplane.domain.billing_accounts import (
    SWEEP_EVERY,
    BillingAccount,
    BillingFault,
    pause_after,
)
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import PriceId
from ktrlplane.domain.lifecycle import Hold, Status
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.agreeing import Found, Wanted
from ktrlplane.domain.services.payers import NOBODY, payer_at, quoted
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import tier_of
from ktrlplane.domain.services.telling import path_to, tell_data
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.billing import Paid
from ktrlplane.ports.payment_questions import PricesOf, learn
from ktrlplane.ports.unit_of_work import UnitOfWork


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
    if _price_what_has_none(work, account, platform):
        account = work.billing.find(claimed.scope) or account
    items = _items(work.billing.paid_for(account.scope), platform)
    if not items and account.subscription_id is not None:
        account = account.ended()
        work.billing.change(account)
    return Wanted(
        account=account,
        items=items,
        profile=_profile(work, account, platform.now()),
        trial_days=_trial_days(work, account, platform),
    )


def _items(paid: Sequence[Paid], platform: Platform) -> SubscriptionItems:
    counted: dict[PriceId, int] = {}
    for one in paid:
        if one.price_id is not None:
            counted[one.price_id] = counted.get(one.price_id, 0) + one.count
    return SubscriptionItems(counted)


def _price_what_has_none(work: UnitOfWork, account: BillingAccount, platform: Platform) -> bool:
    """What came from the platform's former system has none. Whether anything got one."""
    unpriced = {
        (one.type, one.sku): quote.lookup_key
        for one in work.billing.paid_for(account.scope)
        if one.price_id is None
        and (tier := tier_of(one.type, one.sku, platform)) is not None
        and (quote := quoted(tier, account.terms)) is not None
    }
    if not unpriced:
        return False
    known = learn(work.known, PricesOf(tuple(sorted(set(unpriced.values())))))
    priced = [
        (one, evolve(one, stripe_price_id=price.price_id.value))
        for one in work.billing.resources_of(account.scope)
        if one.stripe_price_id is None
        and (price := known.get(unpriced.get((one.type, one.sku), ""))) is not None
    ]
    keep(work, priced, actor=None, platform=platform)
    return bool(priced)


def _profile(work: UnitOfWork, account: BillingAccount, at: datetime) -> Profile | None:
    if account.customer_id is not None or account.opened_by is None:
        return None
    user = work.users.find(account.opened_by)
    try:
        name = payer_at(work, account.scope, NOBODY, at).name
    except NotFound:
        return None
    return Profile(scope=account.scope, name=name, email=(user and user.email) or "")


def _trial_days(work: UnitOfWork, account: BillingAccount, platform: Platform) -> int:
    """The shortest of what is to be paid for, once in the life of an account."""
    if account.has_subscribed:
        return 0
    tiers = [
        tier
        for one in work.billing.paid_for(account.scope)
        if (tier := tier_of(one.type, one.sku, platform)) is not None and tier.prices
    ]
    return min((tier.trial_days for tier in tiers), default=0)


def settle_account(
    work: UnitOfWork,
    claimed: BillingAccount,
    wanted: Wanted,
    found: Found,
    *,
    platform: Platform,
) -> None:
    """What was found becomes what the platform goes by: ids are kept, and what is not paid is
    suspended once its grace is over, what is paid resumed."""
    now = platform.now()
    work.access.hold(claimed.scope)
    present = work.billing.find(claimed.scope)
    if present is None or present.leased_until != claimed.leased_until:
        return
    account = _after(present, wanted, found, platform)
    due_at = now + SWEEP_EVERY
    if account.grace_until is not None and not account.has_lapsed:
        due_at = min(due_at, account.grace_until)
    work.billing.settle(wanted.account, evolve(account, attempts=0), due_at)
    _tell(work, present, account, platform)
    _hold_or_release(work, account, platform)


def _after(
    present: BillingAccount, wanted: Wanted, found: Found, platform: Platform
) -> BillingAccount:
    now, was_touched = platform.now(), present.revision != wanted.account.revision
    grace_until, has_lapsed = None, False
    if found.fault in _AT_ONCE or found.was_never_paid:
        has_lapsed = True
    elif found.fault is not None:
        grace_until = present.grace_until or now + platform.payment_grace
        has_lapsed = now >= grace_until
    account = evolve(
        present,
        ending=tuple(one for one in present.ending if one not in found.cancelled),
        fault=found.fault,
        grace_until=grace_until,
        has_lapsed=has_lapsed,
        pay_again=present.pay_again and was_touched,
        updated_at=now,
    )
    if found.customer_id is None and present.customer_id is not None:
        return evolve(account, customer_id=None, subscription_id=None, opened_by=None)
    if found.customer_id is not None and present.customer_id is None:
        account = evolve(account, customer_id=found.customer_id, customers=present.customers + 1)
    if found.subscription is None:
        return account
    return evolve(account, subscription_id=found.subscription.subscription_id, has_subscribed=True)


_AT_ONCE: Final = (BillingFault.SUBSCRIPTION_ENDED,)


def _tell(
    work: UnitOfWork, before: BillingAccount, after: BillingAccount, platform: Platform
) -> None:
    told = list(_what_happened(before, after))
    if not told:
        return
    path = path_to(work, after.scope, platform)
    for kind in told:
        tell_data(work, kind, path, _data(before, after), actor=None, platform=platform)


def _what_happened(before: BillingAccount, after: BillingAccount) -> Iterator[EventType]:
    if after.customer_id != before.customer_id:
        gone = after.customer_id is None
        yield EventType.BILLING_CUSTOMER_LOST if gone else EventType.BILLING_CUSTOMER_OPENED
    if after.subscription_id != before.subscription_id and after.subscription_id is not None:
        yield EventType.BILLING_SUBSCRIPTION_STARTED
    ended = BillingFault.SUBSCRIPTION_ENDED
    if before.ending or (after.fault is ended and before.fault is not ended):
        yield EventType.BILLING_SUBSCRIPTION_ENDED
    is_well, was_well = after.fault in _WELL, before.fault in _WELL
    if is_well and not was_well:
        yield EventType.BILLING_PAYMENT_RECOVERED
    elif was_well and not is_well and after.fault is not ended:
        yield EventType.BILLING_PAYMENT_FAILED
    if after.has_lapsed and not before.has_lapsed:
        yield EventType.BILLING_SUSPENDED


_WELL: Final = (None, BillingFault.PROVIDER_UNAVAILABLE)


def _data(before: BillingAccount, after: BillingAccount) -> dict[str, object]:
    def told(account: BillingAccount) -> dict[str, object]:
        return {
            "fault": account.fault,
            "has_lapsed": account.has_lapsed,
            "grace_until": account.grace_until and account.grace_until.isoformat(),
        }

    was, is_now = told(before), told(after)
    return {
        "before": {name: was[name] for name in was if was[name] != is_now[name]},
        "after": {name: is_now[name] for name in was if was[name] != is_now[name]},
        "subject": {
            "billing_account_id": after.billing_account_id.value,
            "scope_type": after.scope.scope_type.value,
            "scope_id": after.scope.scope_id,
        },
    }


def _hold_or_release(work: UnitOfWork, account: BillingAccount, platform: Platform) -> None:
    now, lapsed = platform.now(), account.has_lapsed
    resources = work.billing.resources_of(account.scope, unpaid=not lapsed)
    changes = [
        (one, one.suspended(Hold.PAYMENT, now) if lapsed else one.resumed(Hold.PAYMENT, now))
        for one in resources
        if not lapsed or one.stripe_price_id is not None
    ]
    keep(work, [*changes, *_without_excuse(work, account)], actor=None, platform=platform)


WAITING = (
    "It is not paid for yet, since the payment provider does not answer; that is tried again."
)


def _without_excuse(
    work: UnitOfWork, account: BillingAccount
) -> Sequence[tuple[Resource, Resource]]:
    if account.has_lapsed:
        return []
    waiting = work.billing.resources_of(account.scope, unpaid=False)
    return [
        (one, evolve(one, status_reason=None)) for one in waiting if one.status_reason == WAITING
    ]


def put_off(
    work: UnitOfWork, claimed: BillingAccount, *, provider_failed: bool, platform: Platform
) -> None:
    """It is looked at again, later each time. What is being made while the provider fails says
    so."""
    work.access.hold(claimed.scope)
    present = work.billing.find(claimed.scope)
    if present is None or present.leased_until != claimed.leased_until:
        return
    attempts = present.attempts + 1
    fault = present.fault or (BillingFault.PROVIDER_UNAVAILABLE if provider_failed else None)
    account = evolve(present, attempts=attempts, fault=fault, updated_at=platform.now())
    claimed_now = evolve(claimed, revision=present.revision)
    work.billing.settle(claimed_now, account, platform.now() + pause_after(attempts))
    if not provider_failed:
        return
    waiting = [
        (one, evolve(one, status_reason=WAITING))
        for one in work.billing.resources_of(account.scope, unpaid=False)
        if one.status is Status.CREATING
        and one.stripe_price_id is not None
        and one.status_reason is None
    ]
    keep(work, waiting, actor=None, platform=platform)
