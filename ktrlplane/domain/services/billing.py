"""What people do about paying (product.md R5.4)."""

from typing import Final

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.billing import Setup, Subscription
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.errors import Conflict, Fault, PaymentRequired, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import CustomerId, PrincipalId
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.standings import hold_for, standing_on
from ktrlplane.domain.services.telling import path_to, tell_data
from ktrlplane.ports.payment_questions import (
    Cancelling,
    OpeningPortal,
    Resuming,
    SettingUp,
    SubscriptionOf,
    learn,
)
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class OpenPortal:
    """Where people come back to: this platform or one of its applications."""

    return_url: str = field()


def open_customer(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> None:
    """The scope gets a customer at the payment provider, once this is committed. One that there
    is stays, unless the provider has lost it. Raises: NotFound, Forbidden."""
    account = managed(work, scope, actor, platform)
    if account.opened_by is None:
        work.billing.change(evolve(account, opened_by=actor, updated_at=platform.now()))
    work.billing.touch([scope], platform.now())


def start_setup(
    work: UnitOfWork, scope: Scope, *, key: str, actor: PrincipalId, platform: Platform
) -> Setup:
    """A payment method about to be added. ``key`` is new for each. Raises: NotFound, Forbidden,
    Conflict without a customer, UpstreamError, Unasked."""
    customer_id = _customer(work, scope, actor, platform)
    return learn(work.known, SettingUp(customer_id, key))


def open_portal(
    work: UnitOfWork,
    scope: Scope,
    command: OpenPortal,
    *,
    key: str,
    actor: PrincipalId,
    platform: Platform,
) -> str:
    """Its URL, for who asked alone. Raises: as ``start_setup``; ValidationFailed for a place to
    come back to that is not allowed."""
    customer_id = _customer(work, scope, actor, platform)
    require_return(command.return_url, platform)
    return learn(work.known, OpeningPortal(customer_id, command.return_url, key))


def require_return(url: str, platform: Platform) -> None:
    """Else the provider's page would send people wherever somebody wants. Raises:
    ValidationFailed."""
    if not platform.may_return_to(url):
        detail = (
            "People may be sent back to this platform's own pages and its applications alone. "
            "The operator allows others with KTRLPLANE_CORS_ORIGINS."
        )
        raise ValidationFailed([Fault("/return_url", "not_allowed", detail)])


def tell_started(
    work: UnitOfWork, scope: Scope, kind: EventType, *, actor: PrincipalId, platform: Platform
) -> None:
    """That somebody is about to act at the provider's own pages, where the platform sees
    nothing of what they do."""
    account = work.billing.find(scope) or BillingAccount.of(scope, platform.now())
    _tell(work, account, kind, actor, platform)


def cancel(
    work: UnitOfWork, scope: Scope, *, key: str, actor: PrincipalId, platform: Platform
) -> Subscription:
    """At the end of what is paid for. What it paid for is suspended then. Raises: NotFound,
    Forbidden, Conflict without a subscription, UpstreamError, Unasked."""
    account, present = _living(work, scope, actor, platform)
    if present.cancel_at_period_end:
        return present
    changed = learn(work.known, Cancelling(present.subscription_id, _once(account, key)))
    work.billing.touch([scope], platform.now())
    _tell(work, account, EventType.BILLING_SUBSCRIPTION_CANCELLED, actor, platform)
    return changed


def resume(
    work: UnitOfWork, scope: Scope, *, key: str, actor: PrincipalId, platform: Platform
) -> Subscription:
    """Undoes ``cancel`` while the period lasts. Raises: as that."""
    account, present = _living(work, scope, actor, platform)
    if not present.cancel_at_period_end:
        return present
    changed = learn(work.known, Resuming(present.subscription_id, _once(account, key)))
    work.billing.touch([scope], platform.now())
    _tell(work, account, EventType.BILLING_SUBSCRIPTION_RESUMED, actor, platform)
    return changed


def _once(account: BillingAccount, key: str) -> str:
    """Who says the same again, after somebody has said otherwise, is not answered by what was
    done the first time."""
    return f"{key}/{account.revision}"


def managed(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, platform: Platform
) -> BillingAccount:
    """The scope's own account, this unit of work's to change. Raises: NotFound, Forbidden."""
    now = platform.now()
    hold_for(work, Action.MANAGE_BILLING, scope, actor, now)
    standing_on(work, scope, actor, now).require(Action.MANAGE_BILLING)
    return work.billing.find(scope) or BillingAccount.of(scope, now)


def _living(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, platform: Platform
) -> tuple[BillingAccount, Subscription]:
    account = managed(work, scope, actor, platform)
    present = present_subscription(work, account)
    if present is None:
        raise Conflict(f"There is no subscription: nothing is paid for by {scope}.")
    if present.state.is_over:
        raise Conflict("The subscription has ended. Begin another one with POST .../subscription.")
    return account, present


def present_subscription(work: UnitOfWork, account: BillingAccount) -> Subscription | None:
    if account.subscription_id is None:
        return None
    return learn(work.known, SubscriptionOf(account.subscription_id))


def _customer(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, platform: Platform
) -> CustomerId:
    standing_on(work, scope, actor, platform.now()).require(Action.MANAGE_BILLING)
    account = work.billing.find(scope)
    if account is None or account.customer_id is None:
        raise PaymentRequired(NO_CUSTOMER)
    return account.customer_id


NO_CUSTOMER: Final = (
    "There is no customer at the payment provider yet: it could not be made so far. That is tried "
    "again by itself; try again in a minute, and tell the platform's operator if it stays so."
)


def _tell(
    work: UnitOfWork,
    account: BillingAccount,
    kind: EventType,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    subject = {
        "billing_account_id": account.billing_account_id.value,
        "scope_type": account.scope.scope_type.value,
        "scope_id": account.scope.scope_id,
    }
    data = {"before": {}, "after": {}, "subject": subject}
    path = path_to(work, account.scope, platform)
    tell_data(work, kind, path, data, actor=actor, platform=platform)
