"""What is sold becomes what the catalog sells, whatever was sold before and wherever it was
stopped; and nobody pays anything else for it."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import (
    Interval,
    Meter,
    Money,
    Offer,
    Plan,
    Price,
    Product,
    Profile,
    Subscription,
    SubscriptionItems,
)
from ktrlplane.domain.catalog import Catalog, ResourceType
from ktrlplane.domain.catalog import Price as Listed
from ktrlplane.domain.errors import OutcomeUnknown, UpstreamError, ValidationFailed
from ktrlplane.domain.ids import OrganizationId, ProductId
from ktrlplane.domain.offering import (
    KeptProduct,
    MakePrice,
    Offering,
    PutMeter,
    PutProduct,
    Sold,
    Step,
    event_name,
)
from ktrlplane.entrypoints.offering import sold_by, synchronize
from tests.platforms import CATALOG, a_meter, a_tier

KETTLE = CATALOG.resource_types[0]
ACME = Profile(scope=Scope.of(OrganizationId("acme")), name="Acme", email="a@acme.example")


def a_catalog(*kinds: ResourceType) -> Catalog:
    return Catalog(
        platform="Acme", resource_types=kinds, roles=(), permissions=(), creator_roles=()
    )


def a_kind(type_: str, tiers: dict[str, Sequence[Listed]], **but: Any) -> ResourceType:
    priced = tuple(a_tier(sku, prices=tuple(prices)) for sku, prices in tiers.items())
    return evolve(KETTLE, type=type_, aliases=(), tiers=priced, **{"meters": (), **but})


def listed(key: str, amount: int, currency: str = "eur", interval: str = "month") -> Listed:
    return Listed(lookup_key=key, amount=amount, currency=currency, interval=interval)


def selling(amount: int, name: str = "Kettle") -> Offering:
    kind = a_kind("Acme.Kettle", {"gold": [listed("gold", amount)]}, display_name=name)
    return Offering.of(a_catalog(kind))


def sync(payments: MemoryPayments, offering: Offering) -> list[Step]:
    return list(synchronize(payments, offering, sold_by(payments)))


# -- anything ---------------------------------------------------------------------------------

KINDS = [(currency, interval) for currency in ("eur", "usd") for interval in ("month", "year")]


@st.composite
def offerings(draw: st.DrawFn) -> Offering:
    """Few names, so that catalogs that follow each other have much in common and little alike:
    keys move between products, amounts come back, tiers go and return."""
    keys = iter(draw(st.permutations([f"key-{number}" for number in range(12)])))
    kinds = []
    for type_ in draw(st.sets(st.sampled_from(["Acme.Kettle", "Acme.Mug"]), min_size=1)):
        tiers = {
            sku: [
                listed(next(keys), draw(st.integers(1, 3)), *kind)
                for kind in draw(st.lists(st.sampled_from(KINDS), max_size=3, unique=True))
            ]
            for sku in sorted(draw(st.sets(st.sampled_from(["silver", "gold"]))))
        }
        named = draw(st.sampled_from(["Kettle", "Pot"]))
        meters = draw(st.sets(st.sampled_from(["cups", "watts"])))
        found = tuple(a_meter(name) for name in sorted(meters))
        kinds.append(a_kind(type_, tiers, display_name=named, meters=found))
    catalog = a_catalog(*kinds)
    paid = [(kind.type, t.sku) for kind in kinds for t in kind.tiers if t.prices]
    kept = draw(st.sets(st.sampled_from(paid))) if paid else ()
    return Offering.of(
        catalog,
        tuple(
            KeptProduct(type=type_, sku=sku, product_id=ProductId(f"prod_{type_}_{sku}"))
            for type_, sku in sorted(kept)
        ),
    )


class Stopped(Exception):
    pass


class Stumbling(MemoryPayments):
    """Of writes some are not made, of some nobody hears, and one may be the last."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.mishaps: Iterator[type[Exception] | None] = iter(())

    def _once(self, key: str, what: object, make: Any) -> Any:
        mishap = next(self.mishaps, None)
        if mishap is UpstreamError:
            raise UpstreamError("Nothing was done.")
        answer = super()._once(key, what, make)
        if mishap is not None:
            raise mishap("It was done.")
        return answer

    @property
    def every_price(self) -> dict[Any, Price]:
        return dict(self._prices)


def subscribed(payments: MemoryPayments) -> Subscription | None:
    """To one of what there is."""
    prices = payments.offered()
    if not prices:
        return None
    customer_id = payments.open_customer(ACME, key="customer").customer_id
    method = payments.add_method(customer_id)
    payments.make_default(customer_id, method, key=f"default/{method}")
    items = SubscriptionItems({prices[0].price_id: 2})
    return payments.subscribe(customer_id, Plan(items=items, revision=1))


@given(
    before=st.lists(offerings(), max_size=3),
    after=offerings(),
    mishaps=st.lists(
        st.sampled_from([None, None, UpstreamError, OutcomeUnknown, Stopped]), max_size=25
    ),
)
def test_it_comes_to_what_the_catalog_sells_and_nobody_pays_anything_else(
    before: list[Offering],
    after: Offering,
    mishaps: list[type[Exception] | None],
) -> None:
    payments = Stumbling()
    for offering in before:
        sync(payments, offering)
    theirs, prices = subscribed(payments), payments.every_price
    payments.mishaps = iter(mishaps)
    for _ in range(len(mishaps) + 1):
        try:
            sync(payments, after)
        except (UpstreamError, OutcomeUnknown, Stopped):
            continue
        break
    else:
        raise AssertionError("it does not end")
    sold = sold_by(payments)
    assert list(after.steps(sold)) == sync(payments, after) == []
    for offer in after.offers:
        price = payments.prices([offer.lookup_key])[offer.lookup_key]
        assert (price.product_id, price.each, price.interval, price.active) == (
            offer.product_id,
            offer.each,
            offer.interval,
            True,
        )
    assert {product for product in sold.products if product.active} >= set(after.products)
    assert set(sold.meters) >= set(after.meters)
    for price_id, price in prices.items():
        assert evolve(payments.every_price[price_id], lookup_key=price.lookup_key) == price
    if theirs is not None:
        assert payments.subscription(theirs.subscription_id) == theirs


@given(first=offerings(), second=offerings())
def test_what_the_catalog_no_longer_names_is_told_and_left(
    first: Offering, second: Offering
) -> None:
    payments = MemoryPayments(ManualClock())
    sync(payments, first)
    before = sold_by(payments)
    sync(payments, second)
    after = sold_by(payments)
    assert {one.product_id for one in before.products} <= {
        one.product_id for one in after.products
    }
    assert {one.event_name for one in before.meters} <= {one.event_name for one in after.meters}
    named = {*second.products, *second.meters}
    strays = set(second.strays(after))
    assert not strays & named
    assert strays >= (set(after.products) | set(after.meters)) - named
    keys = {offer.lookup_key for offer in second.offers}
    assert {one.lookup_key for one in after.prices} - keys >= {
        one.lookup_key for one in strays if isinstance(one, Price)
    }


# -- examples ---------------------------------------------------------------------------------


def test_an_amount_that_comes_back_is_a_new_price() -> None:
    payments = MemoryPayments(ManualClock())
    seen = []
    for amount in (10, 20, 10, 20):
        (*_, step) = sync(payments, selling(amount))
        assert isinstance(step, MakePrice)
        price = payments.prices(["gold"])["gold"]
        assert price.each == Money(amount, "eur")
        seen.append(price.price_id)
    assert len(set(seen)) == 4


def test_a_name_that_comes_back_is_put_there_again() -> None:
    payments = MemoryPayments(ManualClock())
    for name in ("Kettle", "Pot", "Kettle", "Pot"):
        sync(payments, selling(10, name))
        assert [one.name for one in payments.products()] == [f"{name} Gold"]


def test_a_product_that_was_put_away_is_sold_again() -> None:
    payments = MemoryPayments(ManualClock())
    sync(payments, selling(10))
    (product,) = payments.products()
    payments.put_product(evolve(product, active=False), key="away")
    (step,) = sync(payments, selling(10))
    assert step == PutProduct(product=product, before=evolve(product, active=False))


def test_two_who_do_it_at_once_make_one_price() -> None:
    payments = MemoryPayments(ManualClock())
    sync(payments, selling(10))
    seen = sold_by(payments)
    one, other = (synchronize(payments, selling(20), seen) for _ in range(2))
    assert next(one) == next(other)
    assert list(one) == list(other) == []
    assert len(payments.offered()) == 1
    first, second = (MakePrice(offer=offer, before=None) for offer in selling(20).offers * 2)
    assert first.key("one") == second.key("other")


def test_a_provider_that_does_not_keep_what_it_is_told_is_found_out() -> None:
    class Forgetting(MemoryPayments):
        def put_product(self, product: Product, *, key: str) -> None:
            super().put_product(evolve(product, name="Something else"), key=key)

    payments = Forgetting(ManualClock())
    with pytest.raises(UpstreamError, match="does not show"):
        sync(payments, selling(10))


def test_a_lookup_key_moves_with_its_tier_to_a_kept_product() -> None:
    payments = MemoryPayments(ManualClock())
    kind = a_kind("Acme.Kettle", {"gold": [listed("gold", 10)]})
    catalog = a_catalog(evolve(kind, aliases=("Acme.Pot",)))
    sync(payments, Offering.of(catalog))
    was = payments.prices(["gold"])["gold"]
    kept = KeptProduct(type="Acme.Pot", sku="gold", product_id=ProductId("prod_1"))
    offering = Offering.of(catalog, (kept,))
    assert sync(payments, offering) == [
        PutProduct(product=Product(product_id=kept.product_id, name="Kettle Gold"), before=None),
        MakePrice(offer=offering.offers[0], before=was),
    ]
    (left,) = offering.strays(sold_by(payments))
    assert left == Product(product_id=ProductId("Acme.Kettle-gold"), name="Kettle Gold")


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([("Acme.Cup", "gold", "p")], ["Acme.Cup:gold=p"]),
        ([("Acme.Kettle", "bronze", "p")], ["Acme.Kettle:bronze=p"]),
        ([("Acme.Kettle", "free", "p"), ("Acme.Cup", "gold", "p")], ["free=p", "Cup:gold=p"]),
        (
            [("Acme.Kettle", "gold", "p"), ("Acme.Kettle", "silver", "p")],
            ["Acme.Kettle-gold and Acme.Kettle-silver would both be the product p."],
        ),
        ([("Acme.Kettle", "gold", "Acme.Kettle-silver")], ["would both be the product"]),
        (
            [("Acme.Kettle", "gold", "p"), ("Acme.Pot", "gold", "q")],
            ["Acme.Pot:gold=q is a second product to keep for Acme.Kettle-gold; keep one."],
        ),
    ],
)
def test_products_that_cannot_be_kept_are_told(
    kept: list[tuple[str, str, str]], told: list[str]
) -> None:
    tiers: dict[str, list[Listed]] = {
        "free": [],
        "gold": [listed("gold", 10)],
        "silver": [listed("silver", 5)],
    }
    wanted = tuple(
        KeptProduct(type=type_, sku=sku, product_id=ProductId(product_id))
        for type_, sku, product_id in kept
    )
    with pytest.raises(ValidationFailed) as refused:
        Offering.of(a_catalog(evolve(a_kind("Acme.Kettle", tiers), aliases=("Acme.Pot",))), wanted)
    details = [fault.detail for fault in refused.value.faults]
    assert len(details) == len(told)
    assert all(part in detail for part, detail in zip(told, details, strict=True))


def test_prices_are_compared_by_all_that_somebody_pays() -> None:
    offer = Offer(
        product_id=ProductId("Acme.Kettle-gold"),
        lookup_key="gold",
        each=Money(10, "eur"),
        interval=Interval.MONTH,
    )
    payments = MemoryPayments(ManualClock())
    sync(payments, selling(10))
    (same,) = payments.offered()
    for other in (
        evolve(same, each=Money(11, "eur")),
        evolve(same, each=Money(10, "usd")),
        evolve(same, interval=Interval.YEAR),
        evolve(same, product_id=ProductId("other")),
    ):
        sold = Sold(products=tuple(payments.products()), prices=(other,))
        assert list(selling(10).steps(sold)) == [MakePrice(offer=offer, before=other)]


@given(
    types=st.lists(st.text("aB.", min_size=1, max_size=100), min_size=2, max_size=2),
    meters=st.lists(st.text("a_", min_size=1, max_size=63), min_size=2, max_size=2),
)
def test_events_have_names_of_their_own_that_are_short_enough(
    types: list[str], meters: list[str]
) -> None:
    one, other = (
        event_name(a_kind(type_, {}), meter) for type_, meter in zip(types, meters, strict=True)
    )
    assert len(one) <= 100
    assert (one == other) == ((types[0], meters[0]) == (types[1], meters[1]))


def test_meters_are_those_of_every_type() -> None:
    kinds = [a_kind(f"Acme.{name}", {}, meters=(a_meter("cups"),)) for name in ("Mug", "Pot")]
    assert Offering.of(a_catalog(*kinds)).meters == (
        Meter(event_name="Acme.Mug-cups", display_name="Kettle Cups"),
        Meter(event_name="Acme.Pot-cups", display_name="Kettle Cups"),
    )
    payments = MemoryPayments(ManualClock())
    payments.put_meter(Meter(event_name="Acme.Mug-cups", display_name="Cups"), key="old")
    first, second = sync(payments, Offering.of(a_catalog(*kinds)))
    assert isinstance(first, PutMeter)
    assert isinstance(second, PutMeter)
    assert (first.before is None, second.before is None) == (False, True)
