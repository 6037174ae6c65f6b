"""Customers whom the provider does not have any more."""

from datetime import timedelta

import pytest

from ktrlplane.domain.billing_accounts import BillingFault
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Hold
from ktrlplane.domain.services import billing, subscribing
from tests.buying import ACME, GOLD, Scene

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEVEN = 7 * HOUR


@pytest.fixture
def scene() -> Scene:
    return Scene()


def is_held(scene: Scene) -> bool:
    with scene.control.transact.units.view() as work:
        return work.resources.get(ResourceId("one")).holds == (Hold.PAYMENT,)


def lose(scene: Scene) -> None:
    scene.there.lose(scene.account(ACME).customer_id)
    scene.pass_time(SEVEN)


def come_back(scene: Scene) -> None:
    """As another customer, with a card."""
    scene.act(billing.open_customer, ACME)
    customer_id = scene.account(ACME).customer_id
    method = scene.there.add_method(customer_id)
    scene.there.make_default(customer_id, method, key="again")
    scene.pass_time(SEVEN)


def cancel(scene: Scene) -> None:
    scene.act(lambda work, **asked: billing.cancel(work, ACME, key="k", **asked))
    scene.pass_time(40 * DAY)


def test_what_was_cancelled_and_is_over_stays_suspended(scene: Scene) -> None:
    scene.buy("one", "gold")
    cancel(scene)
    lose(scene)
    for _ in range(3):
        account = scene.account(ACME)
        assert account.customer_id is None
        assert account.fault is BillingFault.SUBSCRIPTION_ENDED
        assert is_held(scene)
        scene.pass_time(SEVEN)


def test_nor_is_it_begun_again_by_a_card(scene: Scene) -> None:
    scene.buy("one", "gold")
    cancel(scene)
    lose(scene)
    come_back(scene)
    assert scene.account(ACME).fault is BillingFault.SUBSCRIPTION_ENDED
    assert scene.billed() == []
    scene.act(subscribing.subscribe, ACME, subscribing.Subscribe())
    assert scene.billed() == [GOLD]
    assert not is_held(scene)


def test_what_is_over_and_given_up_leaves_nothing(scene: Scene) -> None:
    scene.buy("one", "gold")
    cancel(scene)
    lose(scene)
    scene.ada.delete_resource("one")
    scene.pass_time(SEVEN)
    assert scene.account(ACME).is_settled
    come_back(scene)
    scene.buy("two", "gold")
    assert scene.billed() == [GOLD]


def test_what_was_never_paid_stays_suspended(scene: Scene) -> None:
    scene.there.decline(scene.account(ACME).customer_id)
    scene.buy("one", "gold")
    scene.pass_time(SEVEN)
    assert is_held(scene)
    lose(scene)
    for _ in range(3):
        assert is_held(scene)
        assert scene.account(ACME).has_lapsed
        scene.pass_time(SEVEN)
    come_back(scene)
    assert not is_held(scene)
