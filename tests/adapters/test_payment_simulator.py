"""The simulator keeps what it knows where every process finds it."""

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from ktrlplane.adapters.memory import payment_state
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payment_pages import PlayedPages
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
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import CustomerId, ProductId
from ktrlplane.domain.invoices import InvoiceState
from ktrlplane.ports.payments import BillingChanged
from ktrlplane.ports.shared_state import Save, SharedState
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


def subscribed(there: PaymentSimulator, key: str = "acme") -> CustomerId:
    customer_id = there.open_customer(ACME, key=key).customer_id
    there.play(lambda one: PLAYS["add-card"](one, customer_id))
    (method,) = there.payment_methods(customer_id)
    there.make_default(customer_id, method.payment_method_id, key=f"default/{key}")
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


class Counting(SharedState):
    def __init__(self, pool: Pool) -> None:
        self._state = SimulatorState(pool)
        self.saved = 0

    @contextmanager
    def held(self) -> Iterator[tuple[bytes | None, Save]]:
        with self._state.held() as (kept, save):

            def counted(state: bytes) -> None:
                self.saved += 1
                save(state)

            yield kept, counted


def look_at_all(there: PaymentSimulator, customer_id: CustomerId) -> None:
    there.customer(customer_id)
    there.payment_methods(customer_id)
    for one in there.subscriptions(customer_id):
        there.subscription(one.subscription_id)
        there.preview(customer_id, one.items, subscription_id=one.subscription_id)
    there.invoices(customer_id, limit=10)
    there.prices(["graph-month"])
    there.offered()
    there.products()
    there.meters()


def test_who_looks_saves_what_fell_due_meanwhile_and_nothing_else(pool: Pool) -> None:
    clock, state = ManualClock(), Counting(pool)
    there = PaymentSimulator(clock, state, [GRAPH], [MONTHLY])
    customer_id = subscribed(there)
    before = state.saved
    look_at_all(there, customer_id)
    assert state.saved == before
    clock.advance(timedelta(days=32))
    look_at_all(there, customer_id)
    assert state.saved == before + 1
    assert len(a_simulator(pool, ManualClock()).invoices(customer_id, limit=10)) == 2


def test_what_is_at_hand_is_not_what_others_have_changed(pool: Pool) -> None:
    one, other = a_simulator(pool), a_simulator(pool)
    customer_id = subscribed(one)
    for turn in range(3):
        assert len(other.payment_methods(customer_id)) == 2 * turn + 1
        other.play(lambda there: PLAYS["add-card"](there, customer_id))
        assert len(one.payment_methods(customer_id)) == 2 * turn + 2
        one.play(lambda there: PLAYS["add-card"](there, customer_id))


def test_what_breaks_off_leaves_no_trace(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = subscribed(there)

    def half(one: MemoryPayments) -> None:
        PLAYS["add-card"](one, customer_id)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        there.play(half)
    assert len(there.payment_methods(customer_id)) == 1
    assert len(a_simulator(pool).payment_methods(customer_id)) == 1


def test_several_threads_of_several_processes_have_one_state(pool: Pool) -> None:
    shared = [a_simulator(pool) for _ in range(2)]
    customer_id = subscribed(shared[0])

    def play(worker: int) -> None:
        there = shared[worker % 2]
        for turn in range(10):
            there.play(lambda one: PLAYS["add-card"](one, customer_id))
            methods = there.payment_methods(customer_id)
            there.make_default(customer_id, methods[-1].payment_method_id, key=f"{worker}/{turn}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(play, range(4)))
    for there in (*shared, a_simulator(pool)):
        methods = there.payment_methods(customer_id)
        assert len({one.payment_method_id for one in methods}) == len(methods) == 41
        assert [one.is_default for one in methods].count(True) == 1


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


def test_a_period_ends_for_one_customer_alone(pool: Pool) -> None:
    there = a_simulator(pool)
    ours = subscribed(there)
    theirs = subscribed(there, "beta")
    (before,) = there.subscriptions(ours)
    said = there.play(lambda one: PLAYS["fail-payment"](one, ours))
    assert f"it is {before.current_period_end:%Y-%m-%d %H:%M} UTC" in said
    (failed,) = a_simulator(pool).subscriptions(ours)
    assert failed.state is SubscriptionState.PAST_DUE
    assert failed.current_period_start == before.current_period_end
    (other,) = there.subscriptions(theirs)
    assert other.current_period_start == before.current_period_start
    assert len(there.invoices(theirs, limit=10)) == 1
    there.play(lambda one: PLAYS["add-card"](one, ours))
    assert "default" in there.play(lambda one: PLAYS["use-last-card"](one, ours))
    assert there.play(lambda one: PLAYS["pay"](one, ours)) == "1 invoices are paid."
    there.play(lambda one: PLAYS["end-period"](one, ours))
    (renewed,) = there.subscriptions(ours)
    assert renewed.state is SubscriptionState.ACTIVE
    assert renewed.current_period_start == failed.current_period_end
    assert len(there.invoices(ours, limit=10)) == 3


def test_an_act_that_has_nothing_to_act_on_says_so(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = there.open_customer(ACME, key="acme").customer_id
    said = {
        what: there.play(lambda one, what=what: PLAYS[what](one, customer_id))
        for what in ("decline", "end-period", "fail-payment", "remove-card", "use-last-card")
    }
    assert said == {
        "decline": "It has no default card.",
        "end-period": "It has no subscription.",
        "fail-payment": "It has no default card. It has no subscription.",
        "remove-card": "It has no card.",
        "use-last-card": "It has no other card.",
    }


def test_all_that_it_names_is_seen_to_be_simulated(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = subscribed(there)
    names = [
        customer_id,
        *(one.payment_method_id for one in there.payment_methods(customer_id)),
        *(one.subscription_id for one in there.subscriptions(customer_id)),
        *(one.invoice_id for one in there.invoices(customer_id, limit=10)),
        *(one.price_id for one in there.offered()),
    ]
    assert len(names) == 5
    assert all(str(name).startswith("sim_") for name in names)
    assert there.set_up(customer_id, key="set up").client_secret.startswith("sim_")


def test_what_is_forgotten_is_never_somebody_else_later(pool: Pool) -> None:
    before = a_simulator(pool).open_customer(ACME, key="acme").customer_id
    with SimulatorState(pool).held() as (_, save):
        save(payment_state.written((0, "another", "version")))
    after = a_simulator(pool).open_customer(ACME, key="beta").customer_id
    assert after != before
    assert a_simulator(pool).customer(before) is None


def pages_of(there: PaymentSimulator) -> PlayedPages:
    there.lead_to("/pages")
    return PlayedPages(there, "/pages")


def test_a_portal_leads_to_its_pages_for_an_hour_in_every_process(pool: Pool) -> None:
    clock = ManualClock()
    there = a_simulator(pool, clock)
    customer_id = subscribed(there)
    assert there.portal(customer_id, return_url="https://kp.example/", key="1").endswith(
        "example/"
    )
    pages = pages_of(there)
    url = there.portal(customer_id, return_url="https://kp.example/", key="2")
    assert there.portal(customer_id, return_url="https://kp.example/", key="2") == url
    path, _, secret = url.partition("?visit=")
    assert path == "/pages"
    assert there.portal(customer_id, return_url="https://kp.example/", key="3") != url

    other = PlayedPages(a_simulator(pool, clock), "/pages")
    assert other.act(secret, "add-card") == customer_id
    page = pages.page(secret)
    assert (len(page.methods), page.said) == (2, "It has one more card, which pays.")
    assert (page.return_url, len(page.invoices)) == ("https://kp.example/", 1)
    there.pass_time(timedelta(days=32))
    assert len(pages.page(secret).invoices) == 2
    clock.advance(timedelta(minutes=59))
    assert pages.page(secret).customer is not None
    clock.advance(timedelta(minutes=1))
    with pytest.raises(NotFound):
        pages.page(secret)
    with pytest.raises(NotFound):
        pages.act(secret, "add-card")
    assert len(there.payment_methods(customer_id)) == 2


def test_who_sets_up_a_payment_method_does_nothing_else(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = subscribed(there)
    secret, pages = there.set_up(customer_id, key="set up").client_secret, pages_of(there)
    page = pages.page(secret)
    assert page.acts == ("add-card", "add-declined-card")
    assert (page.invoices, page.subscriptions, page.return_url) == ((), (), None)
    for what in ("lose-customer", "pay", "anything"):
        with pytest.raises(NotFound):
            pages.act(secret, what)
    assert pages.act(secret, "add-declined-card") == customer_id
    assert len(there.payment_methods(customer_id)) == 2


def test_nobody_is_let_in_by_what_they_guess(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = subscribed(there)
    pages = pages_of(there)
    there.portal(customer_id, return_url="https://kp.example/", key="1")
    for guess in ("", "bps_1", str(customer_id)):
        with pytest.raises(NotFound):
            pages.page(guess)


def test_of_a_customer_who_is_gone_nothing_can_be_done(pool: Pool) -> None:
    there = a_simulator(pool)
    customer_id = subscribed(there)
    pages = pages_of(there)
    url = there.portal(customer_id, return_url="https://kp.example/", key="1")
    secret = url.partition("?visit=")[2]
    pages.act(secret, "lose-customer")
    page = pages.page(secret)
    assert (page.customer, page.acts, page.methods) == (None, (), ())
    with pytest.raises(BillingChanged):
        pages.act(secret, "add-card")


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
