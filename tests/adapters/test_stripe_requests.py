"""Each request that the adapter makes is one that Stripe's OpenAPI document knows."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.stripe import StripeAccount, StripePayments
from ktrlplane.adapters.stripe.calls import API_VERSION
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import (
    Interval,
    Meter,
    Money,
    Offer,
    Plan,
    Product,
    Profile,
    SubscriptionItems,
)
from ktrlplane.domain.ids import (
    CustomerId,
    PaymentMethodId,
    ProductId,
    ProjectId,
    SubscriptionId,
)
from tests.go_programs import CannotBuild
from tests.payment_provider import payment_provider
from tests.payment_provider.server import KEY, Asked
from tests.stripe_mock import built, stripe_mock

WEB = Profile(scope=Scope.of(ProjectId("web")), name="Web", email="web@acme.example")
GRAPH = Product(product_id=ProductId("graph"), name="Graph")


@pytest.fixture(scope="module")
def judge() -> Iterator[str]:
    try:
        program = built()
    except (CannotBuild, OSError, subprocess.TimeoutExpired) as exc:
        pytest.skip(f"Requests are not judged. {exc}")
    with stripe_mock(program) as address:
        yield address


def items_of(payments: StripePayments, *quantities: int) -> SubscriptionItems:
    prices = []
    for number in range(len(quantities)):
        offer = Offer(
            product_id=GRAPH.product_id,
            lookup_key=f"price-{number}",
            each=Money(100, "eur"),
            interval=Interval.YEAR,
        )
        prices.append(payments.offer(offer, key=f"offer/{number}").price_id)
    pairs = zip(prices, quantities, strict=True)
    return SubscriptionItems({price: quantity for price, quantity in pairs if quantity})


def all_there_is() -> list[Asked]:
    """What the adapter asks when everything that the port offers is used."""
    clock = ManualClock()
    with payment_provider(clock) as provider:
        payments = StripePayments(StripeAccount(secret_key=KEY, api_base=provider.url, retries=0))
        payments.merchant()
        payments.put_product(GRAPH, key="product/1")
        payments.put_product(evolve(GRAPH, active=False), key="product/2")
        payments.products()
        for number, name in enumerate(("Twins", "Digital twins")):
            payments.put_meter(Meter(event_name="twins", display_name=name), key=f"meter/{number}")
        payments.meters()
        payments.offered()
        many = items_of(payments, *range(1, 14))
        payments.prices(["price-0", "price-1"])
        customer_id = payments.open_customer(WEB, key="customer/1").customer_id
        payments.set_up(customer_id, key="setup/1")
        method = PaymentMethodId(provider.add_method(str(customer_id)))
        payments.make_default(customer_id, method, key="default/1")
        payments.payment_methods(customer_id)
        payments.portal(customer_id, return_url="https://kp.example/", key="portal/1")
        payments.preview(customer_id, many, subscription_id=None)
        one = payments.subscribe(customer_id, Plan(items=many, revision=1), trial_days=7)
        payments.end_trial(one.subscription_id, key="trial/1")
        clock.advance(timedelta(days=30))
        other = items_of(payments, 0, 500, 300)
        payments.preview(customer_id, other, subscription_id=one.subscription_id)
        payments.amend(one.subscription_id, Plan(items=other, revision=2))
        payments.cancel_at_period_end(one.subscription_id, key="end/1")
        payments.resume(one.subscription_id, key="resume/1")
        bad = PaymentMethodId(provider.add_method(str(customer_id), declined=True))
        payments.make_default(customer_id, bad, key="default/2")
        clock.advance(timedelta(days=366))
        (invoice, *_) = payments.invoices(customer_id, limit=3)
        payments.make_default(customer_id, method, key="default/3")
        payments.pay(invoice.invoice_id, key="pay/1")
        payments.cancel_now(one.subscription_id, key="end/2")
        return provider.asked


def test_each_request_is_one_that_there_is(judge: str) -> None:
    every = all_there_is()
    told = {}
    for asked in every:
        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": API_VERSION}
        query, body = (asked.form, None) if asked.method == "GET" else ("", asked.form)
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        url = f"{judge}{asked.path}?{query}" if query else f"{judge}{asked.path}"
        answer = requests.request(asked.method, url, data=body, headers=headers, timeout=10)
        if answer.status_code != 200:
            told[asked] = answer.text
    assert told == {}
    assert len({(asked.method, asked.path.split("/")[2]) for asked in every}) > 15


def test_the_judge_refuses_what_there_is_not(judge: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{judge}/v1/customers"
    assert requests.post(url, {"nmae": "x"}, headers=headers, timeout=10).status_code == 400


def test_answers_of_stripe_s_own_can_be_read(judge: str) -> None:
    payments = StripePayments(StripeAccount(secret_key=KEY, api_base=judge, retries=0))
    customer_id = CustomerId("cus_1")
    assert payments.customer(customer_id) is not None
    assert payments.payment_methods(customer_id)
    assert payments.open_customer(WEB, key="customer/1").customer_id
    assert payments.set_up(customer_id, key="setup/1").client_secret
    assert payments.portal(customer_id, return_url="https://kp.example/", key="portal/1")
    assert payments.subscription(SubscriptionId("sub_1")) is not None
    assert payments.invoices(customer_id, limit=1)
    assert payments.products()
    assert payments.meters()
    payments.offered()
    payments.prices(["graph"])
