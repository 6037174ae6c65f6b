"""``ktrlplane payments sync``, against a provider over HTTP and the simulator."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from ktrlplane.adapters.catalog_files import load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.stripe import StripeAccount, StripePayments
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Plan, Product, Profile, SubscriptionItems
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import OrganizationId, PaymentMethodId, ProductId
from ktrlplane.domain.offering import Offering
from ktrlplane.entrypoints.offering import sold_by, synchronize
from tests.entrypoints.conftest import Ktrlplane, Outcome, sentences
from tests.payment_provider import payment_provider
from tests.payment_provider.server import KEY, Fault, Provider
from tests.postgres import as_url

ORCHARD = Path(__file__).parent.parent / "catalogs" / "orchard"
WATER = "Orchard.Irrigation"
GROVE = f"{WATER}-grove"
MONTH = "orchard-irrigation-grove-month"
YEAR = "orchard-irrigation-grove-year"
MATCHES = "The payment provider sells what the catalog does."


@frozen
class Desk:
    """An operator's, with a catalog of their own."""

    call: Ktrlplane
    provider: Provider
    catalog: Path

    def sync(self, *options: str, **variables: str) -> Outcome:
        known = {
            "CATALOG": str(self.catalog),
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_API_BASE": self.provider.url,
        }
        return self.call("payments", "sync", *options, **{**known, **variables})

    def lines(self, *options: str, **variables: str) -> list[str]:
        outcome = self.sync(*options, **variables)
        assert (outcome.status, outcome.err) == (0, "")
        return outcome.out.splitlines()

    def change(self, act: Callable[[dict[str, Any]], object]) -> None:
        manifest = self.catalog / WATER / "manifest.json"
        document = json.loads(manifest.read_text())
        act(document)
        manifest.write_text(json.dumps(document))

    def grove(self, act: Callable[[dict[str, Any]], object]) -> None:
        self.change(lambda manifest: act(manifest["tiers"][1]))

    @property
    def payments(self) -> StripePayments:
        account = StripeAccount(secret_key=KEY, api_base=self.provider.url, retries=0)
        return StripePayments(account)


@pytest.fixture
def desk(ktrlplane: Ktrlplane, tmp_path: Path) -> Iterator[Desk]:
    catalog = Path(shutil.copytree(ORCHARD, tmp_path / "orchard"))
    with payment_provider(ManualClock()) as provider:
        yield Desk(ktrlplane, provider, catalog)


def test_everything_is_made_once_and_told(desk: Desk) -> None:
    would = desk.lines("--dry-run")
    assert desk.provider.writes == []
    assert would[-1] == "13 steps to take; nothing was changed."
    done = desk.lines()
    assert done[-1] == f"13 steps taken. {MATCHES}"
    assert done[:-1] == [line.replace("would make: ", "made: ") for line in would[:-1]]
    assert f"made: product {GROVE} (Irrigation Grove)" in done
    assert f"made: price {MONTH} of {GROVE}, 1500 usd each month" in done
    assert f"made: meter {WATER}-litres (Irrigation Water)" in done
    writes = list(desk.provider.writes)
    for again in (desk.lines(), desk.lines("--dry-run")):
        assert again == [MATCHES]
    assert desk.provider.writes == writes


def test_a_price_that_changes_is_for_those_who_buy_from_now_on(desk: Desk) -> None:
    desk.sync()
    before = desk.payments.prices([MONTH])[MONTH]
    profile = Profile(scope=Scope.of(OrganizationId("acme")), name="A", email="a@example.com")
    customer_id = desk.payments.open_customer(profile, key="customer").customer_id
    method = PaymentMethodId(desk.provider.add_method(str(customer_id)))
    desk.payments.make_default(customer_id, method, key="default")
    items = SubscriptionItems({before.price_id: 2})
    theirs = desk.payments.subscribe(customer_id, Plan(items=items, revision=1))
    desk.grove(lambda tier: tier["prices"][0].update(amount=1900))
    until_now = f"until now 1500 usd each month; who pays {before.price_id} of {GROVE} goes on so"
    assert desk.lines() == [
        f"replaced: price {MONTH} of {GROVE}, 1900 usd each month, {until_now}",
        f"1 step taken. {MATCHES}",
    ]
    assert desk.payments.subscription(theirs.subscription_id) == theirs
    assert desk.payments.prices([MONTH])[MONTH].each.amount == 1900
    desk.grove(lambda tier: tier["prices"][0].update(amount=1500))
    assert desk.lines()[-1] == f"1 step taken. {MATCHES}"
    back = desk.payments.prices([MONTH])[MONTH]
    assert (back.each, back.price_id == before.price_id) == (before.each, False)


def test_names_follow_and_what_was_put_away_is_sold_again(desk: Desk) -> None:
    desk.sync()
    desk.change(lambda manifest: manifest.update(display_name="Watering"))
    renamed = desk.lines()
    assert f"renamed: product {GROVE} (Watering Grove), until now Irrigation Grove" in renamed
    assert f"renamed: meter {WATER}-litres (Watering Water), until now Irrigation Water" in renamed
    away = Product(product_id=ProductId(GROVE), name="Watering Grove", active=False)
    desk.payments.put_product(away, key="away")
    assert desk.lines("--dry-run")[0] == f"would sell again: product {GROVE} (Watering Grove)"
    assert desk.lines()[0] == f"sold again: product {GROVE} (Watering Grove)"


def test_what_the_catalog_does_not_name_is_told_and_left(desk: Desk) -> None:
    desk.sync()
    hats = Product(product_id=ProductId("prod_hats"), name="Hats\x1b[2J")
    desk.payments.put_product(hats, key="hats")
    desk.change(lambda manifest: manifest["tiers"].pop(2))
    desk.change(lambda manifest: manifest["meters"].pop(1))
    desk.change(lambda manifest: manifest["tiers"][0]["limits"].pop(1))
    desk.grove(lambda tier: tier["prices"].pop(1))
    writes = list(desk.provider.writes)
    told = ", which the catalog does not name"
    assert sorted(desk.lines()) == [
        MATCHES,
        f"left as it is: meter {WATER}-valves (Irrigation Valves){told}",
        f"left as it is: price {YEAR} of {GROVE}, 15000 usd each year{told}",
        f"left as it is: product {WATER}-estate (Irrigation Estate){told}",
        f"left as it is: product prod_hats ('Hats\\x1b[2J'){told}",
    ]
    assert desk.provider.writes == writes


def test_a_product_that_is_said_to_be_there_and_is_not_is_not_made(desk: Desk) -> None:
    outcome = desk.sync(STRIPE_PRODUCTS="Orchard.Sprinkler:grove=prod_slip")
    (said,) = sentences(outcome)
    assert (outcome.status, outcome.out) == (1, "")
    assert "has no product prod_slip" in said


def test_a_product_that_is_there_already_is_kept(desk: Desk) -> None:
    old = Product(product_id=ProductId("prod_old"), name="Old grove")
    desk.payments.put_product(old, key="old")
    kept = {"STRIPE_PRODUCTS": "Orchard.Sprinkler:grove=prod_old"}
    done = desk.lines(**kept)
    assert "renamed: product prod_old (Irrigation Grove), until now Old grove" in done
    assert f"made: price {MONTH} of prod_old, 1500 usd each month" in done
    assert GROVE not in {one.product_id.value for one in desk.payments.products()}
    assert desk.lines(**kept) == [MATCHES]


@pytest.mark.parametrize(
    ("products", "told"),
    [
        ("grove=prod_old", "KTRLPLANE_STRIPE_PRODUCTS must be a comma-separated list such as"),
        (f"{WATER}:grove=no id", "KTRLPLANE_STRIPE_PRODUCTS must be a comma-separated list"),
        (f"{WATER}:grove=a,{WATER}:grove=b", "is a second product to keep for"),
        (f"{WATER}:seedling=a", f"{WATER}:seedling=a keeps the product of a tier"),
        (f"{WATER}:grove=a,{WATER}:estate=a", "would both be the product a."),
    ],
)
def test_products_that_cannot_be_kept_stop_it(desk: Desk, products: str, told: str) -> None:
    outcome = desk.sync(STRIPE_PRODUCTS=products)
    (said,) = sentences(outcome)
    assert (outcome.status, outcome.out) == (1, "")
    assert told in said
    assert desk.provider.writes == []


@pytest.mark.parametrize(
    "fault", [Fault.BROKEN_BEFORE, Fault.BROKEN_AFTER, Fault.DROPPED_AFTER, Fault.IN_USE]
)
def test_where_the_provider_fails_it_goes_on_the_next_time(desk: Desk, fault: Fault) -> None:
    # The adapter asks twice more with the same key, and what is not known to be done is tried
    # under another one.
    desk.provider.faults.extend([None] * 5 + [fault] * 6)
    for _ in range(6):
        outcome = desk.sync()
        if outcome.status == 0:
            break
        (said,) = sentences(outcome)
        assert "payment provider" in said
        assert "s3cret" not in outcome.err
    assert desk.lines() == [MATCHES]
    assert not desk.provider.faults
    assert len(desk.payments.offered()) == len(desk.provider.books.prices) == 7


def at_once(desk: Desk, wanted: Offering) -> list[object]:
    """How many steps each of six takes, who have seen the same."""
    sold, begin, told = sold_by(desk.payments), threading.Barrier(6), list[object]()

    def work() -> None:
        payments = desk.payments
        begin.wait()
        try:
            told.append(len(list(synchronize(payments, wanted, sold))))
        except DomainError as refused:
            told.append(refused)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_of_many_who_do_it_at_once_all_find_it_done(desk: Desk) -> None:
    cheap = Offering.of(load_catalog(desk.catalog, JsonSchemaValidator()))
    offers = tuple(evolve(one, each=one.each * 2) for one in cheap.offers)
    assert at_once(desk, cheap) == [13] * 6
    assert at_once(desk, evolve(cheap, offers=offers)) == [7] * 6
    assert len(desk.payments.offered()) == 7
    assert len(desk.provider.books.prices) == 14


def test_a_key_that_is_not_taken_is_one_sentence(desk: Desk) -> None:
    outcome = desk.sync(STRIPE_SECRET_KEY="sk_test_wrong")
    (said,) = sentences(outcome)
    assert (outcome.status, outcome.out) == (1, "")
    assert "KTRLPLANE_STRIPE_SECRET_KEY" in said
    assert "sk_test_wrong" not in outcome.err


def test_a_broken_catalog_is_told_before_anybody_is_asked(desk: Desk) -> None:
    desk.grove(lambda tier: tier["prices"][1].update(interval="month"))
    outcome = desk.sync()
    assert outcome.status == 1
    assert any("/tiers/1/prices/1" in said for said in sentences(outcome))
    assert desk.provider.asked == []


@pytest.mark.postgres
def test_the_simulator_sells_what_the_catalog_does_by_itself(
    ktrlplane: Ktrlplane, fresh_database: str
) -> None:
    known = {"DATABASE_URL": as_url(fresh_database), "CATALOG": str(ORCHARD)}
    refused = ktrlplane("payments", "sync", **known)
    assert refused.status == 1
    simulated, empty = sentences(refused)
    assert "KTRLPLANE_STRIPE_SECRET_KEY" in simulated
    assert "ktrlplane migrate" in empty
    assert ktrlplane("migrate", **known).status == 0
    first = ktrlplane("payments", "sync", **known)
    assert first.out.splitlines()[-1] == f"2 steps taken. {MATCHES}"
    assert ktrlplane("payments", "sync", **known).out == f"{MATCHES}\n"


# -- the page ---------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "billing" / "setting-up.md").read_text()


def typed(provider: Provider, folder: Path) -> list[str]:
    """What the page has one type into a shell says."""
    program = folder / "ktrlplane"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ktrlplane "$@"\n')
    program.chmod(0o755)
    blocks = re.findall(r"^( *)```sh\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    script = "\n".join(textwrap.dedent(text) for _, text in blocks).replace("sk_test_...", KEY)
    known = {
        "KTRLPLANE_STRIPE_API_BASE": provider.url,
        "KTRLPLANE_STRIPE_SECRET_KEY": KEY,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, **known},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_page_says_what_happens(desk: Desk, tmp_path: Path) -> None:
    for product_id in ("prod_1a2b3c", "prod_4d5e6f"):
        old = Product(product_id=ProductId(product_id), name="Old")
        desk.payments.put_product(old, key=product_id)
    said = typed(desk.provider, tmp_path)
    (told,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    promised = [line.strip() for line in told.splitlines() if line.strip()]
    assert len(promised) == 3
    for line in promised:
        assert line in said
        assert line.replace("made: ", "would make: ") in said
    assert said.count(MATCHES) == 1
    assert "would rename: product prod_4d5e6f (Flow Standard), until now Old" in said
    lookup_keys = {one.lookup_key for one in desk.payments.offered()}
    assert "konnektr-flow-standard-year" in lookup_keys
