"""What came from before there was billing (product.md R5.3): it is looked at once what it costs.
Whatever else has no price was for nothing when it was chosen, and stays so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from ktrlplane.domain.billing import Price
from ktrlplane.domain.billing_accounts import BillingAccount, Terms
from ktrlplane.domain.catalog import ResourceType, Tier
from ktrlplane.domain.offers import is_of, product_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.payers import is_on, quoted, terms_of
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.terms import prices_in
from ktrlplane.domain.services.transitions import keep
from ktrlplane.ports.payment_questions import PricesOf, learn
from ktrlplane.ports.unit_of_work import UnitOfWork


def price_what_came(
    work: UnitOfWork, account: BillingAccount, platform: Platform
) -> tuple[BillingAccount, int]:
    """It gets the price at which its customer pays for such a thing already, or the catalog's;
    what costs nothing goes on so. What the catalog does not know, or the provider does not sell,
    is looked at again: so many are left. Nobody was asked so far, so they have the grace period.
    Raises: Unasked, UpstreamError."""
    came = work.billing.unpriced(account.scope)
    if not came:
        return account, 0
    known = list(_in_catalog(came, platform))
    paid, sold = prices_in(work, account), _sold(work, known)
    terms, changes = _terms_for_all(known, account.terms, sold), []
    for one, kind, tier in known:
        price = _price_of(kind, tier, terms, paid, sold)
        if price is not None:
            terms = Terms(price.each.currency, price.interval)
            priced = evolve(one, stripe_price_id=price.price_id.value, came_unpriced=False)
            changes.append((one, priced))
    free = [evolve(one, came_unpriced=False) for one, _, tier in known if not tier.prices]
    work.resources.replace_all(free)
    keep(work, changes, actor=None, platform=platform)
    if changes:
        work.billing.change(_asked(evolve(account, terms=terms), platform))
    left = len(came) - len(free) - len(changes)
    return work.billing.find(account.scope) or account, left


def _asked(account: BillingAccount, platform: Platform) -> BillingAccount:
    now = platform.now()
    if account.has_lapsed:
        return evolve(account, updated_at=now)
    grace_until = account.grace_until or now + platform.payment_grace
    return evolve(account, grace_until=grace_until, updated_at=now)


_Known = tuple[Resource, ResourceType, Tier]


def _in_catalog(came: Iterable[Resource], platform: Platform) -> Iterator[_Known]:
    for one in came:
        kind = platform.catalog.resource_type(one.type)
        tier = None if kind is None else kind.tier(one.sku)
        if kind is not None and tier is not None:
            yield one, kind, tier


def _terms_for_all(known: Sequence[_Known], terms: Terms, sold: Mapping[str, Price]) -> Terms:
    """The first in which all of them can be had, as far as ``terms`` leave that open."""
    priced = [tier for _, _, tier in known if tier.prices]
    for one in priced[0].prices if priced else ():
        listed = [quoted(tier, terms_of(one)) for tier in priced]
        are_sold = all(there is not None and there.lookup_key in sold for there in listed)
        if is_on(one, terms) and are_sold:
            return terms_of(one)
    return terms


def _sold(work: UnitOfWork, known: Sequence[_Known]) -> Mapping[str, Price]:
    """By lookup key. Raises: Unasked, UpstreamError."""
    keys = {price.lookup_key for _, _, tier in known for price in tier.prices}
    return learn(work.known, PricesOf(tuple(sorted(keys)))) if keys else {}


def _price_of(
    kind: ResourceType,
    tier: Tier,
    terms: Terms,
    paid: Sequence[Price],
    sold: Mapping[str, Price],
) -> Price | None:
    if not tier.prices:
        return None
    products = {sold[one.lookup_key].product_id for one in tier.prices if one.lookup_key in sold}
    products.add(product_of(kind, tier).product_id)
    already = next((price for price in paid if price.product_id in products), None)
    listed = quoted(tier, terms)
    there = None if listed is None else sold.get(listed.lookup_key)
    is_sold = there is not None and listed is not None and is_of(there, listed)
    return already or (there if is_sold else None)
