from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from ktrlplane.adapters.stripe import reading
from ktrlplane.adapters.stripe.calls import Calls
from ktrlplane.domain.billing import Meter, Offer, Price, Product
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.ids import PriceId, ProductId
from ktrlplane.ports.payments import Offers

KEYS_AT_ONCE: Final = 10
"""Lookup keys that one question may have."""


class StripeOffers(Offers):
    _calls: Calls

    def prices(self, lookup_keys: Iterable[str]) -> Mapping[str, Price]:
        keys = sorted(set(lookup_keys))
        parts = (keys[at : at + KEYS_AT_ONCE] for at in range(0, len(keys), KEYS_AT_ONCE))
        found = (price for part in parts for price in self._prices(part))
        return {price.lookup_key: price for price in found if price.lookup_key is not None}

    def _prices(self, keys: list[str]) -> Iterable[Price]:
        ask = self._calls.v1.prices.list
        answers = self._calls.read(
            lambda: ask({"lookup_keys": keys, "active": True, "limit": 100}).to_dict()
        )
        read = map(reading.price, answers["data"])
        return [price for price in read if price is not None]

    def known_prices(self, price_ids: Iterable[PriceId]) -> Mapping[PriceId, Price]:
        retrieve = self._calls.v1.prices.retrieve
        answers = [
            self._calls.find(partial(retrieve, str(price_id))) for price_id in set(price_ids)
        ]
        read = [reading.price(answer) for answer in answers if answer is not None]
        return {price.price_id: price for price in read if price is not None}

    def offered(self) -> Sequence[Price]:
        ask = self._calls.v1.prices.list
        answers = self._calls.read(
            lambda: [
                one.to_dict()
                for one in ask(
                    {"active": True, "type": "recurring", "limit": 100}
                ).auto_paging_iter()
            ]
        )
        read = (price for price in map(reading.price, answers) if price is not None)
        keyed = {price.lookup_key: price for price in read if price.lookup_key}
        return [keyed[key] for key in sorted(keyed)]

    def offer(self, offer: Offer, *, key: str) -> Price:
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.prices.create(
                {
                    "product": str(offer.product_id),
                    "lookup_key": offer.lookup_key,
                    "transfer_lookup_key": True,
                    "unit_amount": offer.each.amount,
                    "currency": offer.each.currency,
                    "recurring": {"interval": offer.interval.value},
                },
                options,
            ),
        )
        price = reading.price(answer)
        if price is None:
            raise UpstreamError("The payment provider made another price than it was asked for.")
        return price

    def products(self) -> Sequence[Product]:
        ask = self._calls.v1.products.list
        answers = self._calls.read(
            lambda: [one.to_dict() for one in ask({"limit": 100}).auto_paging_iter()]
        )
        read = (
            Product(product_id=ProductId(one["id"]), name=one["name"], active=one["active"])
            for one in answers
            if ProductId.takes(one["id"])
        )
        return sorted(read, key=lambda product: product.product_id)

    def put_product(self, product: Product, *, key: str) -> None:
        products, product_id = self._calls.v1.products, str(product.product_id)
        if self._calls.find(lambda: products.retrieve(product_id)) is None:
            self._calls.write(
                f"{key}/made",
                lambda options: products.create(
                    {"id": product_id, "name": product.name, "active": product.active}, options
                ),
            )
            return
        self._calls.write(
            key,
            lambda options: products.update(
                product_id, {"name": product.name, "active": product.active}, options
            ),
        )

    def meters(self) -> Sequence[Meter]:
        read = (
            Meter(event_name=one["event_name"], display_name=one["display_name"])
            for one in self._counting()
        )
        return sorted(read, key=lambda meter: meter.event_name)

    def _counting(self) -> Sequence[Mapping[str, Any]]:
        ask = self._calls.v1.billing.meters.list
        return self._calls.read(
            lambda: [
                one.to_dict() for one in ask({"status": "active", "limit": 100}).auto_paging_iter()
            ]
        )

    def put_meter(self, meter: Meter, *, key: str) -> None:
        meters = self._calls.v1.billing.meters
        there = {one["event_name"]: str(one["id"]) for one in self._counting()}
        meter_id = there.get(meter.event_name)
        if meter_id is not None:
            self._calls.write(
                key,
                lambda options: meters.update(
                    meter_id, {"display_name": meter.display_name}, options
                ),
            )
            return
        self._calls.write(
            f"{key}/made",
            lambda options: meters.create(
                {
                    "event_name": meter.event_name,
                    "display_name": meter.display_name,
                    "default_aggregation": {"formula": "sum"},
                },
                options,
            ),
        )
