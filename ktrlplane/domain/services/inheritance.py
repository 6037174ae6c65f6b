"""Whether a project pays for itself or its organization does (product.md R5.2)."""

from collections.abc import Sequence

from attrs import evolve, frozen

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.billing_accounts import PaidChange, Terms
from ktrlplane.domain.errors import Conflict, Fault, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import PriceId, PrincipalId, ProjectId
from ktrlplane.domain.lifecycle import ENDED
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.payers import Payer, payer_of
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.purchases import (
    paid_price,
    priced,
    require_consent,
    require_means,
    require_not_too_many,
    tier_of,
)
from ktrlplane.domain.services.standings import hold_for
from ktrlplane.domain.services.telling import tell
from ktrlplane.domain.services.terms import settle_terms, terms_in
from ktrlplane.domain.services.transitions import keep
from ktrlplane.domain.services.trials import limit_trial, limited
from ktrlplane.domain.standings import Standing
from ktrlplane.domain.subscriptions import paying_scope
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class SetInheritance:
    """Whether the project's organization pays for it."""

    inherits: bool


def set_inheritance(
    work: UnitOfWork,
    project_id: ProjectId,
    command: SetInheritance,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Project:
    """What runs in the project is paid by the other one from the same moment on.

    Raises: NotFound, Forbidden for who may not spend the money of who is to pay, Conflict for a
    project without an organization, and what ``change_payer`` does.
    """
    now = platform.now()
    hold_for(work, Action.MANAGE_BILLING, Scope.of(project_id), actor, now)
    project, standing = work.projects.with_standing(project_id, actor, now)
    standing.require(Action.MANAGE_BILLING)
    project.require_active()
    if command.inherits and project.org_id is None:
        raise Conflict(
            f"Project {project_id} is in no organization, and pays for itself. Move it into one "
            "first."
        )
    changed = evolve(project, inherits_billing_from_org=command.inherits, updated_at=now)
    if command.inherits is project.inherits_billing_from_org:
        return project
    if command.inherits:  # also where nothing in it costs anything yet
        require_consent(payer_of(work, changed, actor, now), standing)
    change_payer(work, project, changed, standing, actor=actor, platform=platform)
    work.projects.replace(changed)
    updated = EventType.PROJECT_UPDATED
    tell(work, updated, project.path, project, changed, actor=actor, platform=platform)
    return changed


def change_payer(
    work: UnitOfWork,
    before: Project,
    after: Project,
    standing: Standing,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """What is in the project is paid by who pays for ``after``, at their prices. Nothing
    happens where that is who has paid. ``standing`` is the actor's on the project.

    Raises: Forbidden for who may not spend the other's money, PaymentRequired where that cannot
    pay, ValidationFailed for a tier that has no price for it, LimitExceeded for too many
    different ones, UpstreamError, Unasked.
    """
    was, is_now = paying_scope(before), paying_scope(after)
    if was == is_now:
        return
    living = [one for one in work.resources.of(before.project_id) if one.status not in ENDED]
    paid = [one for one in living if _is_paid(one, platform)]
    is_to_be_paid = any(one.came_unpriced for one in living)  # once its price is known
    if not paid and not is_to_be_paid:
        return
    payer = payer_of(work, after, actor, platform.now())
    require_consent(payer, standing)
    if not paid:
        work.billing.touch([is_now], platform.now())
        return
    require_means(work, payer, platform.now())
    # What is sold no more is paid in one thing alone, so it comes first.
    paid.sort(key=lambda one: _is_sold(one, platform))
    repriced = [(one, _at_prices_of(work, payer, one, platform)) for one in paid]
    wanted = [PriceId(after.stripe_price_id) for _, after in repriced if after.stripe_price_id]
    require_not_too_many(work, payer, wanted)
    keep(work, repriced, actor=actor, platform=platform)
    account = payer.as_of_now(work).account
    if account is not None:
        days = _trial_days(work, was, paid, platform)
        limit_trial(work, is_now, limited(account, days), platform)
    work.billing.touch([was], platform.now(), paid=PaidChange.LESS)
    work.billing.touch([is_now], platform.now(), paid=PaidChange.OTHER)


def _is_paid(resource: Resource, platform: Platform) -> bool:
    """Or is about to be."""
    is_unpriced = resource.came_unpriced and _is_sold(resource, platform)
    return resource.stripe_price_id is not None or is_unpriced


def _is_sold(resource: Resource, platform: Platform) -> bool:
    tier = tier_of(resource.type, resource.sku, platform)
    return tier is not None and bool(tier.prices)


def _trial_days(work: UnitOfWork, was: Scope, paid: Sequence[Resource], platform: Platform) -> int:
    """Of what somebody else pays for from now on: what was tried or paid for has none left."""
    if work.billing.have_subscribed(was):
        return 0
    tiers = (tier_of(one.type, one.sku, platform) for one in paid)
    return min((0 if tier is None else tier.trial_days for tier in tiers), default=0)


def _at_prices_of(
    work: UnitOfWork, payer: Payer, resource: Resource, platform: Platform
) -> Resource:
    tier = tier_of(resource.type, resource.sku, platform)
    if tier is None or not tier.prices:
        _settle_on(work, payer, resource, platform)
        return resource  # of a tier that is sold no more; it costs what it cost
    price_id = priced(work, tier, payer, platform)
    return evolve(resource, stripe_price_id=price_id.value, came_unpriced=False)


def _settle_on(work: UnitOfWork, payer: Payer, resource: Resource, platform: Platform) -> None:
    """What ``payer`` pays in is what the resource is paid in. Raises: ValidationFailed where it is
    not."""
    price = paid_price(work, resource, platform)
    account = payer.as_of_now(work).account
    if price is None or account is None:
        return
    terms = terms_in(work, account)
    is_on = terms.currency in (None, price.each.currency)
    if not is_on or terms.interval not in (None, price.interval):
        detail = (
            f"Resource {resource.resource_id} is of a tier that is sold no more, and is paid in "
            f"{price.each.currency} each {price.interval}, which {payer.scope} does not pay in. "
            "Give it another tier first."
        )
        raise ValidationFailed([Fault("/inherits", "not_sold", detail)])
    settle_terms(work, account, Terms(price.each.currency, price.interval), platform)
