"""What people see of what is paid, by whom, and what it will cost (product.md R5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.access import Action, Scope, ScopeType
from ktrlplane.domain.billing import (
    Customer,
    PaymentMethod,
    Subscription,
)
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.errors import Fault, Forbidden, ValidationFailed
from ktrlplane.domain.ids import InvoiceId, PrincipalId, ProjectId
from ktrlplane.domain.invoices import Invoice
from ktrlplane.domain.services.payers import Payer, payer_at
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.standings import Standing
from ktrlplane.domain.subscriptions import paying_scope
from ktrlplane.ports.payment_questions import (
    CustomerOf,
    InvoicesOf,
    MethodsOf,
    OlderInvoicesOf,
    StatusOf,
    SubscriptionOf,
    learn,
)
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class BillingView:
    """``payer`` pays for the scope; all else is of ``account``, which is the payer's or the
    scope's own. It is None where there is none, or who asks does not manage its billing, and
    then nothing of the provider is there either."""

    payer: Payer
    inherits: bool
    account: BillingAccount | None
    customer: Customer | None = None
    methods: Sequence[PaymentMethod] = ()
    subscription: Subscription | None = None
    latest_invoice: Invoice | None = None


@frozen(kw_only=True)
class BillingStatus:
    payer: Payer
    has_payment_method: bool
    subscription: Subscription | None


def _seen(
    work: UnitOfWork, scope: Scope, actor: PrincipalId, at: datetime
) -> tuple[Standing, Payer, bool]:
    """Who asks, who pays, and whether that is by inheritance. Raises: NotFound."""
    own = payer_at(work, scope, actor, at)
    own.standing.require()
    if scope.scope_type is ScopeType.ORGANIZATION:
        return own.standing, own, False
    project = work.projects.get(ProjectId(scope.scope_id))
    payer = paying_scope(project)
    if payer == scope:
        return own.standing, own, False
    return own.standing, payer_at(work, payer, actor, at), True


def who_pays(work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform) -> Payer:
    """For what is in the scope. Raises: NotFound."""
    _, payer, _ = _seen(work, scope, actor, platform.now())
    return payer


def read_billing(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> BillingView:
    """Of the account that pays. Raises: NotFound, Forbidden, UpstreamError, Unasked."""
    standing, payer, inherits = _seen(work, scope, actor, platform.now())
    standing.require(Action.MANAGE_BILLING)
    may_see = payer.standing.may(Action.MANAGE_BILLING)
    account = payer.account if may_see else None
    return _whole(work, BillingView(payer=payer, inherits=inherits, account=account))


def read_own_billing(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> BillingView:
    """Of the scope's own account, though another one may pay for it. Raises: as
    ``read_billing``."""
    standing, payer, inherits = _seen(work, scope, actor, platform.now())
    standing.require(Action.MANAGE_BILLING)
    account = work.billing.find(scope)
    return _whole(work, BillingView(payer=payer, inherits=inherits, account=account))


def _whole(work: UnitOfWork, view: BillingView) -> BillingView:
    """With what the provider knows."""
    account = view.account
    if account is None or account.customer_id is None:
        return view
    invoices = learn(work.known, InvoicesOf(account.customer_id, 1))
    return evolve(
        view,
        customer=learn(work.known, CustomerOf(account.customer_id)),
        methods=learn(work.known, MethodsOf(account.customer_id)),
        subscription=subscription_of(work, account),
        latest_invoice=invoices[0] if invoices else None,
    )


def read_billing_status(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> BillingStatus:
    """For everybody who may read the scope; as of a few seconds ago. Raises: NotFound,
    UpstreamError, Unasked."""
    _, payer, _ = _seen(work, scope, actor, platform.now())
    account = payer.account
    if account is None or account.customer_id is None:
        return BillingStatus(payer=payer, has_payment_method=False, subscription=None)
    status = learn(work.known, StatusOf(account.customer_id, account.subscription_id))
    return BillingStatus(
        payer=payer, has_payment_method=status.has_method, subscription=status.subscription
    )


def list_invoices(
    work: UnitOfWork,
    scope: Scope,
    *,
    limit: int,
    after: InvoiceId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Sequence[Invoice]:
    """Newest first, at most ``limit``, of those older than ``after``. Raises: NotFound,
    Forbidden, ValidationFailed where ``after`` is none of them, UpstreamError, Unasked."""
    account = managed_payer(work, scope, actor, platform).account
    customer_id = None if account is None else account.customer_id
    if customer_id is not None and after is None:
        return learn(work.known, InvoicesOf(customer_id, limit))
    found = None
    if customer_id is not None and after is not None:
        found = learn(work.known, OlderInvoicesOf(customer_id, limit, after))
    if found is None and after is not None:
        raise ValidationFailed([NO_SUCH_INVOICE])
    return found or ()


NO_SUCH_INVOICE: Final = Fault(
    "/cursor",
    "cursor",
    "This is no cursor of this list. Send next_cursor of the page before, or begin without.",
)


def list_payment_methods(
    work: UnitOfWork, scope: Scope, *, actor: PrincipalId, platform: Platform
) -> Sequence[PaymentMethod]:
    """The default first. Raises: NotFound, Forbidden, UpstreamError, Unasked."""
    account = managed_payer(work, scope, actor, platform).account
    if account is None or account.customer_id is None:
        return ()
    return learn(work.known, MethodsOf(account.customer_id))


def managed_payer(work: UnitOfWork, scope: Scope, actor: PrincipalId, platform: Platform) -> Payer:
    """Raises: NotFound, Forbidden."""
    standing, payer, inherits = _seen(work, scope, actor, platform.now())
    if not payer.standing.may(Action.MANAGE_BILLING):
        here = f" and on {scope}" if inherits and not standing.may(Action.MANAGE_BILLING) else ""
        raise Forbidden(
            f"This is paid by {payer.scope}, and needs the permission manage_billing there{here}."
        )
    standing.require(Action.MANAGE_BILLING)
    return payer


def subscription_of(work: UnitOfWork, account: BillingAccount) -> Subscription | None:
    if account.subscription_id is None:
        return None
    return learn(work.known, SubscriptionOf(account.subscription_id))
