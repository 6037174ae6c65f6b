"""A provider in this process and the adapter of one over HTTP, by the same tests."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.payments import MemoryPayments
from ktrlplane.adapters.memory.simulator import PaymentSimulator
from ktrlplane.adapters.postgres.pool import Pool
from ktrlplane.adapters.postgres.shared_state import SimulatorState
from ktrlplane.adapters.stripe import StripeAccount, StripePayments
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
    SubscriptionState,
)
from ktrlplane.domain.errors import PaymentRequired, UpstreamError
from ktrlplane.domain.ids import (
    CustomerId,
    InvoiceId,
    OrganizationId,
    PaymentMethodId,
    PriceId,
    ProductId,
    SubscriptionId,
)
from ktrlplane.domain.invoices import InvoiceState
from ktrlplane.ports.payments import BillingChanged, Payments
from tests.payment_provider import payment_provider
from tests.payment_provider.server import KEY

ACME = Profile(scope=Scope.of(OrganizationId("acme")), name="Acme", email="billing@acme.example")
GRAPH = Product(product_id=ProductId("graph"), name="Graph")
HALF_OF_APRIL = datetime(2026, 4, 16, tzinfo=UTC)


@frozen
class Shop:
    """The port, a clock that both sides go by, and what customers do at the provider's."""

    payments: Payments
    clock: ManualClock
    add_method: Callable[..., PaymentMethodId]
    lose: Callable[[CustomerId], None]

    def offer(self, lookup_key: str, amount: int, interval: Interval = Interval.MONTH) -> Price:
        self.payments.put_product(GRAPH, key="product/graph")
        offer = Offer(
            product_id=GRAPH.product_id,
            lookup_key=lookup_key,
            each=Money(amount, "eur"),
            interval=interval,
        )
        return self.payments.offer(offer, key=f"offer/{lookup_key}/{amount}")

    def customer(self, *, declined: bool | None = False, name: str = "acme") -> CustomerId:
        """With a payment method, unless ``declined`` is None."""
        customer_id = self.payments.open_customer(ACME, key=f"customer/{name}").customer_id
        if declined is not None:
            self.use(customer_id, declined=declined)
        return customer_id

    def use(self, customer_id: CustomerId, *, declined: bool = False) -> None:
        method = self.add_method(customer_id, declined=declined)
        self.payments.make_default(customer_id, method, key=f"default/{method}")


def in_memory() -> Iterator[Shop]:
    clock = ManualClock(datetime(2026, 4, 1, tzinfo=UTC))
    payments = MemoryPayments(clock)
    yield Shop(payments, clock, payments.add_method, payments.lose)


def over_http() -> Iterator[Shop]:
    clock = ManualClock(datetime(2026, 4, 1, tzinfo=UTC))
    with payment_provider(clock) as provider:
        account = StripeAccount(secret_key=KEY, api_base=provider.url, retries=0)

        def add(customer_id: CustomerId, *, declined: bool = False) -> PaymentMethodId:
            return PaymentMethodId(provider.add_method(str(customer_id), declined=declined))

        yield Shop(StripePayments(account), clock, add, lambda one: provider.lose(str(one)))


def simulated(pool: Pool) -> Iterator[Shop]:
    clock = ManualClock(datetime(2026, 4, 1, tzinfo=UTC))
    payments = PaymentSimulator(clock, SimulatorState(pool), (), ())

    def add(customer_id: CustomerId, *, declined: bool = False) -> PaymentMethodId:
        return payments.play(lambda there: there.add_method(customer_id, declined=declined))

    yield Shop(payments, clock, add, lambda one: payments.play(lambda there: there.lose(one)))


@pytest.fixture(
    params=[
        in_memory,
        over_http,
        pytest.param("simulator", marks=pytest.mark.postgres),
    ],
    ids=["memory", "stripe", "simulator"],
)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    if request.param == "simulator":
        request.getfixturevalue("postgres_units")  # which leaves it empty
        yield from simulated(request.getfixturevalue("postgres_pool"))
    else:
        yield from request.param()


def plan(revision: int, *parts: tuple[Price, int]) -> Plan:
    items = SubscriptionItems({price.price_id: quantity for price, quantity in parts})
    return Plan(items=items, revision=revision)


def subscribed(shop: Shop, price: Price, quantity: int = 1) -> Subscription:
    return shop.payments.subscribe(shop.customer(), plan(1, (price, quantity)))


def test_whose_customers_they_are_stays(shop: Shop) -> None:
    merchant = shop.payments.merchant()
    assert merchant is not None
    shop.customer()
    assert shop.payments.merchant() == merchant


def test_a_customer_is_opened_once_for_a_key(shop: Shop) -> None:
    first, again = (shop.payments.open_customer(ACME, key="customer/acme") for _ in range(2))
    other = shop.payments.open_customer(ACME, key="customer/other")
    assert first == again == shop.payments.customer(first.customer_id)
    assert (first.name, first.email, first.default_method, first.credit) == (
        "Acme",
        "billing@acme.example",
        None,
        None,
    )
    assert other.customer_id != first.customer_id
    assert "acme.example" not in repr(first)


def test_a_customer_who_is_gone_is_not_there(shop: Shop) -> None:
    customer_id = shop.customer()
    shop.lose(customer_id)
    for gone in (customer_id, CustomerId("cus_none")):
        assert shop.payments.customer(gone) is None
        assert list(shop.payments.payment_methods(gone)) == []
        with pytest.raises(BillingChanged):
            shop.payments.set_up(gone, key=f"setup/{gone}")
        with pytest.raises(BillingChanged):
            shop.payments.portal(gone, return_url="https://kp.example/", key=f"portal/{gone}")


def test_the_default_payment_method_comes_first(shop: Shop) -> None:
    customer_id = shop.customer()
    shop.use(customer_id)
    default, other = shop.payments.payment_methods(customer_id)
    assert (default.is_default, other.is_default) == (True, False)
    assert (default.kind, default.label, default.last4) == ("card", "visa", "4242")
    assert (default.exp_month, default.exp_year) == (12, 2034)
    with pytest.raises(BillingChanged):
        shop.payments.make_default(customer_id, PaymentMethodId("pm_none"), key="none")


def test_what_lets_others_act_is_not_shown(shop: Shop) -> None:
    customer_id = shop.customer()
    setup = shop.payments.set_up(customer_id, key="setup/1")
    assert setup == shop.payments.set_up(customer_id, key="setup/1")
    assert setup.client_secret
    assert setup.client_secret not in repr(setup)
    url = shop.payments.portal(customer_id, return_url="https://kp.example/", key="portal/1")
    assert url.startswith("https://")


def test_the_first_period_is_paid_at_once(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price, 2)
    assert one == shop.payments.subscription(one.subscription_id)
    assert [one] == list(shop.payments.subscriptions(one.customer_id))
    assert (one.state, one.revision, dict(one.items)) == (
        SubscriptionState.ACTIVE,
        1,
        {price.price_id: 2},
    )
    assert one.current_period_start == datetime(2026, 4, 1, tzinfo=UTC)
    assert one.current_period_end == datetime(2026, 5, 1, tzinfo=UTC)
    (invoice,) = shop.payments.invoices(one.customer_id, limit=10)
    assert invoice.subscription_id == one.subscription_id
    assert (invoice.state, invoice.total, invoice.due, invoice.paid) == (
        InvoiceState.PAID,
        *[Money(9800, "eur")] * 3,
    )
    assert invoice.url
    assert invoice.url not in repr(invoice)


def test_who_has_no_payment_method_cannot_subscribe(shop: Shop) -> None:
    price, customer_id = shop.offer("graph-standard", 4900), shop.customer(declined=None)
    with pytest.raises(PaymentRequired, match="Add a payment method"):
        shop.payments.subscribe(customer_id, plan(1, (price, 1)))
    assert list(shop.payments.subscriptions(customer_id)) == []


def test_whose_payment_is_declined_has_nothing_active(shop: Shop) -> None:
    price, customer_id = shop.offer("graph-standard", 4900), shop.customer(declined=True)
    one = shop.payments.subscribe(customer_id, plan(1, (price, 1)))
    assert one.state is SubscriptionState.INCOMPLETE
    with pytest.raises(BillingChanged):
        shop.payments.amend(one.subscription_id, plan(2, (price, 2)))
    (invoice,) = shop.payments.invoices(customer_id, limit=1)
    with pytest.raises(PaymentRequired, match="declined"):
        shop.payments.pay(invoice.invoice_id, key="pay/1")
    shop.use(customer_id)
    paid = shop.payments.pay(invoice.invoice_id, key="pay/2")
    assert (paid.state, paid.paid) == (InvoiceState.PAID, Money(4900, "eur"))
    assert [sub.state for sub in shop.payments.subscriptions(customer_id)] == ["active"]
    with pytest.raises(BillingChanged):
        shop.payments.pay(invoice.invoice_id, key="pay/3")


def test_the_first_payment_has_a_day(shop: Shop) -> None:
    price, customer_id = shop.offer("graph-standard", 4900), shop.customer(declined=True)
    one = shop.payments.subscribe(customer_id, plan(1, (price, 1)))
    shop.clock.advance(timedelta(hours=23))
    late = shop.payments.subscription(one.subscription_id)
    assert late is not None
    assert late.state is SubscriptionState.INCOMPLETE_EXPIRED
    assert [one.state for one in shop.payments.invoices(customer_id, limit=9)] == ["void"]
    shop.use(customer_id)
    again = shop.payments.subscribe(customer_id, plan(2, (price, 1)))
    assert again.state is SubscriptionState.ACTIVE


def test_a_trial_costs_nothing_until_it_ends(shop: Shop) -> None:
    price, customer_id = shop.offer("graph-standard", 4900), shop.customer()
    one = shop.payments.subscribe(customer_id, plan(1, (price, 1)), trial_days=14)
    assert one.state is SubscriptionState.TRIALING
    assert one.current_period_end == datetime(2026, 4, 15, tzinfo=UTC)
    shop.payments.amend(one.subscription_id, plan(2, (price, 3)))
    shop.clock.set(one.current_period_end)
    (active,) = shop.payments.subscriptions(customer_id)
    assert active.state is SubscriptionState.ACTIVE
    assert active.current_period_end == datetime(2026, 5, 15, tzinfo=UTC)
    totals = [invoice.total.amount for invoice in shop.payments.invoices(customer_id, limit=9)]
    assert totals == [3 * 4900, 0]


@pytest.mark.parametrize("declined", [False, True])
def test_a_trial_can_end_at_once(shop: Shop, *, declined: bool) -> None:
    price, customer_id = shop.offer("graph-standard", 4900), shop.customer(declined=declined)
    one = shop.payments.subscribe(customer_id, plan(1, (price, 1)), trial_days=14)
    shop.clock.advance(timedelta(days=3))
    shop.payments.amend(one.subscription_id, plan(2, (price, 3)))
    ended = shop.payments.end_trial(one.subscription_id, key="trial/1")
    state = SubscriptionState.PAST_DUE if declined else SubscriptionState.ACTIVE
    assert ended.state is state
    assert ended.items == plan(2, (price, 3)).items
    assert ended.current_period_start == datetime(2026, 4, 4, tzinfo=UTC)
    assert ended.current_period_end == datetime(2026, 5, 4, tzinfo=UTC)
    totals = [invoice.total.amount for invoice in shop.payments.invoices(customer_id, limit=9)]
    assert totals == [3 * 4900, 0]
    assert shop.payments.end_trial(one.subscription_id, key="trial/1") == ended
    assert shop.payments.end_trial(one.subscription_id, key="trial/2") == ended
    shop.payments.cancel_now(one.subscription_id, key="end/1")
    with pytest.raises(BillingChanged):
        shop.payments.end_trial(one.subscription_id, key="trial/3")


def test_a_customer_has_one_subscription_at_a_time(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    assert shop.payments.subscribe(one.customer_id, plan(1, (price, 1))) == one
    with pytest.raises(BillingChanged, match="another"):
        shop.payments.subscribe(one.customer_id, plan(2, (price, 2)))
    shop.payments.cancel_now(one.subscription_id, key="end/1")
    next_one = shop.payments.subscribe(one.customer_id, plan(1, (price, 1)))
    assert next_one.subscription_id != one.subscription_id
    assert [next_one] == list(shop.payments.subscriptions(one.customer_id))


def test_of_many_who_subscribe_at_once_one_makes_it(shop: Shop) -> None:
    price, customer_id = shop.offer("graph-standard", 4900), shop.customer()
    told: list[object] = []

    def ask(revision: int) -> None:
        try:
            told.append(shop.payments.subscribe(customer_id, plan(revision, (price, revision))))
        except BillingChanged as refused:
            told.append(refused)

    at_once(ask, range(1, 9))
    (made,) = [one for one in told if isinstance(one, Subscription)]
    assert [made] == list(shop.payments.subscriptions(customer_id))
    assert len(shop.payments.invoices(customer_id, limit=10)) == 1


def at_once(act: Callable[[int], None], numbers: range) -> None:
    threads = [threading.Thread(target=act, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("days_ago", "days_billed"), [(0, 15), (1, 16), (14, 29), (15, 30), (400, 30)]
)
def test_a_change_is_paid_for_as_of_when_it_was(
    shop: Shop, days_ago: int, days_billed: int
) -> None:
    """Within the period that is being paid for: of 30 days, of which 15 are over."""
    price = shop.offer("graph-month", 3000)
    subscription = subscribed(shop, price)
    shop.clock.advance(timedelta(days=15))
    as_of = shop.clock.now() - timedelta(days=days_ago)
    wanted = evolve(plan(2, (price, 2)), as_of=as_of)
    shop.payments.amend(subscription.subscription_id, wanted)
    shop.clock.advance(timedelta(days=16))
    invoice = shop.payments.invoices(subscription.customer_id, limit=1)[0]
    prorated = sum(line.total.amount for line in invoice.lines if line.is_proration)
    assert prorated == 100 * days_billed


def test_changes_are_prorated_to_the_minor_unit(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4901)
    one = subscribed(shop, price)
    shop.clock.set(HALF_OF_APRIL)
    amended = shop.payments.amend(one.subscription_id, plan(2, (price, 3)))
    assert (dict(amended.items), amended.revision) == ({price.price_id: 3}, 2)
    assert len(shop.payments.invoices(one.customer_id, limit=9)) == 1
    shop.clock.set(datetime(2026, 5, 1, tzinfo=UTC))
    invoice, _ = shop.payments.invoices(one.customer_id, limit=9)
    parts = sorted((line.total.amount, line.is_proration) for line in invoice.lines)
    assert parts == [(-2451, True), (7352, True), (14703, False)]
    assert invoice.total == Money(14703 + 7352 - 2451, "eur")


def test_a_plan_replaces_all_that_was_there(shop: Shop) -> None:
    small, large = shop.offer("small", 1000), shop.offer("large", 3000)
    one = subscribed(shop, small, 2)
    amended = shop.payments.amend(one.subscription_id, plan(5, (large, 1)))
    assert (dict(amended.items), amended.revision) == ({large.price_id: 1}, 5)
    back = shop.payments.amend(one.subscription_id, plan(6, (small, 1), (large, 2)))
    assert dict(back.items) == {small.price_id: 1, large.price_id: 2}
    assert back == shop.payments.subscription(one.subscription_id)


def test_what_follows_a_plan_stays(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    shop.clock.set(HALF_OF_APRIL)
    wanted = plan(2, (price, 3))
    amended = [shop.payments.amend(one.subscription_id, wanted) for _ in range(3)]
    assert amended[0] == amended[1] == amended[2]
    shop.clock.set(datetime(2026, 5, 1, tzinfo=UTC))
    invoice, _ = shop.payments.invoices(one.customer_id, limit=9)
    assert len(invoice.lines) == 3


def test_an_old_plan_never_overwrites_a_newer_one(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    newer = shop.payments.amend(one.subscription_id, plan(7, (price, 7)))
    for revision in (1, 6, 7):
        with pytest.raises(BillingChanged):
            shop.payments.amend(one.subscription_id, plan(revision, (price, 2)))
    assert shop.payments.subscription(one.subscription_id) == newer


def test_of_many_plans_at_once_the_newest_stays(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)

    def amend(revision: int) -> None:
        try:
            shop.payments.amend(one.subscription_id, plan(revision, (price, revision * 10)))
        except (BillingChanged, UpstreamError):
            if revision == 9:
                raise

    at_once(amend, range(2, 10))
    last = shop.payments.subscription(one.subscription_id)
    assert last is not None
    assert (last.revision, dict(last.items)) == (9, {price.price_id: 90})


def test_a_subscription_may_have_many_prices(shop: Shop) -> None:
    prices = [shop.offer(f"price-{number:02}", 100 + number) for number in range(18)]
    wanted = plan(1, *((price, 1 + number) for number, price in enumerate(prices)))
    one = shop.payments.subscribe(shop.customer(), wanted)
    assert one.items == wanted.items
    fewer = plan(2, *((price, 2) for price in prices[:13]))
    assert shop.payments.amend(one.subscription_id, fewer).items == fewer.items
    (invoice,) = shop.payments.invoices(one.customer_id, limit=5)
    assert len(invoice.lines) == 18
    found = shop.payments.prices([price.lookup_key or "" for price in prices] + ["none"])
    assert found == {price.lookup_key: price for price in prices}


def test_prices_that_do_not_go_together_are_not_accepted(shop: Shop) -> None:
    monthly, yearly = shop.offer("month", 100), shop.offer("year", 1000, Interval.YEAR)
    customer_id = shop.customer()
    with pytest.raises(UpstreamError, match="did not accept"):
        shop.payments.subscribe(customer_id, plan(1, (monthly, 1), (yearly, 1)))
    unknown = SubscriptionItems({PriceId("price_none"): 1})
    with pytest.raises(UpstreamError, match="did not accept"):
        shop.payments.subscribe(customer_id, Plan(items=unknown, revision=1))
    one = shop.payments.subscribe(customer_id, plan(1, (yearly, 1)))
    assert one.current_period_end == datetime(2027, 4, 1, tzinfo=UTC)


def test_cancelling_at_period_end_can_be_undone(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    for turn in ("1", "2"):
        ends = shop.payments.cancel_at_period_end(one.subscription_id, key=f"cancel/{turn}")
        assert ends.cancel_at_period_end
        assert ends.state is SubscriptionState.ACTIVE
        again = shop.payments.resume(one.subscription_id, key=f"resume/{turn}")
        assert again == one
    shop.payments.cancel_at_period_end(one.subscription_id, key="cancel/3")
    shop.clock.set(one.current_period_end)
    over = shop.payments.subscription(one.subscription_id)
    assert over is not None
    assert over.state is SubscriptionState.CANCELED
    assert list(shop.payments.subscriptions(one.customer_id)) == []
    for act in (shop.payments.resume, shop.payments.cancel_at_period_end):
        with pytest.raises(BillingChanged):
            act(one.subscription_id, key=f"late/{act.__name__}")
    with pytest.raises(BillingChanged):
        shop.payments.amend(one.subscription_id, plan(2, (price, 2)))
    assert len(shop.payments.invoices(one.customer_id, limit=9)) == 1


def test_what_was_paid_and_not_used_becomes_credit(shop: Shop) -> None:
    price = shop.offer("graph-standard", 5000)
    one = subscribed(shop, price)
    shop.clock.set(HALF_OF_APRIL)
    for _ in range(2):
        over = shop.payments.cancel_now(one.subscription_id, key="end/1")
        assert over.state is SubscriptionState.CANCELED
    customer = shop.payments.customer(one.customer_id)
    assert customer is not None
    assert customer.credit == Money(2500, "eur")
    shop.payments.subscribe(one.customer_id, plan(1, (price, 1)))
    newest, ended, _ = shop.payments.invoices(one.customer_id, limit=9)
    assert (newest.total.amount, newest.due.amount, ended.total.amount) == (5000, 2500, -2500)
    with pytest.raises(BillingChanged):
        shop.payments.cancel_now(SubscriptionId("sub_none"), key="end/none")


def test_what_is_not_paid_is_past_due_until_it_is(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    shop.use(one.customer_id, declined=True)
    shop.clock.set(one.current_period_end)
    (late,) = shop.payments.subscriptions(one.customer_id)
    assert late.state is SubscriptionState.PAST_DUE
    assert late.current_period_end == datetime(2026, 6, 1, tzinfo=UTC)
    newest, _ = shop.payments.invoices(one.customer_id, limit=9)
    assert (newest.state, newest.due, newest.paid) == (
        InvoiceState.OPEN,
        Money(4900, "eur"),
        Money(0, "eur"),
    )
    shop.use(one.customer_id)
    shop.payments.pay(newest.invoice_id, key="pay/1")
    (paid,) = shop.payments.subscriptions(one.customer_id)
    assert paid.state is SubscriptionState.ACTIVE


def test_what_was_not_paid_is_no_credit(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    shop.use(one.customer_id, declined=True)
    shop.clock.set(one.current_period_end)
    shop.payments.cancel_now(one.subscription_id, key="end/1")
    customer = shop.payments.customer(one.customer_id)
    assert customer is not None
    assert customer.credit is None


def test_periods_end_on_the_same_day_of_a_month_or_its_last(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    shop.clock.set(datetime(2027, 12, 31, 12, tzinfo=UTC))
    one = subscribed(shop, price)
    ends = []
    for _ in range(4):
        (now,) = shop.payments.subscriptions(one.customer_id)
        ends.append((now.current_period_end.month, now.current_period_end.day))
        shop.clock.set(now.current_period_end)
    assert ends == [(1, 31), (2, 29), (3, 31), (4, 30)]


def test_a_preview_is_what_the_invoice_will_be(shop: Shop) -> None:
    small, large = shop.offer("small", 1001), shop.offer("large", 3003)
    customer_id = shop.customer()
    first = shop.payments.preview(customer_id, plan(1, (small, 3)).items, subscription_id=None)
    assert (first.total, first.due) == (Money(3003, "eur"), Money(3003, "eur"))
    one = shop.payments.subscribe(customer_id, plan(1, (small, 3)))
    shop.clock.set(HALF_OF_APRIL + timedelta(seconds=12345))
    wanted = plan(2, (small, 1), (large, 2))
    told = shop.payments.preview(customer_id, wanted.items, subscription_id=one.subscription_id)
    assert shop.payments.subscription(one.subscription_id) == one
    shop.payments.amend(one.subscription_id, wanted)
    shop.clock.set(one.current_period_end)
    newest, _ = shop.payments.invoices(customer_id, limit=9)
    assert (newest.total, newest.due, newest.lines) == (told.total, told.due, told.lines)
    for gone in (one.subscription_id, SubscriptionId("sub_none")):
        shop.payments.cancel_now(one.subscription_id, key="end/1")
        with pytest.raises(BillingChanged):
            shop.payments.preview(customer_id, wanted.items, subscription_id=gone)


def test_invoices_come_newest_first_and_no_more_than_asked(shop: Shop) -> None:
    price = shop.offer("graph-standard", 4900)
    one = subscribed(shop, price)
    for _ in range(24):
        shop.clock.advance(timedelta(days=31))
        shop.payments.subscriptions(one.customer_id)
    some = shop.payments.invoices(one.customer_id, limit=23)
    dates = [invoice.created_at for invoice in some]
    assert dates == sorted(dates, reverse=True)
    assert len({invoice.invoice_id for invoice in some}) == 23
    assert list(shop.payments.invoices(CustomerId("cus_none"), limit=9)) == []
    with pytest.raises(BillingChanged):
        shop.payments.pay(InvoiceId("in_none"), key="pay/none")


def test_a_lookup_key_moves_to_the_new_price_and_who_pays_the_old_goes_on(shop: Shop) -> None:
    old = shop.offer("graph-standard", 4900)
    one = subscribed(shop, old)
    new = shop.offer("graph-standard", 5900)
    assert shop.payments.prices(["graph-standard"]) == {"graph-standard": new}
    shop.clock.set(one.current_period_end)
    newest, _ = shop.payments.invoices(one.customer_id, limit=9)
    assert newest.total == Money(4900, "eur")
    more = shop.payments.amend(one.subscription_id, plan(2, (old, 2)))
    assert dict(more.items) == {old.price_id: 2}


def test_products_and_meters_are_put_in_place(shop: Shop) -> None:
    renamed = Product(product_id=GRAPH.product_id, name="Graph database", active=False)
    flow = Product(product_id=ProductId("flow"), name="Flow")
    for number, product in enumerate((GRAPH, flow, renamed)):
        shop.payments.put_product(product, key=f"product/{number}")
    assert list(shop.payments.products()) == [flow, renamed]
    twins = Meter(event_name="twins", display_name="Twins")
    queries = Meter(event_name="queries", display_name="Queries")
    for meter in (twins, twins, queries):
        shop.payments.put_meter(meter, key=f"meter/{meter.event_name}")
    assert list(shop.payments.meters()) == [queries, twins]
    renamed_too = Meter(event_name="twins", display_name="Digital twins")
    shop.payments.put_meter(renamed_too, key="meter/twins/2")
    assert list(shop.payments.meters()) == [queries, renamed_too]


def test_what_is_offered_is_what_has_a_lookup_key(shop: Shop) -> None:
    assert list(shop.payments.offered()) == []
    shop.offer("b-month", 4900)
    yearly, monthly = shop.offer("a-year", 49000, Interval.YEAR), shop.offer("b-month", 5900)
    assert list(shop.payments.offered()) == [yearly, monthly]
    many = [shop.offer(f"c-{number:03}", 100 + number) for number in range(23)]
    assert list(shop.payments.offered()) == [yearly, monthly, *many]


def test_a_key_stands_for_one_thing(shop: Shop) -> None:
    one = shop.customer(name="one")
    other = Profile(scope=ACME.scope, name="Other", email="other@acme.example")
    with pytest.raises(BillingChanged, match="another form"):
        shop.payments.open_customer(other, key="customer/one")
    assert shop.payments.customer(one) is not None


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 3_000_000),
            st.dictionaries(st.integers(0, 2), st.integers(1, 9), min_size=1),
        ),
        max_size=5,
    )
)
def test_both_bill_the_same_to_the_minor_unit(steps: list[tuple[int, dict[int, int]]]) -> None:
    billed = []
    for begin in (in_memory, over_http):
        for shop in begin():
            prices = [shop.offer(f"price-{each}", each) for each in (999, 4901, 12345)]
            one = subscribed(shop, prices[0])
            for number, (seconds, wanted) in enumerate(steps):
                shop.clock.advance(timedelta(seconds=seconds))
                parts = ((prices[at], quantity) for at, quantity in wanted.items())
                shop.payments.amend(one.subscription_id, plan(number + 2, *parts))
            shop.payments.cancel_now(one.subscription_id, key="end")
            invoices = shop.payments.invoices(one.customer_id, limit=99)
            customer = shop.payments.customer(one.customer_id)
            assert customer is not None
            lines = [sorted(line.total for line in invoice.lines) for invoice in invoices]
            totals = [(one.total, one.due, one.state, one.created_at) for one in invoices]
            billed.append((lines, totals, customer.credit))
    assert billed[0] == billed[1]
