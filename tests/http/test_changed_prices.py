"""Nobody pays another amount than the one that the catalog shows."""

from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.billing import Interval, Money
from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.offers import offers_of
from tests.http.marks import on_both_stores
from tests.http.world import API, Caller, World, refusal

pytestmark = [on_both_stores, pytest.mark.priced, pytest.mark.usefixtures("plant")]
RESOURCES = "/projects/plant/resources"


def wish(world: World, resource_id: str) -> dict[str, Any]:
    tier = next(tier for tier in world.kind.offered() if tier.prices)
    return world.wish(resource_id, sku=tier.sku)


@pytest.fixture
def paying(world: World, ada: Caller) -> Caller:
    opened = ada.post("/organizations/acme/billing/customer").json["stripe_customer"]
    world.payments.add_method(CustomerId(opened["id"]))
    return ada


@pytest.mark.parametrize(
    "other",
    [{"each": Money(1, "eur")}, {"each": Money(1, "chf")}, {"interval": Interval.YEAR}],
    ids=["amount", "currency", "interval"],
)
def test_what_costs_something_else_there_cannot_be_had(
    world: World, paying: Caller, other: dict[str, Any]
) -> None:
    key = next(tier for tier in world.kind.offered() if tier.prices).prices[0].lookup_key
    offer = next(one for one in offers_of(world.catalog) if one.lookup_key == key)
    world.payments.offer(evolve(offer, **other), key="by hand")
    refused = paying.client.simulate_post(
        API + RESOURCES,
        json=wish(world, "one"),
        headers={"Authorization": f"Bearer {paying.token}"},
    )
    assert refusal(refused) == (502, "upstream_error")
    assert f"no price {key} as the catalog says" in refused.json["detail"]
    assert "ktrlplane payments sync" in refused.json["detail"]
    assert paying.get("/resources/one").status_code == 404


def test_what_costs_the_same_there_is_had_at_the_newest_price(
    world: World, paying: Caller
) -> None:
    key = next(tier for tier in world.kind.offered() if tier.prices).prices[0].lookup_key
    offer = next(one for one in offers_of(world.catalog) if one.lookup_key == key)
    price = world.payments.offer(offer, key="once more")
    made = paying.post(RESOURCES, wish(world, "one"))
    assert made.status_code == 201
    assert made.json["stripe_price_id"] == price.price_id.value
