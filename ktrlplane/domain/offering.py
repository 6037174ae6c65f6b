"""What leads from what the payment provider sells to what the catalog does.

Prices are made and never changed: a new one takes the lookup key over, and who pays the one
before goes on so. What the catalog does not name is left as it is.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final, Self

from attrs import evolve, field, frozen

from ktrlplane.domain.billing import Meter, Offer, Price, Product
from ktrlplane.domain.catalog import Catalog, ResourceType
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.ids import ProductId
from ktrlplane.domain.offers import offers_of, product_of, products_of

_LONGEST: Final = 100
"""Of the names that a provider's events may have."""


@frozen(kw_only=True)
class KeptProduct:
    """A tier's product that is there under an id of its own."""

    type: str
    sku: str
    product_id: ProductId

    def __str__(self) -> str:
        return f"{self.type}:{self.sku}={self.product_id}"


@frozen(kw_only=True)
class Sold:
    """What there is at the provider: ``prices`` are those that can be bought under a lookup
    key, ``meters`` those that count, ``products`` all."""

    products: tuple[Product, ...] = ()
    prices: tuple[Price, ...] = ()
    meters: tuple[Meter, ...] = ()


@frozen(kw_only=True)
class PutProduct:
    """``before`` is None for one that is to be made."""

    product: Product
    before: Product | None

    def key(self, run: str) -> str:
        """One for each ``run``: what is put there twice is there once, and a name that comes
        back is no repetition."""
        return f"{run}/product/{_digest(self.product.product_id)}"


@frozen(kw_only=True)
class MakePrice:
    """``before`` is the one that loses the lookup key."""

    offer: Offer
    before: Price | None

    def key(self, run: str) -> str:
        """The same in each ``run``, so that it is made once. An amount that comes back replaces
        another price than the first time."""
        return f"offer/{_digest(self.offer, self.before and self.before.price_id)}"


@frozen(kw_only=True)
class PutMeter:
    """``before`` is None for one that is to be made."""

    meter: Meter
    before: Meter | None

    def key(self, run: str) -> str:
        """One for each ``run`` where it is there already."""
        made = f"meter/{_digest(self.meter)}"
        return made if self.before is None else f"{run}/{made}"


Step = PutProduct | MakePrice | PutMeter
Stray = Product | Price | Meter
"""What the provider has and the catalog does not name (any more)."""


@frozen(kw_only=True)
class Offering:
    """What the catalog sells, with the ids that products have at the provider."""

    products: tuple[Product, ...]
    offers: tuple[Offer, ...]
    meters: tuple[Meter, ...]
    _kinds: Mapping[ProductId, Product] = field(init=False, repr=False, eq=False)

    @_kinds.default
    def _(self) -> Mapping[ProductId, Product]:
        return {product.product_id: product for product in self.products}

    @classmethod
    def of(cls, catalog: Catalog, kept: tuple[KeptProduct, ...] = ()) -> Self:
        """Raises: ValidationFailed, where ``kept`` is of tiers that have no price, or two tiers
        would be one product."""
        known = _renamed(catalog, kept)
        products = (
            evolve(product, product_id=known[product.product_id])
            for product in products_of(catalog)
        )
        offers = (
            evolve(offer, product_id=known[offer.product_id]) for offer in offers_of(catalog)
        )
        meters = (
            Meter(
                event_name=event_name(kind, meter.name),
                display_name=f"{kind.display_name} {meter.display_name}",
            )
            for kind in catalog.resource_types
            for meter in kind.meters
        )
        return cls(products=tuple(products), offers=tuple(offers), meters=tuple(meters))

    def steps(self, sold: Sold) -> Iterator[Step]:
        """In the order in which they can be taken. Whoever stops in the midst looks again, and
        goes on from there."""
        products = {product.product_id: product for product in sold.products}
        prices = {price.lookup_key: price for price in sold.prices}
        meters = {meter.event_name: meter for meter in sold.meters}
        for product in self.products:
            there = products.get(product.product_id)
            if there != product:
                yield PutProduct(product=product, before=there)
        for offer in self.offers:
            price = prices.get(offer.lookup_key)
            if price is None or not is_at(price, offer):
                yield MakePrice(offer=offer, before=price)
        for meter in self.meters:
            counting = meters.get(meter.event_name)
            if counting != meter:
                yield PutMeter(meter=meter, before=counting)

    def strays(self, sold: Sold) -> Iterator[Stray]:
        """Of prices those of products that the catalog does name."""
        keys = {offer.lookup_key for offer in self.offers}
        events = {meter.event_name for meter in self.meters}
        for product in sold.products:
            if product.active and product.product_id not in self._kinds:
                yield product
        for price in sold.prices:
            if price.product_id in self._kinds and price.lookup_key not in keys:
                yield price
        for meter in sold.meters:
            if meter.event_name not in events:
                yield meter


def is_at(price: Price, offer: Offer) -> bool:
    wanted = (offer.product_id, offer.each, offer.interval)
    return (price.product_id, price.each, price.interval) == wanted


def event_name(kind: ResourceType, meter: str) -> str:
    """By which usage of ``meter``, one of ``kind``'s, is told to the provider."""
    whole = f"{kind.type}-{meter}"
    if len(whole) <= _LONGEST:
        return whole
    mark = _digest(whole)
    return f"{whole[: _LONGEST - len(mark) - 1]}-{mark}"


def _renamed(catalog: Catalog, kept: tuple[KeptProduct, ...]) -> Mapping[ProductId, ProductId]:
    """From the ids that products would have to those that they have."""
    known = {product.product_id: product.product_id for product in products_of(catalog)}
    faults, said = [], set()
    for one in kept:
        own = _own(catalog, one)
        if own is None:
            detail = f"{one} keeps the product of a tier that the catalog has no price of."
            faults.append(Fault("/kept", "unknown_tier", detail))
        elif own in said:
            detail = f"{one} is a second product to keep for {own}; keep one."
            faults.append(Fault("/kept", "duplicate", detail))
        else:
            known[own] = one.product_id
            said.add(own)
    faults += _taken_twice(known)
    if faults:
        raise ValidationFailed(faults)
    return known


def _own(catalog: Catalog, kept: KeptProduct) -> ProductId | None:
    """The id that the product would have; None for what has no price."""
    kind = catalog.resource_type(kept.type)
    tier = None if kind is None else kind.tier(kept.sku)
    if kind is None or tier is None or not tier.prices:
        return None
    return product_of(kind, tier).product_id


def _taken_twice(known: Mapping[ProductId, ProductId]) -> Iterator[Fault]:
    taken: dict[ProductId, ProductId] = {}
    for own, product_id in known.items():
        other = taken.setdefault(product_id, own)
        if other != own:
            detail = f"{other} and {own} would both be the product {product_id}."
            yield Fault("/kept", "duplicate", detail)


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:16]
