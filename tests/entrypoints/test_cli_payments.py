"""What people play with the simulator."""

import pytest

from ktrlplane import ControlPlane
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Hold
from tests.entrypoints.conftest import Ktrlplane, sentences
from tests.payment_provider.server import KEY
from tests.postgres import as_url

pytestmark = pytest.mark.postgres

ON_ATLAS = ("--scope-type", "project", "--scope-id", "atlas")


def test_a_card_is_added_fails_and_is_replaced(ktrlplane: Ktrlplane, fresh_database: str) -> None:
    url = as_url(fresh_database)
    with ControlPlane.postgres(fresh_database, migrate=True) as control:
        ada = control.sign_in("ada", email="ada@example.com")
        ada.create_project(id="atlas", name="Atlas")
        early = ktrlplane("payments", "play", "add-card", *ON_ATLAS, DATABASE_URL=url)
        assert early.status == 1
        assert sentences(early) == [
            "There is no customer for project atlas yet; it has not begun to pay."
        ]
        ada.open_customer("project:atlas")
        added = ktrlplane("payments", "play", "add-card", *ON_ATLAS, DATABASE_URL=url)
        assert (added.status, added.out) == (0, "It has one more card, which pays.\n")
        ada.create_resource("atlas", id="flow", name="F", type="Konnektr.Flow", sku="standard")
        view = ada.billing("project:atlas")
        assert view.subscription is not None
        assert view.subscription.state.is_paid

        ktrlplane("payments", "play", "decline", *ON_ATLAS, DATABASE_URL=url)
        later = ktrlplane("payments", "later", "--days", "32", DATABASE_URL=url)
        assert (later.status, later.out) == (0, "It is 32 days later there.\n")
        control.catch_up()
        view = ada.billing("project:atlas")
        assert view.account is not None
        assert view.account.fault == "payment_failed"
        ended = ktrlplane("payments", "play", "end-subscription", *ON_ATLAS, DATABASE_URL=url)
        assert ended.out == "1 subscriptions have ended.\n"
        control.catch_up()
        assert ada.resource(ResourceId("flow")).holds == (Hold.PAYMENT,)


def test_whoever_is_meant_is_named_one_way(ktrlplane: Ktrlplane, fresh_database: str) -> None:
    url = as_url(fresh_database)
    with ControlPlane.postgres(fresh_database, migrate=True) as control:
        ada = control.sign_in("ada", email="ada@example.com")
        ada.create_project(id="atlas", name="Atlas")
        ada.open_customer("project:atlas")
        account = ada.billing("project:atlas").account
        assert account is not None
        named = ("--customer", str(account.customer_id))
        play = ("payments", "play", "add-card")
        assert ktrlplane(*play, *named, DATABASE_URL=url).status == 0
        assert len(ada.billing("project:atlas").methods) == 1
        wrong = {
            ("--customer", "sim_cus_none"): "The payment provider does not have this customer any "
            "more.",
            (): "Say who: --scope-type and --scope-id, or --customer.",
            (*named, *ON_ATLAS): "Say who: --scope-type and --scope-id, or --customer.",
            ON_ATLAS[2:]: "Missing option '--scope-type': organization or project?",
            ON_ATLAS[:2]: "Missing option '--scope-id': which project?",
        }
        for arguments, said in wrong.items():
            refused = ktrlplane(*play, *arguments, DATABASE_URL=url)
            assert refused.status != 0
            assert said in sentences(refused)[-1]


def test_nothing_is_played_with_a_real_provider(ktrlplane: Ktrlplane, fresh_database: str) -> None:
    url = as_url(fresh_database)
    with ControlPlane.postgres(fresh_database, migrate=True) as control:
        ada = control.sign_in("ada", email="ada@example.com")
        ada.create_project(id="atlas", name="Atlas")
        ada.open_customer("project:atlas")
        real = {"DATABASE_URL": url, "STRIPE_SECRET_KEY": KEY}
        for arguments in (("play", "add-card", *ON_ATLAS), ("later", "--days", "1")):
            refused = ktrlplane("payments", *arguments, **real)
            assert refused.status == 1
            assert sentences(refused) == [
                "The payment provider is a real one: nothing can be played there."
            ]
