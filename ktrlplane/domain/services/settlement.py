"""What follows from what was found at the payment provider: what is kept of it, who is told, and
what is suspended or goes on (product.md R5.4)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve

from ktrlplane.domain.billing import SubscriptionState
from ktrlplane.domain.billing_accounts import (
    SWEEP_EVERY,
    BillingAccount,
    BillingFault,
    pause_after,
)
from ktrlplane.domain.events import EventType
from ktrlplane.domain.lifecycle import Hold
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.agreeing import Found, Wanted
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import path_to, tell_data
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.unit_of_work import UnitOfWork


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
    attempts = present.attempts + 1 if _is_unfinished(present, account, found, now) else 0
    done = evolve(account, attempts=attempts, touched_at=None)
    work.billing.settle(wanted.account, done, _due_at(done, found, now))
    _tell(work, present, account, platform)
    _hold_or_release(work, account, platform)


def _is_unfinished(
    before: BillingAccount, after: BillingAccount, found: Found, now: datetime
) -> bool:
    """Whether there is more to do already. Where that is so time and again, each look is later
    than the one before, as where the provider fails: nothing is looked at without end."""
    is_lost = before.customer_id is not None and after.customer_id is None
    trial = _trial_end(after, found)
    is_over = trial is not None and trial <= now
    return found.is_outgrown or (is_lost and after.opened_by is not None) or is_over


def _trial_end(account: BillingAccount, found: Found) -> datetime | None:
    if found.subscription is None or account.trial_days is None:
        return None
    return found.subscription.trial_end(account.trial_days)


def _due_at(account: BillingAccount, found: Found, now: datetime) -> datetime:
    """When something is to happen next, and to be seen."""
    if account.attempts:
        return now if account.attempts == 1 else now + pause_after(account.attempts)
    due_at = now + SWEEP_EVERY
    if account.grace_until is not None and not account.has_lapsed:
        due_at = min(due_at, account.grace_until)
    trial = _trial_end(account, found)
    return due_at if trial is None else min(due_at, trial)


def _after(
    present: BillingAccount, wanted: Wanted, found: Found, platform: Platform
) -> BillingAccount:
    now, was_touched = platform.now(), present.revision != wanted.account.revision
    grace_until, has_lapsed = None, False
    is_unpaid = found.fault is not None and bool(wanted.items)  # of nothing, nothing is suspended
    if is_unpaid and _has_no_grace(present, found):
        has_lapsed = True
    elif is_unpaid:
        grace_until = present.grace_until or now + platform.payment_grace
        has_lapsed = now >= grace_until
    account = evolve(
        present,
        ending=tuple(one for one in present.ending if one not in found.cancelled),
        fault=found.fault,
        grace_until=grace_until,
        has_lapsed=has_lapsed,
        pay_again=present.pay_again and was_touched,
        has_subscribed=present.has_subscribed or found.has_subscribed,
        trial_days=_trial_days(present, found),
        updated_at=now,
    )
    if found.customer_id is None and present.customer_id is not None:
        kept = account.subscription_id if account.has_ended else None
        return evolve(account, customer_id=None, subscription_id=kept)
    if not was_touched and (found.customer_id is not None or present.customer_id is None):
        account = evolve(account, opened_by=None)  # it has one; or nobody is there to have one
    if found.customer_id is not None and present.customer_id is None:
        account = evolve(account, customer_id=found.customer_id, customers=present.customers + 1)
    if found.subscription is None:
        return account
    account = evolve(account, subscription_id=found.subscription.subscription_id)
    return account.ended() if found.is_outgrown else account


def _trial_days(present: BillingAccount, found: Found) -> int | None:
    """There is nothing to shorten any more once a trial is over."""
    one = found.subscription
    is_over = one is not None and one.state is not SubscriptionState.TRIALING
    return None if is_over else present.trial_days


def _has_no_grace(present: BillingAccount, found: Found) -> bool:
    """What was paid until now goes on for a while. What was cancelled has had its time, and what
    nobody ever paid for has none; but who came from the platform's former system, which asked
    nobody, is asked now, and a grace that has begun is not taken back. What is suspended stays so
    until it is paid, whyever it is not."""
    has_come, is_over = present.customers == 0, found.fault is BillingFault.SUBSCRIPTION_ENDED
    if present.grace_until is not None:
        return is_over and not has_come
    if present.has_lapsed or is_over or found.was_never_paid:
        return True
    unpaid = (BillingFault.PAYMENT_METHOD_MISSING, BillingFault.PAYMENT_FAILED)
    return found.subscription is None and found.fault in unpaid and present.customers > 0


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


_WELL: Final = (
    None,
    BillingFault.PROVIDER_UNAVAILABLE,
    BillingFault.SUBSCRIPTION_UNKNOWN,
)


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
    changes = [
        (one, one.resumed(Hold.PAYMENT, now))
        for one in work.billing.resources_of(account.scope, unpaid=True)
        if not lapsed or one.stripe_price_id is None
    ]
    if lapsed:
        changes += [
            (one, one.suspended(Hold.PAYMENT, now))
            for one in work.billing.resources_of(account.scope, unpaid=False)
            if one.stripe_price_id is not None
        ]
    keep(work, [*changes, *_without_excuse(work, account)], actor=None, platform=platform)


WAITING: Final = (
    "It is not paid for yet: the payment provider does not answer, and is asked again."
)
NOT_SOLD: Final = (
    "It is not paid for yet: the payment provider refuses it. That is tried again, and the "
    "platform's operator sees why."
)
SUBSCRIBED_ELSEWHERE: Final = (
    "It is not paid for yet: who pays for it has another subscription at the payment provider, "
    "which the platform did not make. The platform's operator sees which."
)


def _without_excuse(
    work: UnitOfWork, account: BillingAccount
) -> Sequence[tuple[Resource, Resource]]:
    if account.has_lapsed:
        return []
    waiting = work.billing.resources_of(account.scope, unpaid=False)
    return [
        (one, evolve(one, status_reason=None))
        for one in waiting
        if one.status_reason in (WAITING, NOT_SOLD, SUBSCRIBED_ELSEWHERE)
    ]
