"""What the catalog sells, in the words of payments."""

from collections.abc import Iterator

from ktrlplane.domain.billing import Interval, Money, Offer, Price, Product
from ktrlplane.domain.catalog import Catalog, ResourceType, Tier
from ktrlplane.domain.catalog import Price as Listed
from ktrlplane.domain.ids import ProductId


def product_of(kind: ResourceType, tier: Tier) -> Product:
    product_id = ProductId(f"{kind.type}-{tier.sku}")
    return Product(product_id=product_id, name=f"{kind.display_name} {tier.display_name}")


def products_of(catalog: Catalog) -> Iterator[Product]:
    """One of each tier that has a price, in the order of the catalog."""
    for kind in catalog.resource_types:
        for tier in kind.tiers:
            if tier.prices:
                yield product_of(kind, tier)


def offers_of(catalog: Catalog) -> Iterator[Offer]:
    """In the order of the catalog."""
    for kind in catalog.resource_types:
        for tier in kind.tiers:
            for price in tier.prices:
                yield Offer(
                    product_id=product_of(kind, tier).product_id,
                    lookup_key=price.lookup_key,
                    each=Money(price.amount, price.currency),
                    interval=Interval(price.interval),
                )


def is_of(price: Price, listed: Listed) -> bool:
    """Whether one pays at the provider's ``price`` what the catalog says."""
    wanted = (Money(listed.amount, listed.currency), Interval(listed.interval))
    return (price.each, price.interval) == wanted
