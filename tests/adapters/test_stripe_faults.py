"""Whatever goes wrong on the way, what is asked for again happens once."""

import logging
from collections.abc import Callable, Iterator

import pytest
from attrs import evolve, frozen

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.stripe import StripeAccount, StripePayments
from ktrlplane.adapters.stripe.calls import API_VERSION
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import (
    Interval,
    Money,
    Offer,
    Plan,
    Product,
    Profile,
    SubscriptionItems,
)
from ktrlplane.domain.errors import DomainError, OutcomeUnknown, PaymentRequired, UpstreamError
from ktrlplane.domain.ids import (
    CustomerId,
    MerchantId,
    OrganizationId,
    PaymentMethodId,
    PriceId,
    ProductId,
    SubscriptionId,
)
from ktrlplane.ports.payments import AnotherMerchant, BillingChanged
from tests.payment_provider import Fault, Provider, payment_provider
from tests.payment_provider.server import KEY

ACME = Profile(scope=Scope.of(OrganizationId("acme")), name="Acme", email="b@acme.example")
UNKNOWN = [fault for fault in Fault if fault not in (Fault.IN_USE, Fault.LIMITED)]
SILENT = {Fault.SILENT_BEFORE, Fault.SILENT_AFTER}
PATIENT_S, HASTY_S = 60.0, 1.5


@frozen
class Desk:
    provider: Provider
    account: StripeAccount
    patient: StripePayments
    hasty: StripePayments
    customer_id: CustomerId
    price_id: PriceId

    @property
    def payments(self) -> StripePayments:
        """Gives up early only where there will be no answer: a slow machine is no fault."""
        return self.hasty if SILENT & set(self.provider.faults) else self.patient

    def plan(self, revision: int, quantity: int) -> Plan:
        return Plan(items=SubscriptionItems({self.price_id: quantity}), revision=revision)

    def meets(self, *faults: Fault) -> None:
        self.provider.faults.extend(faults)

    def method(self, *, declined: bool = False) -> PaymentMethodId:
        new = self.provider.add_method(str(self.customer_id), declined=declined)
        return PaymentMethodId(new)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with payment_provider(ManualClock()) as provider:
        account = StripeAccount(
            secret_key=KEY, api_base=provider.url, timeout_s=PATIENT_S, retries=0
        )
        payments = StripePayments(account)
        hasty = StripePayments(evolve(account, timeout_s=HASTY_S))
        customer_id = payments.open_customer(ACME, key="customer/acme").customer_id
        graph = ProductId("graph")
        payments.put_product(Product(product_id=graph, name="Graph"), key="product/graph")
        offer = Offer(
            product_id=graph,
            lookup_key="standard",
            each=Money(4900, "eur"),
            interval=Interval.MONTH,
        )
        price_id = payments.offer(offer, key="offer/standard").price_id
        at = Desk(provider, account, payments, hasty, customer_id, price_id)
        payments.make_default(customer_id, at.method(), key="default/1")
        yield at


def until_done(act: Callable[[], object]) -> list[DomainError]:
    """What was refused before it went through: asked again as it was."""
    refused: list[DomainError] = []
    for _ in range(5):
        try:
            act()
        except UpstreamError as error:
            refused.append(error)
        else:
            return refused
    raise AssertionError(refused)


@pytest.mark.parametrize("fault", Fault)
def test_a_subscription_is_made_once(desk: Desk, fault: Fault) -> None:
    desk.meets(fault)
    told = until_done(lambda: desk.payments.subscribe(desk.customer_id, desk.plan(1, 2)))
    assert len(told) == 1
    assert isinstance(told[0], OutcomeUnknown) is (fault in UNKNOWN)
    (one,) = desk.payments.subscriptions(desk.customer_id)
    assert one.follows(desk.plan(1, 2))
    assert len(desk.payments.invoices(desk.customer_id, limit=9)) == 1


@pytest.mark.parametrize("first", Fault)
@pytest.mark.parametrize("second", [Fault.DROPPED_AFTER, Fault.BROKEN_BEFORE, Fault.LIMITED])
def test_a_plan_is_followed_once(desk: Desk, first: Fault, second: Fault) -> None:
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    before = desk.provider.effects
    desk.meets(first, second)
    until_done(lambda: desk.payments.amend(one.subscription_id, desk.plan(2, 3)))
    now = desk.payments.subscription(one.subscription_id)
    assert now is not None
    assert now.follows(desk.plan(2, 3))
    assert desk.provider.effects == before + 1
    assert len(desk.provider.books.pending[str(one.subscription_id)]) == 2


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_newer_plan_overtakes_one_whose_outcome_is_unknown(desk: Desk, fault: Fault) -> None:
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    desk.meets(fault)
    with pytest.raises(OutcomeUnknown):
        desk.payments.amend(one.subscription_id, desk.plan(2, 2))
    newer = desk.payments.amend(one.subscription_id, desk.plan(3, 5))
    assert newer.follows(desk.plan(3, 5))
    with pytest.raises(BillingChanged):
        desk.payments.amend(one.subscription_id, desk.plan(2, 2))
    assert desk.payments.subscription(one.subscription_id) == newer


def test_an_old_plan_that_was_read_before_a_newer_was_written_is_refused(desk: Desk) -> None:
    """The old one's question goes out last: its key was used by then."""
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    books, late = desk.provider.books, desk.plan(2, 2)
    stale = books.shown(books.subscriptions[str(one.subscription_id)])
    desk.payments.amend(one.subscription_id, desk.plan(3, 9))
    sent = desk.provider.writes[-1].key
    params = {"items": [], "metadata": {"ktrlplane_revision": str(late.revision)}}
    answer = desk.payments._calls.claim(
        sent,
        lambda options: desk.payments._calls.v1.subscriptions.update(stale["id"], params, options),
    )
    assert answer is None
    now = desk.payments.subscription(one.subscription_id)
    assert now is not None
    assert now.follows(desk.plan(3, 9))


@pytest.mark.parametrize("fault", [f for f in UNKNOWN if "BROKEN" not in f.name])
def test_what_has_a_key_happens_once(desk: Desk, fault: Fault) -> None:
    before = desk.provider.effects
    desk.meets(fault)
    told = until_done(lambda: desk.payments.open_customer(ACME, key="customer/other"))
    assert [type(one) for one in told] == [OutcomeUnknown]
    assert desk.provider.effects == before + 1


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_subscription_ends_once(desk: Desk, fault: Fault) -> None:
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    desk.meets(fault)
    keys = iter(("end/1", "end/2"))

    def end() -> None:
        desk.payments.cancel_now(one.subscription_id, key=next(keys))

    until_done(end)
    customer = desk.payments.customer(desk.customer_id)
    assert customer is not None
    assert customer.credit == Money(4900, "eur")


def test_what_is_declined_may_be_tried_again_under_its_key(desk: Desk) -> None:
    desk.payments.make_default(desk.customer_id, desk.method(declined=True), key="default/2")
    desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    (invoice,) = desk.payments.invoices(desk.customer_id, limit=1)
    with pytest.raises(PaymentRequired):
        desk.payments.pay(invoice.invoice_id, key="pay/1")
    desk.payments.make_default(desk.customer_id, desk.method(), key="default/3")
    assert desk.payments.pay(invoice.invoice_id, key="pay/1").paid == Money(4900, "eur")


def test_tries_of_one_question_share_a_key(desk: Desk) -> None:
    patient = StripePayments(evolve(desk.account, retries=1))
    one = patient.subscribe(desk.customer_id, desk.plan(1, 1))
    desk.meets(Fault.DROPPED_AFTER)
    patient.amend(one.subscription_id, desk.plan(2, 2))
    first, second = desk.provider.writes[-2:]
    assert first == second
    assert len(desk.provider.books.pending[str(one.subscription_id)]) == 2


def test_every_write_has_a_key_and_the_version(desk: Desk) -> None:
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    desk.payments.amend(one.subscription_id, desk.plan(2, 2))
    desk.payments.set_up(desk.customer_id, key="setup/1")
    keys = [write.key for write in desk.provider.writes]
    assert keys[-3:] == [
        f"{desk.customer_id}/subscribe/0/0",
        f"{one.subscription_id}/after/1/0",
        "setup/1/0",
    ]
    assert {write.version for write in desk.provider.writes} == {API_VERSION}


def test_the_provider_s_words_are_not_repeated(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ktrlplane")
    stranger = StripePayments(evolve(desk.account, secret_key="sk_test_wrong_0123"))
    nobody = StripePayments(evolve(desk.account, api_base="http://127.0.0.1:9", timeout_s=0.2))
    no_price = SubscriptionItems({PriceId("price_none"): 1})
    acts: list[Callable[[], object]] = [
        lambda: stranger.customer(desk.customer_id),
        lambda: stranger.set_up(desk.customer_id, key="setup/1"),
        lambda: nobody.customer(desk.customer_id),
        lambda: nobody.set_up(desk.customer_id, key="setup/1"),
        lambda: desk.payments.preview(desk.customer_id, no_price, subscription_id=None),
        lambda: desk.payments.set_up(CustomerId("cus_none"), key="setup/2"),
        lambda: desk.payments.resume(SubscriptionId("sub_none"), key="resume/1"),
    ]
    told = []
    for act in acts:
        with pytest.raises(DomainError) as refused:
            act()
        told.append(refused.value.detail)
    assert all("tripe" not in text and "s3cret" not in text for text in told)
    ours = [record for record in caplog.records if record.name.startswith("ktrlplane")]
    assert ours
    assert not any(
        "s3cret" in repr(vars(record)) or "sk_test" in repr(vars(record)) for record in ours
    )


def test_the_secret_is_in_no_text() -> None:
    account = StripeAccount(secret_key=KEY)
    assert KEY not in repr(account)
    assert KEY not in repr(StripePayments(account))
    with pytest.raises(ValueError, match="secret_key"):
        StripeAccount(secret_key="")


def test_somebody_else_s_words_in_metadata_are_no_plan(desk: Desk) -> None:
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    row = desk.provider.books.subscriptions[str(one.subscription_id)]
    for text in ("", "x", "-1", "²", "1.5"):
        row["metadata"] = {"ktrlplane_revision": text}
        read = desk.payments.subscription(one.subscription_id)
        assert read is not None
        assert read.revision == 0


def test_what_somebody_else_changed_is_made_right(desk: Desk) -> None:
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    desk.provider.books.items[str(one.subscription_id)][0]["quantity"] = 4
    with pytest.raises(BillingChanged):
        desk.payments.amend(one.subscription_id, desk.plan(1, 1))
    assert desk.payments.amend(one.subscription_id, desk.plan(2, 1)).follows(desk.plan(2, 1))


@pytest.mark.parametrize(("key", "mode"), [(KEY, "test"), ("rk_live_0123", "live")])
def test_whose_key_it_is_is_known(desk: Desk, key: str, mode: str) -> None:
    """The two modes of an account have nothing in common."""
    account = evolve(desk.account, secret_key=key)
    if mode == "test":
        assert StripePayments(account).merchant() == MerchantId("acct_1.test")
    else:
        with pytest.raises(UpstreamError, match="does not accept"):
            StripePayments(account).merchant()
    for said in (None, "", "no id"):
        desk.provider.books.account = said
        assert desk.payments.merchant() is None


def test_nothing_is_asked_before_what_is_required(desk: Desk) -> None:
    def refuse() -> None:
        raise AnotherMerchant("no")

    strict = StripePayments(desk.account, require=refuse)
    one = desk.payments.subscribe(desk.customer_id, desk.plan(1, 1))
    asked = len(desk.provider.asked)
    acts: list[Callable[[], object]] = [
        lambda: strict.customer(desk.customer_id),
        lambda: strict.open_customer(ACME, key="another"),
        lambda: strict.subscribe(desk.customer_id, desk.plan(1, 1)),
        lambda: strict.amend(one.subscription_id, desk.plan(2, 2)),
        lambda: strict.cancel_now(one.subscription_id, key="cancel"),
        lambda: strict.invoices(desk.customer_id, limit=1),
        lambda: strict.preview(desk.customer_id, one.items, subscription_id=None),
        lambda: strict.prices(["standard"]),
        lambda: strict.portal(desk.customer_id, return_url="https://a.example", key="portal"),
    ]
    for act in acts:
        with pytest.raises(AnotherMerchant):
            act()
    assert len(desk.provider.asked) == asked
    assert strict.merchant() == MerchantId("acct_1.test")
