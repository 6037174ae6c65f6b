"""The simulator keeps what it knows where every process finds it."""

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ktrlplane.adapters.memory import payment_state
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.memory.playing import PLAYS
from ktrlplane.adapters.memory.simulator import PaymentSimulator
from ktrlplane.adapters.postgres.pool import Pool, open_pool
from ktrlplane.adapters.postgres.shared_state import SimulatorState
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.domain.billing import (
    Interval,
    Money,
    Offer,
    Plan,
    Product,
    Profile,
    SubscriptionItems,
    SubscriptionState,
)
from ktrlplane.domain.ids import CustomerId, ProductId
from ktrlplane.domain.invoices import InvoiceState
from ktrlplane.ports.payments import BillingChanged
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, NOW, on

pytestmark = pytest.mark.postgres

GRAPH = Product(product_id=ProductId("graph"), name="Graph")
MONTHLY = Offer(
    product_id=GRAPH.product_id,
    lookup_key="graph-month",
    each=Money(7900, "eur"),
    interval=Interval.MONTH,
)
ACME = Profile(scope=on("organization acme"), name="Acme", email="a@example.com")


@pytest.fixture
def pool(postgres_units: UnitsOfWork, migrated_database: str) -> Iterator[Pool]:
    assert postgres_units is not None  # it leaves the database empty
    with open_pool(migrated_database, max_size=4) as opened:
        yield opened


def a_simulator(pool: Pool, clock: ManualClock | None = None) -> PaymentSimulator:
    return PaymentSimulator(clock or ManualClock(), SimulatorState(pool), [GRAPH], [MONTHLY])


def subscribed(there: PaymentSimulator) -> CustomerId:
    customer_id = there.open_customer(ACME, key="acme").customer_id
    there.play(lambda one: PLAYS["add-card"](one, customer_id))
    (method,) = there.payment_methods(customer_id)
    there.make_default(customer_id, method.payment_method_id, key="default")
    price = there.prices(["graph-month"])["graph-month"]
    items = SubscriptionItems({price.price_id: 2})
    there.subscribe(customer_id, Plan(items=items, revision=1))
    return customer_id


def test_what_one_process_does_another_sees(pool: Pool) -> None:
    customer_id = subscribed(a_simulator(pool))
    other = a_simulator(pool)
    (subscription,) = other.subscriptions(customer_id)
    assert subscription.state is SubscriptionState.ACTIVE
    (invoice,) = other.invoices(customer_id, limit=10)
    assert (invoice.state, invoice.total.amount) == (InvoiceState.PAID, 15_800)
    assert other.open_customer(ACME, key="acme").customer_id == customer_id
    assert len(other.prices(["graph-month"])) == 1


def test_several_at_once_do_not_undo_one_another(pool: Pool) -> None:
    def open_ten(worker: int) -> list[CustomerId]:
        there = a_simulator(pool)
        return [
            there.open_customer(ACME, key=f"{worker}/{number}").customer_id for number in range(10)
        ]

    with ThreadPoolExecutor(4) as threads:
        made = [one for some in threads.map(open_ten, range(4)) for one in some]
    assert len(set(made)) == 40
    there = a_simulator(pool)
    assert all(there.customer(one) is not None for one in made)


def test_time_can_be_moved_on_and_a_card_that_fails_is_told(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = subscribed(there)
    assert "declined" in there.play(lambda one: PLAYS["decline"](one, customer_id))
    there.pass_time(timedelta(days=32))
    (subscription,) = a_simulator(pool).subscriptions(customer_id)
    assert subscription.state is SubscriptionState.PAST_DUE
    assert there.play(lambda one: PLAYS["pay"](one, customer_id)).startswith("The payment was")
    there.play(lambda one: PLAYS["remove-card"](one, customer_id))
    there.play(lambda one: PLAYS["add-card"](one, customer_id))
    (method,) = there.payment_methods(customer_id)
    there.make_default(customer_id, method.payment_method_id, key="other")
    assert there.play(lambda one: PLAYS["pay"](one, customer_id)) == "1 invoices are paid."
    (subscription,) = there.subscriptions(customer_id)
    assert subscription.state is SubscriptionState.ACTIVE
    assert "ended" in there.play(lambda one: PLAYS["end-subscription"](one, customer_id))
    assert there.subscriptions(customer_id) == []
    there.play(lambda one: PLAYS["lose-customer"](one, customer_id))
    assert there.customer(customer_id) is None


def test_a_new_price_in_the_catalog_is_sold_and_who_pays_goes_on(pool: Pool) -> None:
    customer_id = subscribed(a_simulator(pool))
    dearer = Offer(
        product_id=GRAPH.product_id,
        lookup_key="graph-month",
        each=Money(9900, "eur"),
        interval=Interval.MONTH,
    )
    there = PaymentSimulator(ManualClock(), SimulatorState(pool), [GRAPH], [dearer])
    price = there.prices(["graph-month"])["graph-month"]
    assert price.each.amount == 9900
    (subscription,) = there.subscriptions(customer_id)
    assert price.price_id not in subscription.items.quantities
    assert there.prices(["graph-month"])["graph-month"] == price


def test_what_was_kept_by_another_version_is_not_read(pool: Pool) -> None:
    state = SimulatorState(pool)
    with state.held() as (_, save):
        save(payment_state.written((0, "anything", "at all")))
    assert a_simulator(pool).prices(["graph-month"]).keys() == {"graph-month"}


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


@pytest.mark.parametrize(
    "thing", [_Evil(), ManualClock, payment_state.written, MemoryPayments.decline]
)
def test_nothing_but_values_is_read(thing: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        payment_state.read(pickle.dumps(thing))


def test_what_is_refused_there_leaves_its_connection_fit_for_others(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    assert postgres_units is not None  # it leaves the database empty
    with open_pool(migrated_database, max_size=1) as pool:
        units, there = PostgresUnitsOfWork(pool), a_simulator(pool)
        for number in range(3):
            for _ in range(5):  # so often that psycopg prepares what is asked
                there.products()
            with units.view() as work:
                assert work.access.standings([(ALICE, on("organization acme"))], NOW)
            with pytest.raises(BillingChanged):
                there.set_up(CustomerId("cus_none"), key=f"set up {number}")
