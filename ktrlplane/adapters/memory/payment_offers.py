from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve

from ktrlplane.adapters.memory.payment_keys import Once
from ktrlplane.domain.billing import Meter, Offer, Price, Product
from ktrlplane.domain.ids import PriceId, ProductId
from ktrlplane.ports.payments import NotAccepted, Offers

REFUSED: Final = "The payment provider did not accept this; the operator's log says why."


class MemoryOffers(Once, Offers):
    def __init__(self) -> None:
        super().__init__()
        self._prices: dict[PriceId, Price] = {}
        self._products: dict[ProductId, Product] = {}
        self._meters: dict[str, Meter] = {}

    def prices(self, lookup_keys: Iterable[str]) -> Mapping[str, Price]:
        with self._lock:
            keys = set(lookup_keys)
            found = (price for price in self._prices.values() if price.active)
            return {price.lookup_key: price for price in found if price.lookup_key in keys}

    def known_prices(self, price_ids: Iterable[PriceId]) -> Mapping[PriceId, Price]:
        with self._lock:
            return {one: self._prices[one] for one in price_ids if one in self._prices}

    def offered(self) -> Sequence[Price]:
        with self._lock:
            keyed = {price.lookup_key: price for price in self._prices.values() if price.active}
            return [keyed[key] for key in sorted(key for key in keyed if key is not None)]

    def offer(self, offer: Offer, *, key: str) -> Price:
        def make() -> Price:
            if offer.product_id not in self._products:
                raise NotAccepted(REFUSED)
            for price in self.prices([offer.lookup_key]).values():
                self._prices[price.price_id] = evolve(price, lookup_key=None)
            price = Price(
                price_id=PriceId(self._new("price")),
                product_id=offer.product_id,
                lookup_key=offer.lookup_key,
                each=offer.each,
                interval=offer.interval,
            )
            self._prices[price.price_id] = price
            return price

        return self._once(key, offer, make)

    def products(self) -> Sequence[Product]:
        with self._lock:
            return sorted(self._products.values(), key=lambda product: product.product_id)

    def put_product(self, product: Product, *, key: str) -> None:
        self._once(key, product, lambda: self._products.update({product.product_id: product}))

    def meters(self) -> Sequence[Meter]:
        with self._lock:
            return sorted(self._meters.values(), key=lambda meter: meter.event_name)

    def put_meter(self, meter: Meter, *, key: str) -> None:
        self._once(key, meter, lambda: self._meters.update({meter.event_name: meter}))
