"""What people play with the simulator, and whose customers there are at a real one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ktrlplane import ControlPlane
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.ids import ResourceId
from ktrlplane.domain.lifecycle import Hold
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.ports.payments import AnotherMerchant
from tests.entrypoints.conftest import Ktrlplane, sentences
from tests.payment_provider import payment_provider
from tests.payment_provider.server import KEY, Provider
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


@contextmanager
def served(database: str, there: Provider) -> Iterator[ControlPlane]:
    """With the key of an account at ``there``."""
    settings = Settings(database_url=database, stripe_secret_key=KEY, stripe_api_base=there.url)
    container = Container(settings=settings)
    with container.database().open():
        container.migrations().apply()
        try:
            yield ControlPlane(units=container.units(), payments=container.payments())
        finally:
            container.shutdown_resources()


def test_a_key_of_another_account_does_nothing_until_somebody_says_so(
    ktrlplane: Ktrlplane, fresh_database: str
) -> None:
    with payment_provider(ManualClock()) as right, payment_provider(ManualClock()) as wrong:
        wrong.books.account = "acct_2"
        with served(fresh_database, right) as control:
            ada = control.sign_in("ada", email="ada@example.com")
            ada.create_project(id="atlas", name="Atlas")
            ada.open_customer("project:atlas")
            before = ada.billing("project:atlas").account
            assert before is not None
        with served(fresh_database, wrong) as control:
            ada = control.sign_in("ada", email="ada@example.com")
            with pytest.raises(AnotherMerchant):
                ada.billing("project:atlas")
            with control.transact.units.begin() as work:
                work.billing.touch([before.scope], before.updated_at)
            control.catch_up()
            with control.transact.units.view() as work:
                after = work.billing.find(before.scope)
            assert after is not None
            assert (after.customer_id, after.fault) == (before.customer_id, "provider_unavailable")
        assert wrong.writes == []
        key = {
            "DATABASE_URL": as_url(fresh_database),
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_API_BASE": wrong.url,
        }
        said = ktrlplane("payments", "bind", **key)
        assert said.out == (
            "The customers are those of acct_2.test from now on; until now those of acct_1.test.\n"
        )
        wrong.books.account = None
        (told,) = sentences(ktrlplane("payments", "bind", **key))
        assert "A restricted key has to be allowed to read the account." in told


def test_nobody_s_customers_are_the_simulator_s(ktrlplane: Ktrlplane, fresh_database: str) -> None:
    outcome = ktrlplane("payments", "bind", DATABASE_URL=as_url(fresh_database))
    assert outcome.status == 1
    assert "It is the simulator" in outcome.err
