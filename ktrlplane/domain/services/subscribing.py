"""Beginning a subscription again, in what it is paid in, and paying what is open (product.md
R5.4)."""

from typing import NoReturn

from attrs import evolve, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval
from ktrlplane.domain.billing_accounts import BillingAccount, Terms
from ktrlplane.domain.errors import Conflict, Fault, ValidationFailed
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.billing import managed, present_subscription
from ktrlplane.domain.services.payers import is_on, payer_at
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import priced, require_method, tier_of
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class Subscribe:
    """What is paid in, where that was not settled yet by the first purchase."""

    currency: str | None = None
    interval: Interval | None = None


def subscribe(
    work: UnitOfWork,
    scope: Scope,
    command: Subscribe,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """Begins a subscription again that has ended, and pays what is open once more. Where there
    is one that is well, it stays.

    Raises: NotFound, Forbidden, PaymentRequired without a payment method, Conflict for other
    terms than those of a subscription that lives, UpstreamError, Unasked.
    """
    account = managed(work, scope, actor, platform)
    payer = payer_at(work, scope, actor, platform.now())
    known = account.terms
    currency = known.currency if command.currency is None else command.currency.lower()
    terms = Terms(currency, command.interval or known.interval)
    if terms != account.terms:
        _require_known(terms, platform)
    require_method(work, payer, platform.now(), said="This is about the account of")
    present = present_subscription(work, account)
    is_over = present is None or present.state.is_over
    if terms != account.terms:
        if not is_over:
            raise Conflict(
                "The subscription is paid in something else. Cancel it, and choose again once it "
                "has ended."
            )
        if account.is_in_the_making(platform.now()):
            raise Conflict(
                "What was wanted last is being made so at the payment provider. Try again in a "
                "moment."
            )
        account = evolve(account, terms=terms)
    if is_over:
        account = evolve(account, subscription_id=None)
    work.billing.change(evolve(account, pay_again=True, updated_at=platform.now()))
    _reprice(work, account, actor, platform)
    work.billing.touch([scope], platform.now())


def _require_known(terms: Terms, platform: Platform) -> None:
    """Raises: ValidationFailed."""
    prices = [
        price
        for kind in platform.catalog.resource_types
        for tier in kind.tiers
        for price in tier.prices
    ]
    faults = []
    if terms.currency not in {None, *(price.currency for price in prices)}:
        faults.append(Fault("/currency", "not_sold", "Nothing is sold in this currency."))
    if terms.interval not in {None, *(price.interval for price in prices)}:
        faults.append(Fault("/interval", "not_sold", "Nothing is sold by this interval."))
    if not faults and not any(is_on(price, terms) for price in prices):
        detail = f"Nothing is sold in {terms.currency} by the {terms.interval}."
        faults.append(Fault("/interval", "not_sold", detail))
    if faults:
        raise ValidationFailed(faults)


def _reprice(
    work: UnitOfWork, account: BillingAccount, actor: PrincipalId, platform: Platform
) -> None:
    if account.subscription_id is not None:
        return  # its customer goes on at the prices that they have
    payer = payer_at(work, account.scope, actor, platform.now())
    changes = []
    for one in work.billing.resources_of(account.scope):
        if one.stripe_price_id is None and not one.came_unpriced:
            continue  # it was for nothing when it was chosen
        tier = tier_of(one.type, one.sku, platform)
        if tier is None and one.stripe_price_id is not None:
            _refuse(one, account.terms)
        if tier is None or not tier.prices:
            continue
        try:
            price_id = priced(work, tier, payer, platform)
        except ValidationFailed:
            _refuse(one, account.terms)
        paid = evolve(one, stripe_price_id=price_id.value, came_unpriced=False)
        changes.append((one, paid))
    keep(work, changes, actor=actor, platform=platform)


def _refuse(resource: Resource, terms: Terms) -> NoReturn:
    """Raises: ValidationFailed."""
    paid_in = f" in {terms.currency} each {terms.interval}" if terms.currency else ""
    detail = (
        f"The tier {resource.sku} of resource {resource.resource_id} is not sold{paid_in}. Give "
        "it another tier, or delete it, first."
    )
    raise ValidationFailed([Fault("/currency", "not_sold", detail)])
