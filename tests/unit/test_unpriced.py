"""What came from before there was billing, and what has no price since it was for nothing."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval, Money, Plan, Profile, SubscriptionItems
from ktrlplane.domain.billing_accounts import BillingAccount, BillingFault
from ktrlplane.domain.catalog import Price
from ktrlplane.domain.errors import Forbidden, PaymentRequired
from ktrlplane.domain.ids import CustomerId, PriceId, ResourceId
from ktrlplane.domain.offers import offers_of, products_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import billing, subscribing
from tests.builders import on
from tests.buying import ACME, GOLD, GRAND, PLANT, TYPE, Scene

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD, SOLO = on("organization old"), on("project solo")


@pytest.fixture
def scene() -> Scene:
    """With an organization of before, and a project of its own."""
    made = Scene()
    made.ada.create_organization(id="old", name="Old")
    made.ada.create_project(id="oldp", name="P", org_id="old")
    made.ada.create_project(id="solo", name="P")
    return made


def resource(scene: Scene, name: str = "r") -> Resource:
    with scene.control.transact.units.view() as work:
        return work.resources.get(ResourceId(name))


def price(scene: Scene, key: str) -> PriceId:
    return scene.there.prices([key])[key].price_id


def customer(scene: Scene, scope: Scope) -> CustomerId:
    """Of the former system, with a card."""
    profile = Profile(scope=scope, name="C", email="c@example.com")
    made = scene.there.open_customer(profile, key=f"{scope}").customer_id
    scene.there.make_default(made, scene.there.add_method(made), key=f"{scope} card")
    return made


def mark(scene: Scene, *names: str, project: str = "oldp", sku: str = "gold") -> None:
    """Resources as they came, without a price."""
    for name in names:
        scene.buy(name, "free", project)
    with scene.control.transact.units.begin() as work:
        found = work.resources.among([ResourceId(name) for name in names])
        work.resources.replace_all([evolve(one, sku=sku, came_unpriced=True) for one in found])


def came(scene: Scene, *names: str, sku: str = "gold", **but: Any) -> None:
    """With an account of the organization that knows ``but``, looked at."""
    mark(scene, *names, sku=sku)
    with scene.control.transact.units.begin() as work:
        work.billing.change(evolve(BillingAccount.of(OLD, scene.clock.now()), **but))
        work.billing.touch([OLD], scene.clock.now())
    scene.control.catch_up()


def subscribed(scene: Scene, items: dict[PriceId, int]) -> dict[str, Any]:
    """What an account knows of a subscription to these."""
    customer_id = customer(scene, OLD)
    plan = Plan(items=SubscriptionItems(items), revision=1)
    there = scene.there.subscribe(customer_id, plan)
    return {"customer_id": customer_id, "subscription_id": there.subscription_id}


def sell_what_was_free(scene: Scene) -> None:
    kettle, *others = scene.catalog.resource_types
    prices = tuple(
        Price(lookup_key=f"free-eur-{interval}", amount=700, currency="eur", interval=interval)
        for interval in Interval
    )
    tiers = [evolve(one, prices=prices) if one.sku == "free" else one for one in kettle.tiers]
    changed = (evolve(kettle, tiers=tuple(tiers)), *others)
    scene.catalog = evolve(scene.catalog, resource_types=changed)
    for product in products_of(scene.catalog):
        scene.there.put_product(product, key=f"{product}")
    for offer in offers_of(scene.catalog):
        scene.there.offer(offer, key=f"{offer}")
    scene.serve()


def add_card(scene: Scene, scope: Scope) -> None:
    customer_id = scene.account(scope).customer_id
    method = scene.there.add_method(customer_id)
    scene.there.make_default(customer_id, method, key=f"{scope} card")


# -- what was for nothing ----------------------------------------------------------------------


def test_a_customer_that_came_is_not_billed_for_what_gets_a_price_later(scene: Scene) -> None:
    came(scene, customer_id=customer(scene, OLD))
    scene.buy("f", "free", "oldp")
    sell_what_was_free(scene)
    scene.pass_time(7 * HOUR)
    assert scene.billed(OLD) == []


def test_nor_is_who_becomes_a_customer_by_then(scene: Scene) -> None:
    scene.buy("f", "free", "solo")
    sell_what_was_free(scene)
    scene.act(billing.open_customer, SOLO)
    add_card(scene, SOLO)
    scene.pass_time(7 * HOUR)
    assert resource(scene, "f").stripe_price_id is None
    assert scene.billed(SOLO) == []


def test_nor_is_who_chooses_what_to_pay_in(scene: Scene) -> None:
    scene.buy("f", "free")
    sell_what_was_free(scene)
    scene.act(subscribing.subscribe, ACME, subscribing.Subscribe(interval=Interval.YEAR))
    scene.pass_time(7 * HOUR)
    assert scene.billed() == []


def test_who_begins_again_pays_for_what_they_paid_for(scene: Scene) -> None:
    scene.buy("one", "gold")
    scene.buy("f", "free")
    sell_what_was_free(scene)
    scene.act(lambda work, **asked: billing.cancel(work, ACME, key="k", **asked))
    scene.pass_time(40 * DAY)
    scene.act(subscribing.subscribe, ACME, subscribing.Subscribe())
    assert scene.billed() == [GOLD, GOLD]


def test_what_came_in_a_tier_for_nothing_is_not_billed_later(scene: Scene) -> None:
    came(scene, "r", sku="free", customer_id=customer(scene, OLD))
    assert not resource(scene).came_unpriced
    sell_what_was_free(scene)
    scene.pass_time(7 * HOUR)
    assert scene.billed(OLD) == []


# -- what was not ------------------------------------------------------------------------------


def test_what_came_unpriced_is_paid_for_from_then(scene: Scene) -> None:
    came(scene, "r", customer_id=customer(scene, OLD))
    assert resource(scene).stripe_price_id == price(scene, "gold-eur-month").value
    assert not resource(scene).came_unpriced
    assert scene.billed(OLD) == [GOLD]
    assert scene.account(OLD).terms.currency == "eur"


def test_who_was_not_asked_has_time_although_they_are_a_customer_by_now(scene: Scene) -> None:
    """The operator had the provider sell it later."""
    dearer = scene.catalog
    scene.raise_prices(100)
    kept, scene.catalog = scene.catalog, dearer
    scene.serve()
    came(scene, "r")
    scene.act(billing.open_customer, OLD)
    assert resource(scene).came_unpriced, "nobody pays another amount than the catalog says"
    scene.catalog = kept
    scene.serve()
    scene.pass_time(7 * HOUR)
    assert scene.account(OLD).fault is BillingFault.PAYMENT_METHOD_MISSING
    assert not scene.account(OLD).has_lapsed
    scene.pass_time(8 * DAY)
    assert resource(scene).holds


def test_what_is_suspended_already_does_not_run_for_that(scene: Scene) -> None:
    scene.act(billing.open_customer, OLD)
    add_card(scene, OLD)
    scene.there.decline(scene.account(OLD).customer_id)
    scene.buy("bad", "gold", "oldp")
    scene.pass_time(HOUR)
    assert resource(scene, "bad").holds
    mark(scene, "r")
    scene.pass_time(7 * HOUR)
    assert resource(scene).holds
    assert resource(scene, "bad").holds


def test_who_came_with_a_subscription_keeps_their_price(scene: Scene) -> None:
    was = price(scene, "gold-eur-month")
    known = subscribed(scene, {was: 1})
    scene.raise_prices(900)
    came(scene, "r", **known)
    assert scene.living(OLD).items == SubscriptionItems({was: 1})
    assert resource(scene).stripe_price_id == was.value


def test_what_they_do_not_pay_for_yet_is_in_what_they_pay_in(scene: Scene) -> None:
    gold, grand = price(scene, "gold-usd-month"), price(scene, "grand-usd-month")
    came(scene, "r", sku="grand", **subscribed(scene, {gold: 1}))
    assert scene.living(OLD).items == SubscriptionItems({grand: 1})


@pytest.mark.parametrize(("first", "second"), [("gold", "grand"), ("grand", "gold")])
def test_all_that_came_is_paid_in_what_all_of_it_can_be_had_in(
    scene: Scene, first: str, second: str
) -> None:
    kettle, *others = scene.catalog.resource_types
    tiers = tuple(
        evolve(one, prices=tuple(price for price in one.prices if price.currency == "usd"))
        if one.sku == "grand"
        else one
        for one in kettle.tiers
    )
    changed = (evolve(kettle, tiers=tiers), *others)
    scene.catalog = evolve(scene.catalog, resource_types=changed)
    scene.serve()
    mark(scene, "a", sku=first)
    came(scene, "b", sku=second, customer_id=customer(scene, OLD))
    gold, grand = price(scene, "gold-usd-month"), price(scene, "grand-usd-month")
    assert scene.living(OLD).items == SubscriptionItems({gold: 1, grand: 1})


def test_what_the_catalog_does_not_know_waits(scene: Scene) -> None:
    came(scene, "other", sku="unheard-of", customer_id=customer(scene, OLD))
    assert resource(scene, "other").came_unpriced
    assert resource(scene, "other").stripe_price_id is None


def sell(scene: Scene, sku: str) -> None:
    """A tier that the catalog did not know."""
    kettle, *others = scene.catalog.resource_types
    (gold,) = (one for one in kettle.tiers if one.sku == "gold")
    prices = tuple(
        Price(
            lookup_key=f"{sku}-{one.currency}-{one.interval}",
            amount=one.amount,
            currency=one.currency,
            interval=one.interval,
        )
        for one in gold.prices
    )
    changed = evolve(kettle, tiers=(*kettle.tiers, evolve(gold, sku=sku, prices=prices)))
    scene.catalog = evolve(scene.catalog, resource_types=(changed, *others))
    for product in products_of(scene.catalog):
        scene.there.put_product(product, key=f"{product}")
    for offer in offers_of(scene.catalog):
        scene.there.offer(offer, key=f"{offer}")
    scene.serve()


def test_what_they_pay_for_goes_on_until_its_price_is_known(scene: Scene) -> None:
    """Nobody knows which of it is for what came."""
    was = price(scene, "gold-eur-month")
    came(scene, "one", "two", sku="platinum", **subscribed(scene, {was: 2}))
    assert scene.living(OLD).items == SubscriptionItems({was: 2})
    grand = price(scene, "grand-eur-month")
    told = scene.estimate(OLD, type=TYPE, sku="grand")
    assert told.next_invoice is not None
    assert (told.now, told.then) == (Money(2 * GOLD, "eur"), Money(2 * GOLD + GRAND, "eur"))
    scene.buy("x", "grand", "oldp")
    assert scene.living(OLD).items == SubscriptionItems({was: 2, grand: 1})
    scene.pass_time(32 * DAY)
    assert scene.billed(OLD)[0] == told.next_invoice.total.amount
    sell(scene, "platinum")
    scene.pass_time(7 * HOUR)
    platinum = price(scene, "platinum-eur-month")
    assert scene.living(OLD).items == SubscriptionItems({platinum: 2, grand: 1})
    assert len(scene.there.subscriptions(scene.account(OLD).customer_id)) == 1


def test_what_they_pay_for_ends_with_what_it_was_for(scene: Scene) -> None:
    was = price(scene, "gold-eur-month")
    came(scene, "one", sku="platinum", **subscribed(scene, {was: 1}))
    customer_id = scene.account(OLD).customer_id
    scene.ada.delete_resource("one")
    scene.pass_time(7 * HOUR)
    assert scene.there.subscriptions(customer_id) == []


def test_who_came_with_a_subscription_that_is_over_has_time_too(scene: Scene) -> None:
    known = subscribed(scene, {price(scene, "gold-eur-month"): 1})
    scene.there.end(known["subscription_id"])
    came(scene, "r", **known)
    assert scene.account(OLD).fault is BillingFault.SUBSCRIPTION_ENDED
    assert not resource(scene).holds
    scene.pass_time(8 * DAY)
    assert resource(scene).holds


def test_whoever_pays_by_then_pays_once_the_price_is_known(scene: Scene) -> None:
    mark(scene, "r", project="solo", sku="platinum")
    scene.ada.move_project("solo", org_id="old")
    scene.inherit("solo", inherits=True)
    sell(scene, "platinum")
    scene.pass_time(7 * HOUR)
    assert resource(scene).stripe_price_id == price(scene, "platinum-eur-month").value
    assert scene.account(OLD).fault is BillingFault.PAYMENT_METHOD_MISSING


def test_who_gives_it_another_tier_has_chosen(scene: Scene) -> None:
    came(scene, "r", sku="unheard-of", customer_id=customer(scene, OLD))
    scene.ada.update_resource("r", sku="free")
    assert not resource(scene).came_unpriced


def test_an_organization_pays_for_what_comes_to_it_unpriced_when_it_says_so(scene: Scene) -> None:
    """Before anybody has looked."""
    mark(scene, "r", project="solo")
    scene.ada.move_project("solo", org_id="old")
    with pytest.raises(PaymentRequired):
        scene.inherit("solo", inherits=True)
    scene.act(billing.open_customer, OLD)
    add_card(scene, OLD)
    scene.inherit("solo", inherits=True)
    assert not resource(scene).came_unpriced
    assert scene.billed(OLD) == [GOLD]


def test_nobody_has_others_pay_for_what_has_no_price_yet(scene: Scene) -> None:
    """The project would pay for itself; Ben may do anything with it but spend its money."""
    mark(scene, "r", sku="platinum")
    scene.ada.create_role("old", name="Mover", permissions=["read", "write", "delete"])
    ben = scene.control.sign_in("ben", email="ben@example.com")
    scene.ada.grant("Mover", on="project:oldp", to="ben")
    with pytest.raises(Forbidden, match="manage_billing"):
        ben.move_project("oldp", org_id=None)
    scene.ada.move_project("oldp", org_id=None)
    assert scene.account(on("project oldp")).due_at is not None, "somebody looks"


# -- what is paid in ---------------------------------------------------------------------------


@pytest.mark.parametrize("paid_in", ["usd-month", "eur-year"])
def test_who_came_paying_in_something_goes_on_in_that(scene: Scene, paid_in: str) -> None:
    gold, grand = (price(scene, f"{sku}-{paid_in}") for sku in ("gold", "grand"))
    came(scene, "r", **subscribed(scene, {gold: 1}))
    scene.buy("x", "grand", "oldp")
    assert scene.living(OLD).items == SubscriptionItems({gold: 1, grand: 1})
    assert scene.account(OLD).fault is None


def test_who_buys_before_anybody_has_looked_does_too(scene: Scene) -> None:
    gold, grand = price(scene, "gold-usd-month"), price(scene, "grand-usd-month")
    known = subscribed(scene, {gold: 1})
    with scene.control.transact.units.begin() as work:
        work.billing.change(evolve(BillingAccount.of(OLD, scene.clock.now()), **known))
    assert scene.estimate(OLD, type=TYPE, sku="grand").then == Money(GRAND, "usd")
    assert scene.buy("x", "grand", "oldp").stripe_price_id == grand.value


def test_what_is_sold_no_more_settles_what_its_next_payer_pays_in(scene: Scene) -> None:
    scene.inherit("plant", inherits=False)
    scene.act(subscribing.subscribe, PLANT, subscribing.Subscribe(currency="usd"))
    gold, grand = price(scene, "gold-usd-month"), price(scene, "grand-usd-month")
    scene.buy("two", "gold")
    scene.buy("one", "grand")
    kettle, *others = scene.catalog.resource_types
    tiers = tuple(evolve(one, prices=()) if one.sku == "gold" else one for one in kettle.tiers)
    changed = (evolve(kettle, tiers=tiers), *others)
    scene.catalog = evolve(scene.catalog, resource_types=changed)
    scene.serve()
    scene.inherit("plant", inherits=True)
    assert scene.account(ACME).terms.currency == "usd"
    scene.buy("three", "grand", "mill")
    assert scene.living().items == SubscriptionItems({gold: 1, grand: 2})
    assert scene.account(ACME).fault is None
