"""Billing from Python."""

import pytest

from ktrlplane.domain.errors import Conflict, Forbidden, PaymentRequired, ValidationFailed
from ktrlplane.domain.ids import CustomerId
from ktrlplane.entrypoints.container.payments import play_simulated
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session

ACME, ATLAS = "organization:acme", "project:atlas"
FLOW = {"type": "Konnektr.Flow", "sku": "standard"}


@pytest.fixture
def control() -> ControlPlane:
    return ControlPlane.in_memory()


@pytest.fixture
def ada(control: ControlPlane) -> Session:
    session = control.sign_in("ada", email="ada@example.com", name="Ada")
    session.create_organization(id="acme", name="Acme")
    session.create_project(id="atlas", name="Atlas", org_id="acme")
    return session


def with_card(control: ControlPlane, ada: Session, on: str = ACME) -> CustomerId:
    account = ada.open_customer(on).account
    assert account is not None
    assert account.customer_id is not None
    play_simulated(control.container.payments(), "add-card", account.customer_id)
    return account.customer_id


def test_what_is_bought_is_billed(control: ControlPlane, ada: Session) -> None:
    with pytest.raises(PaymentRequired):
        ada.create_resource("atlas", name="F", **FLOW)
    before = ada.estimate(ATLAS, **FLOW)
    assert (before.now, before.next_invoice) == (None, None)
    with_card(control, ada)
    assert ada.add_payment_method(ACME).client_secret not in repr(ada.add_payment_method(ACME))
    made = ada.create_resource("atlas", id="flow", name="F", **FLOW)
    assert before.then is not None
    (invoice,) = ada.invoices(ACME)
    assert invoice.total == before.then
    (method,) = ada.payment_methods(ATLAS)
    assert method.is_default
    view = ada.billing(ATLAS)
    assert (view.inherits, view.payer.scope.scope_id) == (True, "acme")
    assert view.subscription is not None
    assert [price.value for price, _ in view.subscription.items] == [made.stripe_price_id]
    assert ada.billing_status(ATLAS).has_payment_method
    assert ada.estimate(ATLAS, resource_id="flow").then is None


def test_cancelling_and_beginning_again(control: ControlPlane, ada: Session) -> None:
    with_card(control, ada)
    with pytest.raises(Conflict):
        ada.cancel_subscription(ACME)
    yearly = ada.begin_subscription(ACME, interval="year", currency="eur")
    assert yearly.subscription is None
    ada.create_resource("atlas", id="flow", name="F", **FLOW)
    assert ada.cancel_subscription(ACME).cancel_at_period_end
    assert not ada.resume_subscription(ACME).cancel_at_period_end
    with pytest.raises(Conflict):
        ada.begin_subscription(ACME, interval="month")
    with pytest.raises(ValueError, match="week"):
        ada.begin_subscription(ACME, interval="week")
    with_card(control, ada, ATLAS)
    with pytest.raises(ValidationFailed):
        ada.begin_subscription(ATLAS, currency="xyz")
    subscription = ada.billing(ACME).subscription
    assert subscription is not None
    assert (subscription.current_period_end - subscription.current_period_start).days >= 365


def test_who_pays_can_be_changed_by_who_may(control: ControlPlane, ada: Session) -> None:
    with_card(control, ada)
    with_card(control, ada, ATLAS)
    ada.create_resource("atlas", id="flow", name="F", **FLOW)
    assert not ada.set_billing_inheritance("atlas", inherits=False).inherits_billing_from_org
    assert ada.billing(ACME).subscription is None
    assert ada.billing(ATLAS).subscription is not None
    bob = control.sign_in("bob")
    ada.grant("Owner", to="bob", on=ATLAS)
    with pytest.raises(Forbidden):
        bob.set_billing_inheritance("atlas", inherits=True)


def test_people_come_back_where_they_may(control: ControlPlane, ada: Session) -> None:
    with pytest.raises(ValidationFailed):
        ada.open_portal(ACME, return_url="https://evil.example/")
    assert ada.open_portal(ACME, return_url="http://localhost:3000/").startswith("https://")
